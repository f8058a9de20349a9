"""Everything that captioning raises on purpose."""


class CaptioningError(Exception):
    """Root of the errors of captioning; its text is a sentence for people."""


class BadCaption(CaptioningError):
    """A model or a person gave something that is no caption."""


class NoLooks(CaptioningError):
    """Nobody can say where a caption's words are in the picture."""


class CaptionChanged(CaptioningError):
    """The picture's caption is no longer the one that a person saw when they decided."""


class BadTable(CaptioningError):
    """A file is no table of captions."""
