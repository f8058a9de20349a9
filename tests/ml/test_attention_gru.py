"""The captioner's network and its beam search, on a network small enough to try every caption."""

from itertools import product

import pytest
import torch

from ml.captioners.attention_gru import AttentionGRU, Spoken, beam_search
from ml.captioners.vocabulary import END, SPECIAL, START, UNKNOWN

WORDS = 4
LONGEST = 4


@pytest.fixture(scope="module")
def network() -> AttentionGRU:
    torch.manual_seed(3)
    network = AttentionGRU(len(SPECIAL) + WORDS, channels=6, cells=5, hidden=16, embedding=8, heads=2).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.6)  # strong opinions, so that captions differ
    return network


@pytest.fixture(scope="module")
def maps() -> torch.Tensor:
    return torch.randn(6, 5, 6, generator=torch.Generator().manual_seed(1)) * 2


def search(network: AttentionGRU, maps: torch.Tensor, **options: float) -> Spoken:
    settings = {"beams": 4, "longest": LONGEST, "length_power": 0.7, "block": 3, **options}
    with torch.inference_mode():
        return beam_search(network, network.look(maps), **settings)  # type: ignore[arg-type]


def said(spoken: Spoken) -> list[tuple[int, ...]]:
    return [tuple(number for number in numbers if number != END) for numbers in spoken.words[:, 0].tolist()]


@torch.inference_mode()
def log_probability(network: AttentionGRU, maps: torch.Tensor, caption: tuple[int, ...]) -> float:
    """Of a caption and its END for one picture's maps, read in one go instead of word by word."""
    scene = network.look(maps)
    inputs, states = network.read(torch.tensor([[START, *caption]]), scene.state, scene.gist)
    contexts, _ = network.attend(states, scene)
    scores = network.logits(inputs, states, contexts).log_softmax(dim=-1)[0]
    return float(scores[range(len(caption) + 1), [*caption, END]].sum())


@pytest.mark.parametrize("length_power", [0.0, 0.7, 1.5])
def test_wide_search_finds_the_best_of_all_captions(
    network: AttentionGRU, maps: torch.Tensor, length_power: float
) -> None:
    words = range(len(SPECIAL), len(SPECIAL) + WORDS)
    every = [caption for length in range(1, LONGEST + 1) for caption in product(words, repeat=length)]
    spoken = search(network, maps, beams=WORDS**LONGEST, length_power=length_power, block=LONGEST + 1)
    for row, found in enumerate(said(spoken)):
        scores = {c: log_probability(network, maps[row : row + 1], c) / (len(c) + 1) ** length_power for c in every}
        assert found == max(scores, key=scores.__getitem__)
        assert spoken.score[row, 0].item() == pytest.approx(scores[found], abs=1e-4)


def test_keeps_the_best_of_all_captions_in_their_order(network: AttentionGRU, maps: torch.Tensor) -> None:
    words = range(len(SPECIAL), len(SPECIAL) + WORDS)
    every = [caption for length in range(1, 4) for caption in product(words, repeat=length)]
    kept = 5
    spoken = search(network, maps, beams=WORDS**3, longest=3, block=4, kept=kept)
    for row in range(len(maps)):
        scores = {c: log_probability(network, maps[row : row + 1], c) / (len(c) + 1) ** 0.7 for c in every}
        found = [tuple(number for number in numbers if number != END) for numbers in spoken.words[row].tolist()]
        assert found == sorted(scores, key=scores.__getitem__, reverse=True)[:kept]
        assert spoken.score[row].tolist() == pytest.approx([scores[caption] for caption in found], abs=1e-4)


def test_reports_the_probability_of_each_word_and_of_the_end(network: AttentionGRU, maps: torch.Tensor) -> None:
    spoken = search(network, maps)
    for row, caption in enumerate(said(spoken)):
        probabilities = spoken.log_probabilities[row, 0]
        assert probabilities.sum().item() == pytest.approx(
            log_probability(network, maps[row : row + 1], caption), abs=1e-4
        )
        assert int((probabilities < 0).sum()) == len(caption) + 1


def test_tells_where_it_looked_for_each_word(network: AttentionGRU, maps: torch.Tensor) -> None:
    spoken = search(network, maps)
    for row, caption in enumerate(said(spoken)):
        with torch.inference_mode():
            scene = network.look(maps[row : row + 1])
            _, states = network.read(torch.tensor([[START, *caption]]), scene.state, scene.gist)
            _, attention = network.attend(states, scene)
        torch.testing.assert_close(spoken.attention[row, 0, : len(caption) + 1], attention[0], atol=1e-5, rtol=1e-4)


def test_the_heads_look_each_where_its_keys_match(network: AttentionGRU, maps: torch.Tensor) -> None:
    with torch.inference_mode():
        scene = network.look(maps)
        states = torch.randn(len(maps), 3, 16, generator=torch.Generator().manual_seed(2))
        contexts, attention = network.attend(states, scene)
        values, keys, queries = scene.values, network.keys(scene.values), network.query(states)
        looks = []
        for head in (slice(0, 8), slice(8, 16)):
            look = (queries[..., head] @ keys[..., head].transpose(1, 2) / 8**0.5).softmax(dim=-1)
            looks.append((look, look @ values[..., head]))
        expected = torch.cat([looks[0][1], looks[1][1]], dim=-1) * torch.sigmoid(network.gate(states))
    torch.testing.assert_close(attention, (looks[0][0] + looks[1][0]) / 2)
    torch.testing.assert_close(contexts, expected)


def test_a_picture_is_told_alike_alone_and_in_a_batch(network: AttentionGRU, maps: torch.Tensor) -> None:
    together = search(network, maps, longest=12)
    alone = [search(network, maps[row : row + 1], longest=12) for row in range(len(maps))]
    assert said(together) == [said(one)[0] for one in alone]
    torch.testing.assert_close(together.score, torch.cat([one.score for one in alone]), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("block", [1, 2, 3])
def test_no_sequence_of_blocked_length_is_said_twice(maps: torch.Tensor, block: int) -> None:
    network = stammering()
    free, blocked = (said(search(network, maps, longest=12, block=size, length_power=2.0)) for size in (99, block))
    assert any(repeats(caption, block) for caption in free)
    assert not any(repeats(caption, block) for caption in blocked)


def test_never_says_a_mark_or_nothing(maps: torch.Tensor) -> None:
    network = stammering()
    with torch.no_grad():
        network.bias[[END, START, UNKNOWN]] = 20.0
    assert all(caption and min(caption) >= len(SPECIAL) for caption in said(search(network, maps)))


def test_stops_at_the_longest_allowed(maps: torch.Tensor) -> None:
    network = stammering()
    with torch.no_grad():
        network.bias[END] = -20.0
    assert {len(caption) for caption in said(search(network, maps, longest=7, block=99, length_power=1.0))} == {7}


def stammering() -> AttentionGRU:
    """A network without opinions, but that words come before ends: left free, it repeats itself."""
    torch.manual_seed(0)
    network = AttentionGRU(len(SPECIAL) + WORDS, channels=6, cells=5, hidden=16, embedding=8, heads=2).eval()
    with torch.no_grad():
        network.bias[END] = -4.0
    return network


def repeats(caption: tuple[int, ...], size: int) -> bool:
    sequences = [caption[start : start + size] for start in range(len(caption) - size + 1)]
    return len(set(sequences)) < len(sequences)
