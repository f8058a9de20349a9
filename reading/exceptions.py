"""Everything that reading raises on purpose."""


class ReadingError(Exception):
    """Root of the errors of reading; its text is a sentence for people."""


class BadReading(ReadingError):
    """A reader gave something that is no line of text, or none at a place in the picture."""
