"""The captioner that ships with the site: its file, its words, its confidence."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PILImage
from safetensors.torch import save_file

from ml.backbones.shared import shared_image_tower
from ml.captioners import builtin
from ml.captioners.attention_gru import AttentionGRU, Spoken
from ml.captioners.builtin import BuiltinCaptioner, Manner, certainty, confidence, name_confidence, read, write
from ml.captioners.vocabulary import Vocabulary
from ml.errors import ModelCorrupt, ModelNotFound


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
@pytest.mark.parametrize("manner", [{"unsure_below": 0.0}, {"name_from": 1.1}], ids=["sure sentence", "unsure name"])
def test_a_name_gives_way_to_a_sure_sentence_and_needs_to_be_sure(
    photos: list[PILImage.Image], manner: dict[str, float]
) -> None:
    network, vocabulary, usual = read(builtin.WEIGHTS)
    captioner = BuiltinCaptioner(shared_image_tower(), network, vocabulary, replace(usual, **manner))
    (result,) = captioner.caption(photos[:1])
    assert len(result.text.split()) > 2


@pytest.mark.models
def test_a_sentence_that_mentions_the_thing_stays(photos: list[PILImage.Image]) -> None:
    network, vocabulary, usual = read(builtin.WEIGHTS)
    words = ["cat" if word == "man" else word for word in vocabulary.words]  # so that the sentence speaks of a cat
    captioner = BuiltinCaptioner(shared_image_tower(), network, Vocabulary(words), usual)
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
def test_says_what_it_is(captioner: BuiltinCaptioner) -> None:
    assert captioner.info.key.startswith("builtin@2-")
    assert captioner.info.weights_hash == builtin.WEIGHTS_SHA256
    assert 0.0 < captioner.unsure_below < 1.0
    assert builtin.WEIGHTS.stat().st_size < 20 * 2**20


def test_a_missing_file_is_said_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(builtin, "WEIGHTS", tmp_path / "gone.safetensors")
    with pytest.raises(ModelNotFound, match="gone"):
        BuiltinCaptioner.load()


def test_an_altered_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    altered = tmp_path / "altered.safetensors"
    altered.write_bytes(b"not what was pinned")
    monkeypatch.setattr(builtin, "WEIGHTS", altered)
    with pytest.raises(ModelCorrupt, match="altered"):
        BuiltinCaptioner.load()


def test_reads_what_it_wrote_to_half_precision(tmp_path: Path) -> None:
    vocabulary = Vocabulary(["a", "dog"])
    network = AttentionGRU(len(vocabulary))
    manner = Manner(slope=2.5, offset=1.0, unsure_below=0.4)
    write(tmp_path / "captioner.safetensors", network, vocabulary, manner)
    loaded, words, spoken = read(tmp_path / "captioner.safetensors")
    assert words.words == vocabulary.words
    assert spoken == manner
    assert not loaded.training
    for name, weights in network.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], weights, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("content", ["other weights", "no safetensors"])
def test_another_file_is_no_captioner(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.safetensors"
    if content == "other weights":
        save_file({"weights": torch.zeros(3)}, path)
    else:
        path.write_bytes(b"hello")
    with pytest.raises(ModelCorrupt, match="other"):
        read(path)


def test_confidence_rises_with_the_probability_of_the_words() -> None:
    nothing = torch.zeros(2, 3)
    spoken = Spoken(nothing, torch.tensor([[-1.0, -3.0, 0.0], [-1.0, -1.0, -1.0]]), nothing, torch.zeros(2))
    assert certainty(spoken).tolist() == [-2.0, -1.0]
    unsure, sure = confidence(certainty(spoken), Manner(slope=2.0, offset=3.0)).tolist()
    assert (unsure, sure) == (pytest.approx(1 / (1 + np.e)), pytest.approx(np.e / (1 + np.e)))


def test_confidence_in_a_name_rises_with_the_classifiers_probability() -> None:
    manner = Manner(name_slope=0.5, name_offset=0.0)
    assert name_confidence(0.5, manner) == pytest.approx(0.5)
    assert name_confidence(0.9, manner) == pytest.approx(0.75)  # odds of 9, to the power of a half
    assert name_confidence(0.9, manner) < name_confidence(1.0, manner) < 1.0
