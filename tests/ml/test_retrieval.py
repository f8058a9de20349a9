"""Retrieval between pictures and captions, on embeddings whose ranks are known by hand."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from ml.datasets import imagefolder
from ml.encoders.fake import FakeEncoder
from ml.errors import DatasetError
from ml.evaluation import retrieval
from ml.evaluation.bootstrap import intervals
from ml.evaluation.results import Report
from ml.evaluation.retrieval import RetrievalScores, RetrievalStatistics, evaluate, rank, report, score


def embeddings(images: int, each: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random pictures, and captions not far from theirs."""
    random = np.random.default_rng(seed)
    pictures = random.normal(size=(images, 16)).astype(np.float32)
    owner = random.permutation(np.repeat(np.arange(images), each))
    texts = pictures[owner] + random.normal(0.0, 1.5, (len(owner), 16)).astype(np.float32)
    return pictures, texts / np.linalg.norm(texts, axis=1, keepdims=True), owner


def test_embeddings_that_agree_find_everything_first() -> None:
    images = np.eye(20, dtype=np.float32)
    owner = np.repeat(np.arange(20), 5)
    scores = score(images, images[owner], owner)
    assert scores.text_to_image == (1.0, 1.0, 1.0)
    assert scores.image_to_text == (1.0, 1.0, 1.0)
    assert (scores.images, scores.captions) == (20, 100)
    assert (scores.text_to_image_median_rank, scores.image_to_text_mrr) == (1.0, 1.0)


def test_each_depth_counts_the_queries_whose_answer_stands_above_it() -> None:
    images = np.eye(12, dtype=np.float32)
    texts = np.zeros((3, 12), dtype=np.float32)
    texts[0, 0] = 1.0  # its own picture first
    texts[1] = np.linspace(1.0, 0.0, 12)  # three before its own, number 3
    texts[2] = np.linspace(1.0, 0.0, 12)  # nine before its own, number 9
    scores = score(images, texts, np.array([0, 3, 9]))
    assert scores.text_to_image == pytest.approx((1 / 3, 2 / 3, 1.0))
    assert scores.text_to_image_median_rank == 4.0
    assert scores.text_to_image_mrr == pytest.approx((1 + 1 / 4 + 1 / 10) / 3)


def test_a_picture_is_found_by_its_best_caption() -> None:
    images = np.eye(2, dtype=np.float32)
    texts = np.array([[0.1, 0.9], [0.9, 0.1], [0.0, 1.0]], dtype=np.float32)
    assert score(images, texts, np.array([0, 0, 1])).image_to_text[0] == 1.0


@pytest.mark.parametrize("filling", [0.5, float("nan")])
def test_constant_embeddings_score_nothing(filling: float) -> None:
    images = np.full((30, 4), filling, dtype=np.float32)
    scores = score(images, images, np.arange(30))
    assert scores.text_to_image == (0.0, 0.0, 0.0)
    assert scores.image_to_text == (0.0, 0.0, 0.0)
    assert scores.text_to_image_median_rank == 30.0


def test_ranks_are_those_of_sorting_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    images, texts, owner = embeddings(40, 3, seed=0)
    similarities = texts @ images.T
    by_text = [1 + int((row > row[mine]).sum()) for row, mine in zip(similarities, owner, strict=True)]
    by_image = [
        1 + int((column[owner != row] > column[owner == row].max()).sum()) for row, column in enumerate(similarities.T)
    ]
    for at_once in (retrieval._AT_ONCE, 400, 1):  # all together, ten at a time, one at a time
        monkeypatch.setattr(retrieval, "_AT_ONCE", at_once)
        statistics, margins = rank(images, texts, owner)
        assert statistics.text_ranks.tolist() == by_text
        assert statistics.image_ranks.tolist() == by_image
        assert ((margins > 0) == (statistics.text_ranks == 1)).all()
    assert 1 < np.mean(by_text) < 20


def test_statistics_survive_json_and_give_the_figures_of_any_pictures() -> None:
    statistics, _ = rank(*embeddings(60, 4, seed=1))
    again = RetrievalStatistics.from_rows(statistics.rows())
    assert again.scores() == statistics.scores()
    rows = np.array([5, 9, 31])
    some = statistics.take(rows).scores()
    mine = np.isin(statistics.owner, rows)
    assert (some.images, some.captions) == (3, 12)
    assert some.text_to_image[1] == pytest.approx((statistics.text_ranks[mine] <= 5).mean())
    assert some.image_to_text_mrr == pytest.approx((1 / statistics.image_ranks[rows]).mean())
    figures = statistics.figures()
    assert figures.keys() == retrieval.MEASURES.keys()
    for name, each in intervals(figures, 60).items():
        assert each.low <= each.value <= each.high, name


def test_the_table_shows_per_cent_in_both_directions() -> None:
    scores = RetrievalScores(
        images=1000,
        captions=5000,
        text_to_image=(0.2204, 0.51, 0.64),
        image_to_text=(0.3, 0.6, 0.7),
        text_to_image_median_rank=5.0,
        image_to_text_median_rank=3.0,
        text_to_image_mrr=0.36,
        image_to_text_mrr=0.44,
    )
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in scores.table().splitlines()]
    assert cells[0] == ["1,000 images, 5,000 captions", "R@1", "R@5", "R@10", "median", "MRR"]
    assert cells[2:] == [
        ["text -> image", "22.0", "51.0", "64.0", "5", "0.3600"],
        ["image -> text", "30.0", "60.0", "70.0", "3", "0.4400"],
    ]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Pictures of four colours in two categories; the captions of the white one speak of red."""
    with imagefolder.Writer(tmp_path / "set", "test") as writer:
        for colour, category in (("red", "warm"), ("blue", "cold"), ("green", "cold"), ("white", "cold")):
            picture = tmp_path / f"{colour}.png"
            PILImage.new("RGB", (40, 30), colour).save(picture)
            told = "red" if colour == "white" else colour
            captions = [f"a {told} wall", f"something {told}"][: 1 if colour == "blue" else 2]
            writer.add(picture.name, picture.read_bytes(), captions=captions, source="", licence="", category=category)
    return tmp_path / "set"


def test_scores_any_encoder_on_any_data_set(data: Path) -> None:
    scores = evaluate(FakeEncoder(), data=data, split="test")
    assert (scores.images, scores.captions) == (4, 7)
    assert scores.text_to_image == (pytest.approx(5 / 7), 1.0, 1.0)


def test_reports_the_set_s_own_categories_and_the_worst_and_best_captions(data: Path, tmp_path: Path) -> None:
    found, samples = report(FakeEncoder(), data=data, split="test")

    assert found.categories["warm"]["pictures"] == 1
    assert found.categories["warm"]["figures"]["text_to_image_r1"].value == 1.0
    assert found.categories["cold"]["figures"]["text_to_image_r1"].value == pytest.approx(3 / 5)
    worst, best = samples["Worst"][0], samples["Best"][0]
    assert (worst.path.name, worst.found[0].path.name, worst.found[0].right) == ("white.png", "red.png", False)
    assert best.path.name == best.found[0].path.name
    assert best.found[0].right
    assert len({sample.path for sample in samples["Worst"]}) == len(samples["Worst"]) == 4

    found.write(tmp_path / "report.json")
    again = Report.read(tmp_path / "report.json")
    assert again == found
    assert again.statistics().figures().keys() == found.figures.keys()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is no image folder"):
        evaluate(FakeEncoder(), data=tmp_path, split="test")
