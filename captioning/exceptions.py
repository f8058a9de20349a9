"""Everything that captioning raises on purpose."""


class CaptioningError(Exception):
    """Root of the errors of captioning; its text is a sentence for people."""


class BadCaption(CaptioningError):
    """A model or a person gave something that is no caption."""
