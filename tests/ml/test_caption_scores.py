"""The figures that say how good captions are, against the libraries' own examples and by hand."""

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.rouge.rouge import Rouge
from sacrebleu.metrics.bleu import BLEU

from ml.captioners.fake import FakeCaptioner
from ml.datasets import imagefolder
from ml.errors import DatasetError
from ml.evaluation.bootstrap import intervals
from ml.evaluation.captions import CaptionStatistics, evaluate, plain, repeats, report, rouge_l, score
from ml.evaluation.results import Report

REFERENCES = [
    ("a dog runs on the wet grass", "a brown dog is running outside"),
    ("two men ride red bikes", "the men are riding bikes down a hill"),
]
WORDS = "a the dog cat man two red runs sits on in grass snow water small"


def sentences(count: int, seed: int) -> list[str]:
    generator = random.Random(seed)
    return [" ".join(generator.choices(WORDS.split(), k=generator.randint(1, 12))) for _ in range(count)]


def test_perfect_captions_get_the_highest_scores() -> None:
    scores = score([first for first, _ in REFERENCES], REFERENCES)
    for figure in (scores.rouge_1_best, scores.rouge_2_best, scores.rouge_l_best):
        assert figure == pytest.approx(1.0)
    for figure in (scores.bleu_1, scores.bleu_2, scores.bleu_3, scores.bleu_4):
        assert figure == pytest.approx(100.0)
    assert 0.5 < scores.rouge_l_mean < 1.0
    assert 0.0 < scores.rouge_2_mean < scores.rouge_1_mean < 1.0


def test_rouge_is_that_of_the_library_s_own_example() -> None:
    """https://pypi.org/project/rouge-score: `scorer.score` of these two; its tests print these values."""
    scores = score(["The quick brown dog jumps on the log."], [["The quick brown fox jumps over the lazy dog"]])
    assert scores.rouge_1_best == pytest.approx(2 * (6 / 8) * (6 / 9) / (6 / 8 + 6 / 9))
    assert scores.rouge_2_best == pytest.approx(2 * (2 / 7) * (2 / 8) / (2 / 7 + 2 / 8))
    assert scores.rouge_l_best == pytest.approx(2 * (5 / 8) * (5 / 9) / (5 / 8 + 5 / 9))


def test_rouge_l_is_the_f1_of_the_longest_common_subsequence() -> None:
    (scores,) = rouge_l(["a dog sleeps on grass"], [REFERENCES[0][:1]])
    in_common, said, reference = 4, 5, 7  # a dog … on … grass
    precision, recall = in_common / said, in_common / reference
    assert scores == [pytest.approx(2 * precision * recall / (precision + recall))]


def test_bleu_is_that_of_the_library_s_own_example() -> None:
    """https://github.com/mjpost/sacrebleu: 48.53 with its tokenizer; on our words, what it gives for these words."""
    references = [
        ["The dog bit the man.", "It was not unexpected.", "The man bit him first."],
        ["The dog had bit the man.", "No one was surprised.", "The man had bitten the dog."],
    ]
    captions = ["The dog bit the man.", "It wasn't surprising.", "The man had just bitten him."]
    assert BLEU().corpus_score(captions, references).score == pytest.approx(48.53, abs=0.01)

    scores = score(captions, [tuple(each) for each in zip(*references, strict=True)])

    streams = [[plain(text) for text in stream] for stream in references]
    for order in (1, 2, 3, 4):
        expected = BLEU(tokenize="none", max_ngram_order=order).corpus_score(
            [plain(text) for text in captions], streams
        )
        assert getattr(scores, f"bleu_{order}") == pytest.approx(expected.score)


@pytest.mark.parametrize("seed", range(4))
def test_bleu_from_counts_is_that_of_the_library(seed: int) -> None:
    """With any number of references, and with orders of which nothing is right, which it smooths."""
    captions = sentences(3, seed)
    references = [sentences(1 + place, seed + 10 + place) for place in range(3)]
    scores = score(captions, references)
    streams = [[each[place] if place < len(each) else None for each in references] for place in range(3)]
    for order in (1, 2, 3, 4):
        expected = BLEU(tokenize="none", force=True, max_ngram_order=order).corpus_score(captions, streams)
        assert getattr(scores, f"bleu_{order}") == pytest.approx(expected.score)


def test_agrees_with_the_coco_code() -> None:
    captions = sentences(50, 1)
    references = [sentences(5, 100 + place) for place in range(50)]
    theirs, ours = dict(enumerate(references)), {row: [text] for row, text in enumerate(captions)}
    scores = score(captions, references)
    bleu, _ = Bleu(4).compute_score(theirs, ours, verbose=0)
    for order in (1, 2, 3):
        assert getattr(scores, f"bleu_{order}") == pytest.approx(100 * bleu[order - 1], rel=1e-3)
    # theirs takes the best precision and the best recall of different references, with beta 1.2: never below ours
    assert scores.rouge_l_best <= Rouge().compute_score(theirs, ours)[0]


def test_case_and_punctuation_do_not_count() -> None:
    loud = score(["A dog runs, on the WET grass!", "Two men ride red bikes."], REFERENCES)
    assert loud == score(["a dog runs on the wet grass", "two men ride red bikes"], REFERENCES)


def test_counts_repetition_and_sameness() -> None:
    scores = score(["a dog and a dog and a dog"] * 2, REFERENCES)
    assert (scores.repeating, scores.distinct, scores.different, scores.pictures) == (1.0, 1, 0.5, 2)
    assert scores.distinct_1 == pytest.approx(3 / 16)  # a, dog, and
    assert scores.distinct_2 == pytest.approx(3 / 14)
    assert scores.words == 8.0
    assert not repeats("a dog and a cat and a fox")
    assert repeats("a dog and a dog", size=2)


def test_empty_captions_score_nothing() -> None:
    scores = score(["", "..."], REFERENCES)
    assert (scores.rouge_l_best, scores.bleu_4, scores.cider_d, scores.words, scores.distinct_2) == (0, 0, 0, 0, 0)


def test_plain_text_is_words_only() -> None:
    assert plain(" The dog's T-shirt , is  RED . ") == "the dog s t shirt is red"


def test_the_table_names_each_figure_once() -> None:
    scores = score([first for first, _ in REFERENCES], REFERENCES)
    cells = [[cell.strip() for cell in line.split("|")[1:3]] for line in scores.table().splitlines()]
    assert len({name for name, _ in cells}) == len(cells)
    assert ["BLEU-4", "100.00"] in cells
    assert ["CIDEr-D", f"{scores.cider_d:.4f}"] in cells
    assert ["captions with a repeated 3-gram, %", "0.0"] in cells
    assert ["different captions, number", "2"] in cells


def test_statistics_survive_json_and_give_the_figures_of_any_pictures() -> None:
    captions = sentences(30, 1)
    references = [sentences(3, 100 + place) for place in range(30)]
    statistics = CaptionStatistics.of(captions, references)
    again = CaptionStatistics.from_rows(statistics.rows())
    assert again.scores() == statistics.scores()
    rows = np.array([3, 7, 11])
    some = statistics.take(rows).scores()
    alone = score([captions[row] for row in rows], [references[row] for row in rows])
    assert (some.bleu_4, some.rouge_2_mean, some.distinct_1) == (alone.bleu_4, alone.rouge_2_mean, alone.distinct_1)
    found = intervals(statistics.figures(), 30)
    for name, each in found.items():
        assert each.low <= each.value <= each.high, name
        assert each.value == getattr(statistics.scores(), name)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Four pictures of one colour, of which people say one to three things, some of them true."""
    with imagefolder.Writer(tmp_path / "set", "dev") as writer:
        for place, colour in enumerate(("red", "blue", "green", "white")):
            picture = tmp_path / f"{colour}.png"
            PILImage.new("RGB", (32, 24), colour).save(picture)
            captions = [f"a mostly {colour} picture"] * (place % 3) + ["two dogs in the snow"]
            writer.add(picture.name, picture.read_bytes(), captions=captions, source="here", licence="none")
    return tmp_path / "set"


def test_evaluates_any_captioner_on_a_split(data: Path) -> None:
    scores = evaluate(FakeCaptioner(), data=data, split="dev")
    assert (scores.pictures, scores.distinct, scores.rouge_l_best) == (4, 4, pytest.approx(0.5))


def test_reports_groups_and_the_worst_and_best_pictures(data: Path, tmp_path: Path) -> None:
    found, samples = report(FakeCaptioner(), data=data, split="dev")
    assert found.figures["rouge_l_best"].value == pytest.approx(0.5)
    assert {group: each["pictures"] for group, each in found.categories.items()} == {"dog": 2, "snow": 2, "other": 2}
    assert found.categories["dog"]["figures"]["rouge_l_best"].value == 0.0
    assert samples["Worst"][0].path.name in {"red.png", "white.png"}
    assert samples["Best"][0].path.name in {"blue.png", "green.png"}

    found.write(tmp_path / "report.json")
    again = Report.read(tmp_path / "report.json")
    assert again == found
    assert again.statistics().rows() == [
        {name: row[name] for name in ("caption", "rouge", "bleu", "cider_d")} for row in found.pictures
    ]


def test_names_the_picture_that_cannot_be_read(data: Path) -> None:
    (data / "dev" / "green.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"green\.png cannot be read as a picture"):
        evaluate(FakeCaptioner(), data=data, split="dev")


def test_says_that_the_data_set_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="is no image folder"):
        evaluate(FakeCaptioner(), data=tmp_path, split="test")
