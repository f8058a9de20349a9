"""The fakes behave like models, so that tests and demos can search and caption without weights."""

from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

import ml
from ml import colours
from ml.interfaces import LookingCaptioner


def plain(colour: str) -> PILImage.Image:
    return PILImage.new("RGB", (60, 40), colour)


def halves(left: str, right: str) -> PILImage.Image:
    image = plain(left)
    image.paste(right, (30, 0, 60, 40))
    return image


def cosines(text: str, *images: PILImage.Image) -> Any:
    encoder = ml.load_encoder("fake")
    return encoder.encode_images(images) @ encoder.encode_texts([text])[0]


@pytest.mark.parametrize("colour", colours.NAMES)
def test_every_colour_finds_its_picture_first(colour: str) -> None:
    scores = cosines(f"a {colour} picture", *(plain(name) for name in colours.NAMES))
    floor = ml.load_encoder("fake").match_floor

    assert colours.NAMES[scores.argmax()] == colour
    assert [score > floor for score in scores].count(True) == 1


def test_places_count() -> None:
    scores = cosines("red on the left", halves("red", "blue"), halves("blue", "red"), plain("red"))

    assert scores[0] == scores.max() > ml.load_encoder("fake").match_floor
    assert scores[1] < scores[2]


def test_a_text_without_a_colour_matches_no_picture() -> None:
    for text in ("a dog", "", "left", "!?"):
        assert cosines(text, *(plain(name) for name in colours.NAMES)).max() < 0.01


def test_a_picture_finds_pictures_like_it() -> None:
    encoder = ml.load_encoder("fake")
    query, same, other = encoder.encode_images([halves("red", "blue"), halves("red", "navy"), plain("green")])

    assert query @ same > 0.7
    assert query @ other < 0.1


def test_vectors_are_normalised_and_reproducible(pictures: Any) -> None:
    encoder = ml.load_encoder("fake")
    texts = ["red", "a grey dog", "gray dog a", "", "left", "чёрный кот"]

    for vectors in (encoder.encode_images(pictures), encoder.encode_texts(texts)):
        assert vectors.dtype == np.float32
        assert vectors.shape[1] == encoder.dimension == 64
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(encoder.encode_texts(texts), encoder.encode_texts(texts))
    np.testing.assert_array_equal(encoder.encode_images(pictures[:1])[0], encoder.encode_images(pictures)[0])
    assert encoder.encode_images([]).shape == encoder.encode_texts([]).shape == (0, 64)


def test_the_captioner_names_the_main_colour_and_knows_when_it_is_unsure() -> None:
    captioner = ml.load_captioner("fake")
    mixed = PILImage.new("RGB", (16, 16))
    for column, colour in enumerate(colours.NAMES):
        mixed.paste(colour, (column, 0, column + 1, 16))

    sure, greyscale, unsure = captioner.caption([plain("red"), plain("blue").convert("L"), mixed])

    assert (sure.text, sure.confidence) == ("a mostly red picture", 1.0)
    assert greyscale.text == "a mostly black picture"
    assert unsure.confidence < captioner.unsure_below < sure.confidence
    assert captioner.caption([]) == []


def test_the_captioner_looks_where_a_colour_is() -> None:
    captioner = ml.load_captioner("fake")
    assert isinstance(captioner, LookingCaptioner)
    mostly, blue, green = captioner.looks(halves("red", "blue"), "mostly blue green")
    assert [mostly.word, blue.word, green.word] == ["mostly", "blue", "green"]
    assert blue.attention[:, :8].sum() == 0.0
    for look in (mostly, blue, green):
        assert look.attention.sum() == pytest.approx(1.0)
