"""Naming the thing in a picture by the image tower's classifier."""

import pytest
import torch

from ml.backbones.efficientnet_lite import CHANNELS, GRID
from ml.backbones.shared import shared_image_tower
from ml.captioners.naming import Namer, log_odds, mentions

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def namer() -> Namer:
    return Namer(shared_image_tower())


def things(*cells: tuple[int, int]) -> torch.Tensor:
    """A feature map, (1, 49, 1280), on which given cells look as the classifier's picture of given classes."""
    weight = shared_image_tower().classifier().weight
    maps = torch.zeros(1, GRID * GRID, CHANNELS)
    for cell, number in cells:
        maps[0, cell] = 400.0 * (weight[number] - weight.mean(dim=0)).clamp_min(0.0)
    return maps


def test_breeds_that_nobody_tells_apart_add_up(namer: Namer) -> None:
    shares = torch.zeros(2, 1000)
    shares[0, [281, 282, 285]], shares[0, 999] = 0.2, 0.4  # tabby, tiger cat, Egyptian Mau; toilet paper
    shares[1, 340] = 1.0
    probabilities, kinds = namer.likeliest(shares)
    assert [namer.kinds[kind] for kind in kinds.tolist()] == ["a cat", "a zebra"]
    assert probabilities.tolist() == pytest.approx([0.6, 1.0])


def test_names_a_thing_and_where_it_is(namer: Namer) -> None:
    (named,) = namer.name(things((8, 340), (9, 340)))  # zebra, in the second row
    assert named.kind == "a zebra"
    assert named.probability > 0.9
    assert named.evidence.shape == (GRID, GRID)
    assert named.evidence.sum() == pytest.approx(1.0, abs=1e-4)
    assert named.evidence[1, 1] + named.evidence[1, 2] > 0.9


def test_knows_how_much_it_does_not_know(namer: Namer) -> None:
    (nothing,) = namer.name(torch.zeros(1, GRID * GRID, CHANNELS))
    assert nothing.probability < 0.5
    assert namer.name(torch.zeros(0, GRID * GRID, CHANNELS)) == []


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("a cat on a sofa", "a cat", True),
        ("two dogs run", "a dog", True),
        ("two buses", "a bus", True),
        ("people drink coffee", "a cup of coffee", True),
        ("a cattle market", "a cat", False),
        ("a cup of tea", "a cup of coffee", False),
    ],
)
def test_a_mention_is_of_one_or_of_several(text: str, kind: str, expected: bool) -> None:
    assert mentions(text, kind) is expected


def test_log_odds_stay_finite() -> None:
    assert log_odds(0.5) == 0.0
    assert log_odds(0.0) == pytest.approx(-log_odds(1.0))
    assert log_odds(1.0) < 10.0
    assert log_odds(0.9) < log_odds(0.99)
