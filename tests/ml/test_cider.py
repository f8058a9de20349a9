"""CIDEr-D, held against the code that the COCO challenge scored with."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from pycocoevalcap.cider.cider import Cider

from ml.evaluation.cider import CiderD
from ml.evaluation.text import plain

WHO = ["a dog", "a brown dog", "two men", "a little girl", "people", "the boy in a red shirt", "a woman"]
DOES = ["runs", "is running", "jumps over a fence", "sits on a bench", "plays with a ball", "are standing"]
WHERE = ["", "on the beach", "in the snow", "near the water .", "on the street in front of people", "in the grass"]


def sentence(generator: random.Random) -> str:
    return " ".join(generator.choice(part) for part in (WHO, DOES, WHERE)).strip()


def coco(captions: Sequence[str], references: Sequence[Sequence[str]]) -> np.ndarray:
    """What the COCO code gives for each caption, on the same words."""
    theirs = {row: [plain(text) for text in texts] for row, texts in enumerate(references)}
    ours = {row: [plain(text)] for row, text in enumerate(captions)}
    return np.array(Cider().compute_score(theirs, ours)[1])


@pytest.fixture(scope="module")
def references() -> list[list[str]]:
    generator = random.Random(0)
    return [[sentence(generator) for _ in range(generator.randint(1, 6))] for _ in range(120)]


def test_agrees_with_the_coco_code(references: list[list[str]]) -> None:
    generator = random.Random(1)
    captions = [sentence(generator) for _ in references]
    captions[:6] = [
        "",
        "dog",
        "zebra",
        "zebra zebra zebra",
        "a dog and a dog and a dog and a dog runs",
        references[5][0],
    ]
    expected = coco(captions, references)
    assert expected.max() > 1.0
    assert np.unique(expected).size > 50
    np.testing.assert_allclose(CiderD(references).score(captions), expected, rtol=0, atol=1e-9)


def test_empty_references_score_as_there() -> None:
    references = [["", "a dog"], ["a cat"], ["..."]]
    captions = ["a dog", "", "a"]
    np.testing.assert_allclose(CiderD(references).score(captions), coco(captions, references), atol=1e-9)


def test_any_number_of_captions_of_any_picture(references: list[list[str]]) -> None:
    generator = random.Random(2)
    scorer = CiderD(references)
    alone = np.array([scorer.score([text] * len(references)) for text in ("a dog runs", "two men on the beach")])
    rows = [generator.randrange(len(references)) for _ in range(300)]
    np.testing.assert_allclose(scorer.score(["a dog runs"] * 300, rows), alone[0, rows])
    mixed = scorer.score(["a dog runs", "two men on the beach"], np.array([7, 7]))
    np.testing.assert_allclose(mixed, alone[:, 7])
    assert scorer.score([], []).shape == (0,)


def test_rarity_may_come_from_other_pictures(references: list[list[str]]) -> None:
    few = references[:3]
    captions = ["a dog runs", "two men on the beach", "people are standing"]
    with_all = CiderD(references).score(captions, [0, 1, 2])
    np.testing.assert_allclose(CiderD(few, background=references).score(captions), with_all)
    assert not np.allclose(CiderD(few).score(captions), with_all)


def test_saying_more_of_what_people_say_scores_more() -> None:
    references = [["a dog runs on grass", "a dog is running"], ["a man on a bench", "an old man sits"]]
    said = ["a dog runs on grass", "a dog runs", "a dog sits", "an old man sits"]
    scores = CiderD(references).score(said, [0, 0, 0, 0])
    assert list(scores) == sorted(scores, reverse=True)
    assert scores[-1] == 0.0


def test_a_single_picture_has_nothing_rare() -> None:
    assert CiderD([["a dog"]]).score(["a dog"]).tolist() == [0.0]


def test_needs_a_picture_for_each_caption() -> None:
    with pytest.raises(ValueError, match="2 captions for 1 pictures"):
        CiderD([["a dog"]]).score(["a dog", "a cat"])
