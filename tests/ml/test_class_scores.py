"""Scores on single things, with beliefs and embeddings known by hand."""

import numpy as np
import pytest

from ml.errors import DatasetError
from ml.evaluation.classes import score

BELIEFS = np.array([[0.9, 0.0, 0.0, 0.1], [0.0, 0.8, 0.0, 0.1], [0.0, 0.1, 0.01, 0.1]], dtype=np.float32)
IMAGES = np.eye(3, dtype=np.float32)


def test_classes_that_find_their_photo_count_and_those_between_do_not() -> None:
    prompts = np.array([[0.9, 0.1, 0.0], [0.7, 0.6, 0.0], [0.1, 0.2, 0.3], [0.0, 0.0, 1.0]], dtype=np.float32)
    scores = score(IMAGES, prompts, BELIEFS)
    assert (scores.shown, scores.absent) == (2, 1)
    assert (scores.first, scores.fifth) == (0.5, 1.0)
    assert scores.shown_cosine == pytest.approx(0.8)
    assert scores.absent_cosine == pytest.approx(0.3)
    assert "| 2 shown | 50.0 | 100.0 | 0.800 |" in scores.table()


def test_photos_without_any_known_thing_are_refused() -> None:
    with pytest.raises(DatasetError, match="no class"):
        score(IMAGES, np.ones((4, 3), dtype=np.float32), np.zeros((3, 4), dtype=np.float32))
