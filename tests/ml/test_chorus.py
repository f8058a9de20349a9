"""Captioners that say one caption together."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image as PILImage

import ml
from ml.captioners.attention_gru import AttentionGRU, beam_search
from ml.captioners.builtin import Manner, read, save
from ml.captioners.chorus import Chorus
from ml.captioners.vocabulary import Vocabulary
from ml.errors import UsageError
from ml.hub import locate
from ml.training import chorus
from ml.training.options import to_json
from ml.training.run import Run, read_json
from tests.ml import pairs

SEARCH = {"beams": 3, "longest": 6, "length_power": 0.8, "block": 3}


def voice(seed: int, words: int = 12, **size: int) -> AttentionGRU:
    torch.manual_seed(seed)
    network = AttentionGRU(words, **{"channels": 20, "cells": 4, "hidden": 16, "embedding": 8, "heads": 2, **size})
    torch.nn.init.normal_(network.embedding.weight)  # far from the usual, so that voices differ
    return network.eval()


def test_the_mean_of_what_the_voices_expect_counts() -> None:
    voices, maps = [voice(1), voice(2), voice(3)], torch.rand(2, 4, 20)
    words = torch.tensor([[1, 5, 7], [1, 6, 6]])

    def expected(network: AttentionGRU | Chorus) -> tuple[torch.Tensor, torch.Tensor]:
        scene = network.look(maps)
        inputs, states = network.read(words, scene.state, scene.gist)
        contexts, attention = network.attend(states, scene)
        return network.logits(inputs, states, contexts).softmax(dim=-1), attention

    with torch.inference_mode():
        each = [expected(network) for network in voices]
        together, attention = expected(Chorus(voices))
    assert torch.allclose(together, torch.stack([one for one, _ in each]).mean(dim=0), atol=1e-6)
    assert torch.allclose(attention, torch.stack([look for _, look in each]).mean(dim=0), atol=1e-6)


def test_a_voice_twice_says_what_it_says_alone() -> None:
    network, maps = voice(4), torch.rand(3, 4, 20)
    twice = Chorus([network, network])
    with torch.inference_mode():
        alone, both = (beam_search(one, one.look(maps), **SEARCH) for one in (network, twice))
    assert torch.equal(alone.words, both.words)
    assert torch.allclose(alone.score, both.score, atol=1e-5)


@pytest.fixture
def folders(checkpoint: Callable[[str], Path], tmp_path: Path) -> list[str]:
    """Two captioners of one vocabulary over a small ResNet."""
    from ml.backbones.cnn import load_backbone

    tower = load_backbone(str(checkpoint("resnet")))
    vocabulary = Vocabulary.of(["a red bar on black", "a blue circle on gray"], seen=1)
    size = {"channels": tower.channels, "cells": tower.grid**2}
    for seed in (1, 2):
        save(tmp_path / str(seed), voice(seed, len(vocabulary), **size), vocabulary, Manner(), tower)
    return [str(tmp_path / "1"), str(tmp_path / "2")]


def test_put_together_they_serve_and_cannot_be_put_together_again(folders: list[str], tmp_path: Path) -> None:
    data = pairs.shapes(tmp_path / "shapes", train=1)
    options = chorus.Options(models=", ".join(folders), data=str(data), cache=str(tmp_path / "features"))
    run = Run.start(tmp_path / "run", family="chorus", options=to_json(options), data={})
    chorus.train(run)
    network, _, manner = read(locate(str(run.model)))
    assert isinstance(network, Chorus)
    assert len(network.voices) == 2
    assert manner != Manner()
    assert read_json(run.folder, "metrics.json")["dev"]["words"] > 0
    (result,) = ml.load_captioner(str(run.model)).caption([PILImage.new("RGB", (40, 30), "red")])
    assert 0 <= result.confidence <= 1
    again = Run.start(
        tmp_path / "again",
        family="chorus",
        options=to_json(replace(options, models=f"{run.model},{folders[0]}")),
        data={},
    )
    with pytest.raises(UsageError, match="chorus already"):
        chorus.train(again)


def test_captioners_that_differ_are_refused(folders: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="two captioners or more"):
        chorus.together(folders[:1])
    network, _, manner = read(locate(folders[1]))
    assert isinstance(network, AttentionGRU)
    from ml.captioners.builtin import tower_of

    other = Vocabulary.of(["a red bar on white", "a blue circle on gray"], seen=1)
    save(tmp_path / "other", network, other, manner, tower_of(locate(folders[1])))
    with pytest.raises(UsageError, match="differ"):
        chorus.together([folders[0], str(tmp_path / "other")])
