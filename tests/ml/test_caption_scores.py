"""The figures that say how good captions are."""

import pytest
from PIL import Image as PILImage

from ml.captioners.fake import FakeCaptioner
from ml.errors import DatasetError
from ml.evaluation.captions import evaluate, plain, repeats, rouge_l, score

REFERENCES = [
    ("a dog runs on the wet grass", "a brown dog is running outside"),
    ("two men ride red bikes", "the men are riding bikes down a hill"),
]


def test_perfect_captions_get_the_highest_scores() -> None:
    scores = score([first for first, _ in REFERENCES], REFERENCES)
    assert scores.rouge_l_best == pytest.approx(1.0)
    assert scores.bleu_4 == pytest.approx(100.0)
    assert scores.bleu_1 == pytest.approx(100.0)
    assert 0.5 < scores.rouge_l_mean < 1.0


def test_rouge_l_is_the_f1_of_the_longest_common_subsequence() -> None:
    (scores,) = rouge_l(["a dog sleeps on grass"], [REFERENCES[0][:1]])
    in_common, said, reference = 4, 5, 7  # a dog … on … grass
    precision, recall = in_common / said, in_common / reference
    assert scores == [pytest.approx(2 * precision * recall / (precision + recall))]


def test_case_and_punctuation_do_not_count() -> None:
    loud = score(["A dog runs, on the WET grass!", "Two men ride red bikes."], REFERENCES)
    assert loud == score(["a dog runs on the wet grass", "two men ride red bikes"], REFERENCES)


def test_counts_repetition_and_sameness() -> None:
    scores = score(["a dog and a dog and a dog"] * 2, REFERENCES)
    assert (scores.repeating, scores.distinct, scores.pictures) == (1.0, 1, 2)
    assert not repeats("a dog and a cat and a fox")
    assert repeats("a dog and a dog", size=2)


def test_plain_text_is_words_only() -> None:
    assert plain(" The dog's T-shirt , is  RED . ") == "the dog s t shirt is red"


def test_the_table_names_each_figure_once() -> None:
    scores = score([first for first, _ in REFERENCES], REFERENCES)
    assert scores.table().splitlines()[2:] == [
        "| pictures | 2 |",
        "| ROUGE-L F1, best reference | 1.0000 |",
        f"| ROUGE-L F1, mean over references | {scores.rouge_l_mean:.4f} |",
        "| BLEU-4 | 100.00 |",
        "| BLEU-1 | 100.00 |",
        "| captions with a repeated 3-gram | 0.0% |",
        "| distinct captions | 2 |",
    ]


def test_evaluates_any_captioner_on_a_split(tmp_path) -> None:
    photos = tmp_path / "Flicker8k_Dataset"
    photos.mkdir()
    for name, colour in (("one.jpg", "red"), ("two.jpg", "blue")):
        PILImage.new("RGB", (32, 24), colour).save(photos / name)
    captioner = FakeCaptioner()
    with PILImage.open(photos / "one.jpg") as red, PILImage.open(photos / "two.jpg") as blue:
        said = [result.text for result in captioner.caption([red, blue])]
    lines = [f"{name}#{n}\t{text} ." for name, text in zip(("one.jpg", "two.jpg"), said, strict=True) for n in range(5)]
    (tmp_path / "Flickr8k.token.txt").write_text("\n".join(lines))
    (tmp_path / "Flickr_8k.devImages.txt").write_text("one.jpg\ntwo.jpg\n")
    scores = evaluate(captioner, data=tmp_path, split="dev")
    assert (scores.pictures, scores.distinct, scores.rouge_l_best) == (2, 2, pytest.approx(1.0))


def test_says_that_the_data_set_is_not_there(tmp_path) -> None:
    with pytest.raises(DatasetError, match="not Flickr8k"):
        evaluate(FakeCaptioner(), data=tmp_path, split="test")
