"""The captioner that ships with the site: its file, its words, its confidence."""

import json
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PILImage
from safetensors.torch import save_file

import ml
from ml import hub, registry
from ml.backbones.cnn import load_backbone
from ml.backbones.shared import shared_image_tower
from ml.captioners import builtin
from ml.captioners.attention_gru import AttentionGRU, Spoken
from ml.captioners.builtin import BuiltinCaptioner, Manner, certainty, confidence, name_confidence, read, save
from ml.captioners.vocabulary import END, START, Vocabulary
from ml.errors import BadBeginning, ModelCorrupt, ModelNotFound, ModelUnsupported
from ml.interfaces import ModelInfo
from ml.runtime import choice

INFO = ModelInfo("tried", "1", "", "")


@pytest.fixture(scope="session")
def captioner() -> BuiltinCaptioner:
    return BuiltinCaptioner.load()


@pytest.fixture(scope="session")
def photos() -> list[PILImage.Image]:
    """Real photos of different shapes, from scikit-image's package."""
    from skimage import data

    return [PILImage.fromarray(photo) for photo in (data.cat(), data.astronaut(), data.coffee(), data.rocket())]


@pytest.mark.models
def test_describes_photos_in_plain_lower_case(captioner: BuiltinCaptioner, photos: list[PILImage.Image]) -> None:
    results = captioner.caption(photos)
    assert len(results) == len(photos)
    for result in results:
        assert re.fullmatch(r"[a-z0-9'-]+( [a-z0-9'-]+)+", result.text)
        assert 0.0 < result.confidence < 1.0


@pytest.mark.models
def test_names_what_its_sentences_have_no_words_for(captioner: BuiltinCaptioner, photos: list[PILImage.Image]) -> None:
    cat, astronaut, coffee, rocket = captioner.caption(photos)
    assert (cat.text, coffee.text) == ("a cat", "a cup of coffee")
    assert min(cat.confidence, coffee.confidence) > captioner.unsure_below
    assert all(len(result.text.split()) > 4 for result in (astronaut, rocket))  # people and machines keep a sentence


@pytest.mark.models
@pytest.mark.parametrize("manner", [{"name_below": 0.0}, {"name_from": 1.1}], ids=["sure sentence", "unsure name"])
def test_a_name_gives_way_to_a_sure_sentence_and_needs_to_be_sure(
    photos: list[PILImage.Image], manner: dict[str, float]
) -> None:
    network, vocabulary, usual = read(hub.locate(str(builtin.FOLDER)))
    captioner = BuiltinCaptioner(shared_image_tower(), network, vocabulary, replace(usual, **manner), INFO)
    (result,) = captioner.caption(photos[:1])
    assert len(result.text.split()) > 2


@pytest.mark.models
def test_a_sentence_that_mentions_the_thing_stays(photos: list[PILImage.Image]) -> None:
    network, vocabulary, usual = read(hub.locate(str(builtin.FOLDER)))
    words = ["cat" if word == "man" else word for word in vocabulary.words]  # so that the sentence speaks of a cat
    captioner = BuiltinCaptioner(shared_image_tower(), network, Vocabulary(words), usual, INFO)
    (result,) = captioner.caption(photos[:1])
    assert "cat" in result.text.split()
    assert len(result.text.split()) > 2


@pytest.mark.models
def test_is_surer_of_a_photo_than_of_noise(captioner: BuiltinCaptioner, photos: list[PILImage.Image]) -> None:
    noise = PILImage.fromarray(np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype=np.uint8))
    *of_photos, of_noise = (result.confidence for result in captioner.caption([*photos, noise]))
    assert of_noise < np.mean(of_photos)


@pytest.mark.models
def test_a_photo_is_told_alike_alone_in_a_batch_and_from_many_threads(
    captioner: BuiltinCaptioner, photos: list[PILImage.Image]
) -> None:
    together = captioner.caption(photos)
    with ThreadPoolExecutor(4) as threads:
        apart = [result for (result,) in threads.map(lambda photo: captioner.caption([photo]), photos)]
    assert [result.text for result in apart] == [result.text for result in together]
    assert [result.confidence for result in apart] == pytest.approx([r.confidence for r in together], abs=1e-4)


@pytest.mark.models
def test_what_it_says_in_bfloat16_is_as_likely_by_float32(
    photos: list[PILImage.Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, vocabulary, manner = read(hub.locate(str(builtin.FOLDER)))
    manner = replace(manner, name_below=0.0)  # sentences alone
    pictures = [photo.rotate(turn) for photo in photos for turn in (0, 90, 180)]
    tower = shared_image_tower()  # in float32
    monkeypatch.setattr(choice, "has_bfloat16", lambda: True)
    said = {}
    for runtime in ("torch-bf16", "torch-fp32"):
        ml.compute_by(runtime)
        captioner = BuiltinCaptioner(tower, network, vocabulary, manner, INFO)
        said[runtime] = [result.text for result in captioner.caption(pictures)]

    def score(maps: torch.Tensor, text: str) -> float:
        words = [*vocabulary.encode(text), END]
        scene = network.look(maps)
        inputs, states = network.read(torch.tensor([[START, *words[:-1]]]), scene.state, scene.gist)
        contexts, _ = network.attend(states, scene)
        each = network.logits(inputs, states, contexts).log_softmax(dim=-1)[0, range(len(words)), words]
        return float(each.sum()) / len(words) ** manner.length_power

    with torch.inference_mode():
        maps = tower.feature_maps(pictures)
        found, exact = ([score(maps[n : n + 1], text) for n, text in enumerate(texts)] for texts in said.values())
    assert len({*said["torch-bf16"]}) > len(photos)
    assert np.equal(*said.values()).mean() > 0.7
    assert np.subtract(exact, found).mean() < 0.05


@pytest.mark.models
def test_takes_more_pictures_than_a_batch_and_none(captioner: BuiltinCaptioner, photos: list[PILImage.Image]) -> None:
    many = [photos[number % 2] for number in range(builtin.BATCH + 3)]
    texts = [result.text for result in captioner.caption(many)]
    assert texts == [texts[number % 2] for number in range(len(many))]
    assert captioner.caption([]) == []


@pytest.mark.models
def test_tells_where_it_looked_for_each_word(captioner: BuiltinCaptioner, photos: list[PILImage.Image]) -> None:
    for told in captioner.caption_with_looks(photos[:2]):  # a name, a sentence
        assert " ".join(look.word for look in told.looks).replace(" 's", "'s") == told.result.text
        for look in told.looks:
            assert look.attention.shape == (7, 7)
            assert look.attention.sum() == pytest.approx(1.0, abs=1e-4)


@pytest.mark.models
def test_looks_at_the_same_places_for_words_that_it_is_given(
    captioner: BuiltinCaptioner, photos: list[PILImage.Image]
) -> None:
    for photo, told in zip(photos, captioner.caption_with_looks(photos), strict=True):  # names and sentences
        looks = captioner.looks(photo, told.result.text)
        assert [look.word for look in looks] == [look.word for look in told.looks]
        for look, expected in zip(looks, told.looks, strict=True):
            assert look.attention == pytest.approx(expected.attention, abs=1e-4)
    unknown, dog = captioner.looks(photos[0], "Zyzzyva dog")
    assert (unknown.word, dog.word) == ("zyzzyva", "dog")
    assert captioner.looks(photos[0], "…") == ()


@pytest.mark.models
def test_says_what_it_is(captioner: BuiltinCaptioner) -> None:
    assert captioner.info.key.startswith(f"builtin@{builtin.REVISION}-")
    assert captioner.info.weights_hash == builtin.SHA256["model.safetensors"]
    assert captioner.info.preprocessing == shared_image_tower().info.preprocessing
    assert 0.0 < captioner.unsure_below < 1.0
    assert sum(path.stat().st_size for path in builtin.FOLDER.iterdir()) < 20 * 2**20


def test_a_missing_file_is_said_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(builtin, "FOLDER", tmp_path / "gone")
    with pytest.raises(ModelNotFound, match="gone"):
        BuiltinCaptioner.load()


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_an_altered_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    altered = shutil.copytree(builtin.FOLDER, tmp_path / "altered")
    (altered / name).write_bytes(b"not what was pinned")
    monkeypatch.setattr(builtin, "FOLDER", altered)
    with pytest.raises(ModelCorrupt, match=name):
        BuiltinCaptioner.load()


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """The folder of a small captioner over the packaged tower."""
    torch.manual_seed(0)
    vocabulary = Vocabulary(["a", "dog"])
    network = AttentionGRU(len(vocabulary), hidden=16, embedding=8, heads=2)
    save(tmp_path / "small", network, vocabulary, Manner(slope=2.5, unsure_below=0.4), shared_image_tower())
    return tmp_path / "small"


@pytest.mark.models
def test_reads_what_it_wrote_to_half_precision(written: Path) -> None:
    loaded, words, manner = read(hub.locate(str(written)))
    torch.manual_seed(0)
    network = AttentionGRU(5, hidden=16, embedding=8, heads=2)
    assert words.words == ("a", "dog")
    assert manner == Manner(slope=2.5, unsure_below=0.4)
    assert not loaded.training
    for name, weights in network.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], weights, atol=1e-3, rtol=1e-3)


@pytest.mark.models
def test_a_folder_is_opened_by_its_path(written: Path, photos: list[PILImage.Image]) -> None:
    captioner = registry.captioners.get(str(written))
    assert isinstance(captioner, BuiltinCaptioner)
    assert (captioner.info.name, captioner.info.revision, captioner.unsure_below) == ("small", "local", 0.4)
    assert len(captioner.caption(photos)) == len(photos)


def test_a_captioner_over_another_backbone_is_complete_in_its_folder(
    checkpoint: Callable[[str], Path], tmp_path: Path, pictures: list[PILImage.Image]
) -> None:
    folder = checkpoint("resnet")
    tower = load_backbone(str(folder))
    vocabulary = Vocabulary(["a", "dog"])
    sizes = {"channels": tower.channels, "cells": tower.grid**2, "hidden": 16, "embedding": 8, "heads": 2}
    save(tmp_path / "other", AttentionGRU(len(vocabulary), **sizes), vocabulary, Manner(), tower)
    shutil.rmtree(folder)
    captioner = BuiltinCaptioner.open(hub.locate(str(tmp_path / "other")))
    for told in captioner.caption_with_looks(pictures[:3]):
        assert all(look.attention.shape == (tower.grid, tower.grid) for look in told.looks)


@pytest.mark.models
@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"words": ["a"]}, ModelCorrupt),
        ({"manner": {"tone": "loud"}}, ModelCorrupt),
        ({"network": {"channels": 4}}, ModelCorrupt),
        ({"backbone": "another"}, ModelUnsupported),
    ],
)
def test_a_folder_that_does_not_fit_is_refused(
    written: Path, change: dict[str, object], error: type[Exception]
) -> None:
    config = json.loads((written / "config.json").read_text())
    (written / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(error, match=r"small|another"):
        BuiltinCaptioner.open(hub.locate(str(written)))


@pytest.mark.models
def test_other_weights_are_no_captioner(written: Path) -> None:
    save_file({"weights": torch.zeros(3)}, written / "model.safetensors")
    with pytest.raises(ModelCorrupt, match="small"):
        read(hub.locate(str(written)))


def test_confidence_rises_with_the_probability_of_the_words() -> None:
    nothing = torch.zeros(2, 3)
    spoken = Spoken(nothing, torch.tensor([[[-1.0, -3.0, 0.0]], [[-1.0, -1.0, -1.0]]]), nothing, torch.zeros(2))
    assert certainty(spoken).tolist() == [-2.0, -1.0]
    unsure, sure = confidence(certainty(spoken), Manner(slope=2.0, offset=3.0)).tolist()
    assert (unsure, sure) == (pytest.approx(1 / (1 + np.e)), pytest.approx(np.e / (1 + np.e)))


def test_confidence_in_a_name_rises_with_the_classifiers_probability() -> None:
    manner = Manner(name_slope=0.5, name_offset=0.0)
    assert name_confidence(0.5, manner) == pytest.approx(0.5)
    assert name_confidence(0.9, manner) == pytest.approx(0.75)  # odds of 9, to the power of a half
    assert name_confidence(0.9, manner) < name_confidence(1.0, manner) < 1.0


@pytest.mark.models
def test_goes_on_from_first_words(captioner: BuiltinCaptioner, photos: list[PILImage.Image]) -> None:
    begun = captioner.caption(photos, begin="There is a")
    assert all(result.text.startswith("there is a ") for result in begun), "and no name takes their place"
    assert len({result.text for result in begun}) > 1
    assert all(0.0 < result.confidence < 1.0 for result in begun)
    (alone,) = captioner.caption(photos[:1], begin="There is a")
    assert alone.text == begun[0].text
    with pytest.raises(BadBeginning, match="quokka"):
        captioner.caption(photos[:1], begin="a quokka")
    with pytest.raises(BadBeginning, match="at most"):
        captioner.caption(photos[:1], begin="a dog and " * 5)
