"""The reward of the captioner's own captions, and the loss that it makes."""

import numpy as np
import pytest
import torch

from ml.captioners.vocabulary import Vocabulary
from ml.evaluation.captions import rouge_l, score
from ml.training.caption_lessons import Heard
from ml.training.self_critical import Judge, Shares, bleu_4, criticism, grams, rewards

REFERENCES = [
    ["a brown dog runs across the green grass", "the dog is running on the grass"],
    ["two men ride their bikes down a hill", "men on bikes"],
    ["a red boat on the water", "a boat is on a lake near the shore"],
]


def test_rouge_l_is_that_of_the_evaluation() -> None:
    judge = Judge(REFERENCES, Shares(cider_d=0.0, rouge_l=1.0, bleu_4=0.0))
    captions = ["the the dog the grass runs", "men ride a hill", "nothing in common here"]
    expected = [max(scores) for scores in rouge_l(captions, REFERENCES)]
    assert judge.score(captions, np.arange(3)).tolist() == pytest.approx(expected)


def test_bleu_of_a_long_match_is_near_that_of_the_evaluation() -> None:
    words = REFERENCES[0][0].split()
    assert bleu_4(words, grams(words), [len(words)]) == pytest.approx(1.0)
    said = ["a", "brown", "dog", "runs", "across", "the", "road"]
    expected = score([" ".join(said)], [REFERENCES[0][:1]]).bleu_4 / 100
    assert bleu_4(said, grams(words), [len(words)]) == pytest.approx(expected, abs=0.06)  # ours is smoothed
    assert bleu_4([], grams(words), [8]) == bleu_4(["cat"], grams(words), [8]) == 0.0


def test_a_caption_is_judged_by_its_own_picture() -> None:
    judge = Judge(REFERENCES, Shares())
    caption = "a dog runs across the grass"
    own, other = judge.score([caption, caption], np.array([0, 1]))
    assert own > 2 * other


def test_breaking_off_costs() -> None:
    judge = Judge(REFERENCES, Shares(rouge_l=0.0, bleu_4=0.0))
    whole, broken = judge.score(["a dog is running on the grass", "a dog is running on the"], np.array([0, 0]))
    assert whole > broken


def test_rewards_keep_the_order_of_pictures_and_captions() -> None:
    vocabulary = Vocabulary.of((text for texts in REFERENCES for text in texts), seen=1)
    judge = Judge(REFERENCES, Shares())
    texts = [["a boat", "a red boat on the water"], ["a dog", "the dog is running"]]
    words = torch.zeros(2, 2, 8, dtype=torch.int64)
    for row, both in enumerate(texts):
        for column, text in enumerate(both):
            numbers = vocabulary.encode(text)
            words[row, column, : len(numbers)] = torch.tensor(numbers)
    rows = np.array([2, 0])
    found = rewards(judge, vocabulary, words, rows)
    expected = judge.score([*texts[0], *texts[1]], np.array([2, 2, 0, 0])).reshape(2, 2)
    assert found.numpy() == pytest.approx(expected, abs=1e-5)


def test_the_loss_raises_the_better_caption_and_lowers_the_worse() -> None:
    scores = torch.zeros(4, 3, requires_grad=True)  # two captions of two words each, of a vocabulary of three
    heard = Heard(scores, torch.tensor([0, 1, 0, 2]), torch.ones(1, 2, 2, dtype=torch.bool), torch.zeros(1, 2, 2, 1))
    criticism(heard, torch.tensor([[1.5, 0.5]])).backward()
    assert scores.grad is not None
    said = scores.grad[range(4), [0, 1, 0, 2]]
    assert (said[:2] < 0).all()  # descent makes these likelier
    assert (said[2:] > 0).all()
    torch.testing.assert_close(said, torch.tensor([-1.0, -1.0, 1.0, 1.0]) * (2 / 3) / 4)  # each against the other


def test_equal_captions_teach_nothing() -> None:
    scores = torch.randn(4, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    heard = Heard(scores, torch.tensor([0, 1, 0, 2]), torch.ones(1, 2, 2, dtype=torch.bool), torch.zeros(1, 2, 2, 1))
    criticism(heard, torch.tensor([[0.7, 0.7]])).backward()
    assert scores.grad is not None
    assert scores.grad.abs().max() == 0.0
