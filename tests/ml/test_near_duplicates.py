"""Pictures that are the same to the eye."""

import io

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import ImageEnhance, ImageOps

from ml.datasets.cleaning.near_duplicates import Look, copies


def photo(seed: int, size: tuple[int, int] = (240, 180)) -> PILImage.Image:
    """Blurred spots: as different from each other as photos are."""
    spots = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return PILImage.fromarray(spots).resize(size, PILImage.Resampling.BICUBIC)


def reencoded(image: PILImage.Image) -> PILImage.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=40)
    return PILImage.open(buffer).convert("RGB")


CHANGES = {
    "reencoded": reencoded,
    "halved": lambda image: image.resize((120, 90)),
    "enlarged": lambda image: image.resize((700, 525)),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
    "cropped": lambda image: ImageOps.crop(image, 3),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_picture_is_found(change: str) -> None:
    looks = [Look.at(photo(seed)) for seed in range(20)]
    found = copies([*looks, Look.at(CHANGES[change](photo(7)))])
    assert {number: kept for number, (kept, _) in found.items()} == {20: 7}


def test_other_pictures_are_not() -> None:
    looks = [Look.at(photo(seed)) for seed in range(60)]
    looks += [Look.at(ImageOps.mirror(photo(0))), Look.at(ImageOps.flip(photo(0)))]
    assert copies(looks) == {}


def test_flat_pictures_of_other_colours_are_others() -> None:
    """Their hashes are the same."""
    looks = [Look.at(PILImage.new("RGB", (60, 40), colour)) for colour in ("red", "blue", "white", "red", "#fd0203")]
    assert copies(looks) == {3: (0, 0), 4: (0, 0)}


def test_the_first_is_kept_and_a_copy_of_a_copy_counts_for_it() -> None:
    picture, other = photo(1), photo(2)
    looks = [Look.at(each) for each in (picture, other, reencoded(picture), reencoded(other), picture)]
    found = copies([*looks, looks[2]])
    assert {number: kept for number, (kept, _) in found.items()} == {2: 0, 3: 1, 4: 0, 5: 0}
    assert found[4] == (0, 0)
    assert found[5] == found[2]


def test_only_pictures_within_the_distance_are_copies() -> None:
    colours = np.zeros((8, 8, 3), dtype=np.uint8)

    def look(bits: int) -> Look:
        return Look(np.packbits(np.arange(128) < bits), colours)

    assert copies([look(0), look(20), look(41)], distance=20) == {1: (0, 20)}
    assert copies([look(0), look(20), look(41)], distance=19) == {}
    assert copies([look(0), look(20), look(40)], distance=20) == {1: (0, 20)}  # the third resembles only what went
    assert copies([look(0), look(9), look(5)], distance=20) == {1: (0, 9), 2: (0, 5)}
    assert copies([look(0), look(30), look(16)], distance=20) == {2: (1, 14)}  # the nearest
    assert copies([look(0), look(0), look(1)], distance=0) == {1: (0, 0)}


def test_copies_are_found_over_many_pictures() -> None:
    """More than are compared at a time, against each with each."""
    random = np.random.default_rng(0)
    bits = random.random((2500, 128)) < 0.5
    for number in range(0, 2500, 7):
        bits[number] = bits[number // 2] ^ (random.random(128) < 0.1)
    colours = np.zeros((8, 8, 3), dtype=np.uint8)
    hashes = np.packbits(bits, axis=1)
    found = copies([Look(each, colours) for each in hashes], distance=20)

    kept: list[int] = []
    expected = set()
    for number, each in enumerate(bits):
        if kept and ((bits[kept] ^ each).sum(axis=1) <= 20).any():
            expected.add(number)
        else:
            kept.append(number)
    assert len(expected) > 200
    assert found.keys() == expected
    assert all((bits[number] ^ bits[original]).sum() == distance for number, (original, distance) in found.items())


def test_nothing_has_no_copies() -> None:
    assert copies([]) == {}
    assert copies([Look.at(photo(0))]) == {}


def test_a_look_survives_as_text() -> None:
    look = Look.at(photo(3))
    again = Look.from_hex(look.to_hex())
    np.testing.assert_array_equal(again.hash, look.hash)
    np.testing.assert_array_equal(again.colours, look.colours)
