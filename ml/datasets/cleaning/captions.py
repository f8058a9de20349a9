"""Captions as they should be, and why some are left out."""

import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ml.errors import UsageError

BLOCKED = Path(__file__).with_name("blocked.txt")
ENGLISH_FROM = 0.02
"""Of Flickr8k's 40,455 English captions, 1 in 8,000 is less likely English than this (of those up to five words, 1 in
1,800); of 62 captions in 27 other languages all are (py3langid)."""

_TAG = re.compile(r"</?[a-zA-Z!][^<>]{0,200}>")
_MARKS = str.maketrans({"‘": "'", "’": "'", "‚": "'", "“": '"', "”": '"', "„": '"', "–": "-", "—": "-", "…": "..."})
_BEFORE_MARK = re.compile(r"\s+(?=[.,;:!?]+(?:\s|$))")
_STRAY = " -_*#|/\\~,;:"
_SIGNS = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"  # kana and Chinese signs stand without spaces: each is a word
_WORD = re.compile(rf"[{_SIGNS}]|[^\W_{_SIGNS}]+(?:['-][^\W_{_SIGNS}]+)*")


def normalise(text: str) -> str:
    """A caption's words as they were written, without markup, odd spaces and marks, and stray signs at its ends."""
    for _ in range(3):  # what was escaped twice comes out by and by
        if (cleaner := _normalise(text)) == text:
            break
        text = cleaner
    return text


def _normalise(text: str) -> str:
    text = unicodedata.normalize("NFKC", _TAG.sub(" ", html.unescape(text))).translate(_MARKS)
    text = "".join(sign for sign in text if sign.isspace() or unicodedata.category(sign)[0] != "C")
    text = _BEFORE_MARK.sub("", " ".join(text.split())).strip(_STRAY)
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" and text[0] not in text[1:-1]:
        text = text[1:-1]  # quotes around the whole
    elif text.count('"') == 1:  # half a pair
        text = text.strip('"')
    return text.strip(_STRAY)


def words(text: str) -> list[str]:
    """The words of a caption."""
    return _WORD.findall(text)


@dataclass(frozen=True)
class CaptionRules:
    """Which captions are kept."""

    min_words: int = 2
    max_words: int = 60
    english: bool = True
    blocked: Sequence[str] = field(default_factory=lambda: read_phrases(BLOCKED))

    def fault(self, caption: str) -> tuple[str, str] | None:
        """Why a normalised caption is left out: a reason and its detail; None where it is kept."""
        count = len(words(caption))
        if count < self.min_words:
            return "caption too short", f"{count} words"
        if count > self.max_words:
            return "caption too long", f"{count} words"
        if found := self._pattern.search(caption):
            return "blocked words", found[0]
        if self.english and (chance := _chance_of_english(caption)) < ENGLISH_FROM:
            return "not English", f"{chance:.3f}"
        return None

    @property
    def _pattern(self) -> re.Pattern[str]:
        return _pattern_of(tuple(self.blocked))


def read_phrases(path: Path) -> list[str]:
    """The phrases of a list, one a line, normalised as captions are; a # begins a remark. Raises UsageError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The list of blocked words {path} cannot be read: {error}.") from error
    return [phrase for line in lines if (phrase := normalise(line.partition("#")[0]))]


@cache
def _pattern_of(phrases: tuple[str, ...]) -> re.Pattern[str]:
    alternatives = "|".join(re.escape(phrase).replace(r"\ ", r"\s+") for phrase in phrases) or "(?!)"
    return re.compile(rf"(?<!\w)(?:{alternatives})(?!\w)", re.IGNORECASE)


def _chance_of_english(caption: str) -> float:
    return float(dict(_languages().rank(caption))["en"])


@cache
def _languages() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
