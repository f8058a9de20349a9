"""Whether greys tell copies from other pictures."""

import numpy as np
import pytest
from PIL import Image as PILImage

from search.likeness import SIDE, greys_of, kind_of, likenesses
from tests.search.photographs import EDITS, photograph


def likeness(one: PILImage.Image, other: PILImage.Image) -> float:
    return likenesses(greys_of(one), [greys_of(other)])[0]


def test_greys_are_small_whatever_the_picture_is() -> None:
    greys = greys_of(photograph(0, size=(17, 900)))
    assert (greys.shape, greys.dtype) == ((SIDE, SIDE), np.uint8)


@pytest.mark.parametrize("edit", EDITS)
def test_copies_are_alike_both_ways_round(edit: str) -> None:
    picture = photograph(0)
    copy = EDITS[edit](picture)
    assert likeness(picture, copy) > 0.95
    assert likeness(copy, picture) == pytest.approx(likeness(picture, copy), abs=1e-5)


def test_other_pictures_are_not() -> None:
    others = likenesses(greys_of(photograph(0)), [greys_of(photograph(seed)) for seed in range(1, 20)])
    assert max(others) < 0.8


def test_where_nothing_is_to_be_seen_nothing_is_alike() -> None:
    blank = PILImage.new("RGB", (100, 100), "white")
    assert likeness(blank, blank) == 0
    assert likeness(blank, photograph(0)) == 0


@pytest.mark.parametrize(
    ("cosine", "likeness", "seconds", "kind"),
    [
        (0.7, 0.96, None, "copy"),
        (0.9, 0.94, None, "copy"),
        (0.9, 0.94, 0, "copy"),
        (0.7, 0.94, None, None),
        (0.5, 1.0, None, None),
        (1.0, 1.0, 3600, "shot"),
        (0.9, 0.86, None, "shot"),
        (0.82, 0.86, None, None),
        (0.82, 0.2, 4, "shot"),
        (0.82, 0.2, 60, None),
        (0.7, 0.2, 4, None),
    ],
)
def test_what_two_pictures_are_to_each_other(
    cosine: float, likeness: float, seconds: float | None, kind: str | None
) -> None:
    assert kind_of(cosine, likeness, seconds) == kind
