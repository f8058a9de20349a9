"""Captions as the measures read them."""

import re


def plain(text: str) -> str:
    """Text in lower case, only letters a-z and digits, single spaces; every measure here splits this at spaces."""
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def sequences(text: str, size: int) -> list[tuple[str, ...]]:
    """Every `size` words in a row."""
    words = text.split()
    return [tuple(words[start : start + size]) for start in range(len(words) - size + 1)]


def repeats(text: str, size: int = 3) -> bool:
    """Whether a text says the same `size` words in a row twice."""
    found = sequences(text, size)
    return len(set(found)) < len(found)
