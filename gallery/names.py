"""How names that people give are kept, and compared."""

import unicodedata


def tidy(name: str) -> str:
    """Unicode NFC, single spaces, none around it, and nothing that can't be printed or stored; "" if nothing shows."""
    printable = "".join(" " if unicodedata.category(char) in ("Cc", "Cs") else char for char in name)
    kept = " ".join(unicodedata.normalize("NFC", printable).split())
    return kept if any(unicodedata.category(char) not in ("Cf", "Zs") for char in kept) else ""


def folded(name: str) -> str:
    """What two names that differ in capitals or spaces alone have in common, on every database alike."""
    return unicodedata.normalize("NFC", tidy(name).casefold())
