"""Whole numbers that addresses and forms carry."""

MOST_DIGITS = 18  # of a key, which every database takes


def whole(text: str, *, digits: int = MOST_DIGITS) -> int | None:
    """The number that a text is: ASCII digits, at most so many. None for any other, which is no reason for an error."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None
