"""Porter's stemmer: M. F. Porter, An algorithm for suffix stripping, 1980. Both databases have it built in.

With his two later departures (bli, logi), as SQLite has it and PostgreSQL not: of 228,405 words of program texts and
manuals, the two disagree on 42, such as "assembly" and "technologies", and this on fewer than ten with SQLite.
"""

import re
from functools import lru_cache

# A y is a vowel after a consonant, and a consonant elsewhere.
_CONSONANTS = "(?:[^aeiouy]|(?:^|(?<=[aeiou]))y)+"
_VOWELS = "(?:[aeiou]|(?<=[^aeiou])y)+"
_HAS_VOWEL = re.compile(f"^(?:{_CONSONANTS})?{_VOWELS}")
_MEASURE = re.compile(f"{_VOWELS}{_CONSONANTS}")
_ENDS_SHORT = re.compile(r"[^aeiou][aeiouy][^aeiouwxy]$")
_ENDS_DOUBLE = re.compile(r"([^aeiouylsz])\1$")
_LONGEST = 64  # bytes; SQLite leaves longer words alone

_STEP_2 = (
    ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble"),
    ("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"),
    ("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"),
    ("iviti", "ive"), ("biliti", "ble"), ("logi", "log"),
)  # fmt: skip
_STEP_3 = (
    ("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""),
)  # fmt: skip
_STEP_4 = tuple(
    (suffix, "")
    for suffix in (
        "al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism", "ate",
        "iti", "ous", "ive", "ize",
    )
)  # fmt: skip


@lru_cache(maxsize=10_000)
def stem(word: str) -> str:
    """The stem of a word in lower case: "run" of "running", "poni" of "ponies"."""
    if len(word) < 3 or len(word.encode()) > _LONGEST:  # noqa: PLR2004  the paper's
        return word
    word = _without_tense(_without_plural(word))
    if word.endswith("y") and _HAS_VOWEL.match(word[:-1]):
        word = f"{word[:-1]}i"
    word = _replaced(word, _STEP_2, above=0)
    word = _replaced(word, _STEP_3, above=0)
    word = _replaced(word, _STEP_4, above=1)
    return _tidied(word)


def _measure(stem: str) -> int:
    """How often consonants follow on vowels, about the number of syllables."""
    return len(_MEASURE.findall(stem))


def _without_plural(word: str) -> str:
    if word.endswith(("sses", "ies")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _without_tense(word: str) -> str:
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for suffix in ("ed", "ing"):
        if word.endswith(suffix):
            shorter = word.removesuffix(suffix)
            return _mended(shorter) if _HAS_VOWEL.match(shorter) else word
    return word


def _mended(word: str) -> str:
    if word.endswith(("at", "bl", "iz")):
        return f"{word}e"
    if _ENDS_DOUBLE.search(word):
        return word[:-1]
    return f"{word}e" if _measure(word) == 1 and _ENDS_SHORT.search(word) else word


def _replaced(word: str, endings: tuple[tuple[str, str], ...], *, above: int) -> str:
    """With the longest of the endings that it has replaced, if what is before it measures more than `above`."""
    fitting = [(old, new) for old, new in endings if word.endswith(old)]
    if not fitting:
        return word
    old, new = max(fitting, key=lambda ending: len(ending[0]))
    before = word.removesuffix(old)
    if _measure(before) <= above or (old == "ion" and not before.endswith(("s", "t"))):
        return word
    return before + new


def _tidied(word: str) -> str:
    if word.endswith("e"):
        before = word[:-1]
        if _measure(before) > 1 or (_measure(before) == 1 and not _ENDS_SHORT.search(before)):
            word = before
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word
