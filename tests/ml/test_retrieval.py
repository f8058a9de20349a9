"""Recall@k between pictures and captions, on embeddings whose ranks are known by hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from ml.encoders.fake import FakeEncoder
from ml.errors import DatasetError
from ml.evaluation.retrieval import RetrievalScores, evaluate, score


def test_embeddings_that_agree_find_everything_first() -> None:
    images = np.eye(20, dtype=np.float32)
    owner = np.repeat(np.arange(20), 5)
    scores = score(images, images[owner], owner)
    assert scores.text_to_image == (1.0, 1.0, 1.0)
    assert scores.image_to_text == (1.0, 1.0, 1.0)
    assert (scores.images, scores.captions) == (20, 100)


def test_each_depth_counts_the_queries_whose_answer_stands_above_it() -> None:
    images = np.eye(12, dtype=np.float32)
    texts = np.zeros((3, 12), dtype=np.float32)
    texts[0, 0] = 1.0  # its own picture first
    texts[1] = np.linspace(1.0, 0.0, 12)  # three before its own, number 3
    texts[2] = np.linspace(1.0, 0.0, 12)  # nine before its own, number 9
    scores = score(images, texts, np.array([0, 3, 9]))
    assert scores.text_to_image == pytest.approx((1 / 3, 2 / 3, 1.0))


def test_a_picture_is_found_by_its_best_caption() -> None:
    images = np.eye(2, dtype=np.float32)
    texts = np.array([[0.1, 0.9], [0.9, 0.1], [0.0, 1.0]], dtype=np.float32)
    assert score(images, texts, np.array([0, 0, 1])).image_to_text[0] == 1.0


def test_constant_embeddings_score_nothing() -> None:
    images = np.full((30, 4), 0.5, dtype=np.float32)
    scores = score(images, images, np.arange(30))
    assert scores.text_to_image == (0.0, 0.0, 0.0)
    assert scores.image_to_text == (0.0, 0.0, 0.0)


def test_the_table_shows_per_cent_in_both_directions() -> None:
    scores = RetrievalScores(
        images=1000, captions=5000, text_to_image=(0.2204, 0.51, 0.64), image_to_text=(0.3, 0.6, 0.7)
    )
    assert scores.table().splitlines() == [
        "| 1,000 images, 5,000 captions | R@1 | R@5 | R@10 |",
        "|---|---|---|---|",
        "| text -> image | 22.0 | 51.0 | 64.0 |",
        "| image -> text | 30.0 | 60.0 | 70.0 |",
    ]


def test_scores_any_encoder_on_a_folder_in_the_usual_layout(tmp_path: Path) -> None:
    photos = tmp_path / "Flicker8k_Dataset"
    photos.mkdir()
    for name in ("red", "blue"):
        PILImage.new("RGB", (40, 30), name).save(photos / f"{name}.jpg")
    (tmp_path / "Flickr_8k.testImages.txt").write_text("red.jpg\nblue.jpg\n")
    lines = [f"{name}.jpg#{number}\ta {name} wall ." for name in ("red", "blue") for number in range(5)]
    (tmp_path / "Flickr8k.token.txt").write_text("\n".join(lines))
    scores = evaluate(FakeEncoder(), data=tmp_path, split="test")
    assert (scores.images, scores.captions) == (2, 10)
    assert all(0.0 <= recall <= 1.0 for recall in (*scores.text_to_image, *scores.image_to_text))


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not Flickr8k"):
        evaluate(FakeEncoder(), data=tmp_path, split="test")
