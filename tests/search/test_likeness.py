"""Whether greys tell copies from other pictures."""

import numpy as np
import pytest
from PIL import Image as PILImage

from search.likeness import SIDE, greys_of, likenesses
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
