"""How names that people give are kept, and compared."""

import unicodedata


def printable(text: str) -> str:
    """Unicode NFC, with a space for each character that can't be printed or stored."""
    kept = "".join(" " if unicodedata.category(char) in ("Cc", "Cs") else char for char in text)
    return unicodedata.normalize("NFC", kept)


def tidy(name: str) -> str:
    """Unicode NFC, single spaces, none around it, and nothing that can't be printed or stored; "" if nothing shows."""
    kept = " ".join(printable(name).split())
    return kept if any(unicodedata.category(char) not in ("Cf", "Zs") for char in kept) else ""


def folded(name: str) -> str:
    """What two names that differ in capitals or spaces alone have in common, on every database alike."""
    return unicodedata.normalize("NFC", tidy(name).casefold())
