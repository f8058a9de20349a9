"""What is left out of a data set, and what is known of what was."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ml.datasets.cleaning.captions import CaptionRules
from ml.datasets.cleaning.near_duplicates import DISTANCE
from ml.datasets.examples import Example, Split

REASONS = {
    "unreadable": "cut short, damaged, or no picture at all",
    "too small": "a side shorter than --min-side",
    "too large": "more pixels than --max-megapixels",
    "odd shape": "one side more than --max-aspect times the other",
    "same picture": "looks like another; test is kept before dev, dev before train, the larger before the smaller",
    "no caption left": "every caption was left out",
    "caption too short": "fewer words than --min-words",
    "caption too long": "more words than --max-words",
    "blocked words": "a phrase of the blocked list",
    "not English": "another language, as far as can be told (--language any keeps it)",
    "same caption": "the picture has this caption already",
    "does not match": "the encoder sees little in common between caption and picture (--min-match)",
}
"""Every reason, and what it means."""


@dataclass(frozen=True)
class Rules:
    """Which pictures and captions are kept."""

    captions: CaptionRules = field(default_factory=CaptionRules)
    min_side: int = 32  #: pixels
    max_megapixels: float = 80.0  #: Pillow warns from 89 on, and opens none from 179 on
    max_aspect: float = 8.0
    distance: int = DISTANCE  #: bits between the hashes of two pictures up to which they are one; -1 keeps all
    min_match: float | None = None  #: cosine of caption and picture; None takes the encoder's own
    model: str | None = "builtin"  #: the encoder; None leaves out this step


@dataclass(frozen=True)
class Dropped:
    """A picture, or one caption of it, that was left out."""

    split: Split
    example: Example
    reason: str
    detail: str
    caption: str | None = None  #: None where the whole picture was
    like: Path | None = None  #: the picture that is kept in its place


def faulty_shape(size: tuple[int, int], rules: Rules) -> tuple[str, str] | None:
    """Why a picture of this width and height is left out; None where it is kept."""
    width, height = size
    if min(size) < rules.min_side:
        return "too small", f"{width} x {height}"
    if width * height > rules.max_megapixels * 1e6:
        return "too large", f"{width} x {height}"
    if max(size) > rules.max_aspect * min(size):
        return "odd shape", f"{width} x {height}"
    return None


def name_in(source: Path, path: Path) -> str:
    """How a picture is called in its split: its path below the split's folder, or below that of Flickr8k's photos."""
    return "/".join(path.relative_to(source).parts[1:])


def counted(dropped: Sequence[Dropped]) -> dict[str, int]:
    """How often each reason occurs, in their order."""
    counts = {reason: sum(each.reason == reason for each in dropped) for reason in REASONS}
    return {reason: count for reason, count in counts.items() if count}
