"""What a captioner learns from: numbered captions, pictures in random order, and the loss of the next word."""

from pathlib import Path

import numpy as np
import pytest
import torch

from ml.captioners.attention_gru import AttentionGRU
from ml.captioners.vocabulary import END, Vocabulary
from ml.datasets.examples import Example
from ml.training.caption_lessons import Captions, Pictures, cross_entropy, listen, unevenness

TEXTS = [("a dog runs", "a dog is running on grass"), ("two men ride bikes", "men ride"), ("a boat",)]


@pytest.fixture
def examples() -> list[Example]:
    return [Example(Path(f"{number}.jpg"), texts) for number, texts in enumerate(TEXTS)]


@pytest.fixture
def vocabulary() -> Vocabulary:
    return Vocabulary.of((text for texts in TEXTS for text in texts), seen=1)


def small(words: int) -> AttentionGRU:
    torch.manual_seed(0)
    return AttentionGRU(words, channels=6, cells=4, hidden=32, embedding=16, heads=2, dropout=0.0, output_dropout=0.0)


def test_captions_are_sorted_cut_and_ended(examples: list[Example], vocabulary: Vocabulary) -> None:
    captions = Captions.of(examples, vocabulary, longest=4)
    assert captions.lengths.tolist() == [[5, 4], [5, 3], [3, 0]]
    assert vocabulary.decode(captions.words[0, 0].tolist()) == "a dog is running on"
    assert captions.words[0, 1].tolist() == [*vocabulary.encode("a dog runs"), END, END]


def test_what_a_search_found_counts_its_end_where_it_fits() -> None:
    spoken = Captions.spoken(torch.tensor([[[5, 6, END, END], [5, 6, 7, 8]]]))
    assert spoken.lengths.tolist() == [[3, 4]]


def test_mirrored_maps_take_the_place_of_about_half() -> None:
    maps = np.random.default_rng(0).normal(size=(600, 4, 6)).astype(np.float16)
    pictures = Pictures([maps, np.full_like(maps, 9.0)])
    seen = list(pictures.batches(50, torch.Generator().manual_seed(0)))
    assert len(seen) == pictures.steps(50) == 12
    assert sorted(row for rows, _ in seen for row in rows) == list(range(600))
    mirrored = np.mean([float((one == 9.0).all()) for _, batch in seen for one in batch])
    assert 0.4 < mirrored < 0.6


def test_the_loss_is_the_mean_over_words_whatever_the_padding(examples: list[Example], vocabulary: Vocabulary) -> None:
    network = small(len(vocabulary))
    maps = torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(0))

    def loss(maps: torch.Tensor, captions: Captions) -> float:
        heard = listen(network, network.look(maps), captions)
        return cross_entropy(heard, label_smoothing=0.1, spread=0.0).item()

    losses, counts = [], []
    for row, texts in enumerate(TEXTS):
        for text in texts:
            alone = Captions.of([Example(Path(), (text,))], vocabulary, longest=10)
            losses.append(loss(maps[row : row + 1], alone))
            counts.append(len(vocabulary.encode(text)) + 1)
    together = loss(maps, Captions.of(examples, vocabulary, longest=10))
    assert together == pytest.approx(np.average(losses, weights=counts), abs=1e-5)


def test_looks_that_come_to_one_in_each_cell_are_even() -> None:
    said = torch.tensor([[[True, True, True, False], [False] * 4]])  # three words, and no second caption
    attention = torch.full((1, 2, 4, 3), 1 / 3)
    assert unevenness(attention, said).item() == pytest.approx(0.0, abs=1e-6)
    attention[0, 0, :3] = torch.tensor([1.0, 0.0, 0.0])  # all words look at one of three cells: sums 3, 0, 0
    assert unevenness(attention, said).item() == pytest.approx((4 + 1 + 1) / 3, abs=1e-6)
    attention[0, 0, 3] = torch.tensor([0.0, 9.0, 0.0])  # behind the end
    assert unevenness(attention, said).item() == pytest.approx((4 + 1 + 1) / 3, abs=1e-6)


def test_the_doubly_stochastic_term_makes_looks_more_even(examples: list[Example], vocabulary: Vocabulary) -> None:
    network = small(len(vocabulary))
    maps = 3 * torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(0))
    captions = Captions.of(examples, vocabulary, longest=10)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.05)

    def learn(spread: float) -> float:
        heard = listen(network, network.look(maps), captions)
        optimiser.zero_grad()
        cross_entropy(heard, label_smoothing=0.0, spread=spread).backward()
        optimiser.step()
        return unevenness(heard.attention, heard.said).item()

    before, *_, after = [learn(spread=20.0) for _ in range(10)]
    assert after < before
