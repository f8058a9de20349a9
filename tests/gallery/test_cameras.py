"""Pictures by the names of their cameras."""

from typing import Any

import pytest

from gallery import narrowing
from gallery.cameras import taken_with
from gallery.models import Image, User
from gallery.trash import images_trash

CAMERAS = [("Canon", "EOS 5D"), ("Canon", "PowerShot G7"), ("LEICA CAMERA AG", "LEICA Q2"), ("", "Pixel 7"), ("", "")]


@pytest.fixture
def images(make_image: Any) -> list[Image]:
    made = [make_image((40 * number, 0, 0)) for number in range(len(CAMERAS))]
    for image, (make, model) in zip(made, CAMERAS, strict=True):
        Image.objects.filter(pk=image.pk).update(camera_make=make, camera_model=model)
    return made


@pytest.mark.parametrize("few", [500, 0])
@pytest.mark.parametrize(
    ("text", "found"),
    [("canon", [0, 1]), ("leica", [2]), ("5d", [0]), ("pixel 7", [3]), ("a", [0, 1, 2]), ("nikon", []), ("%", [])],
)
def test_a_part_of_make_or_model_is_enough(
    images: list[Image], text: str, found: list[int], few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(narrowing, "FEW", few)
    condition = taken_with(text, viewer=images[0].owner)
    assert set(Image.objects.filter(condition)) == {images[number] for number in found}
    assert set(Image.objects.exclude(condition)) == set(images) - {images[number] for number in found}


def test_what_lies_in_the_trash_is_not_found(images: list[Image]) -> None:
    images_trash(images=[images[2]])
    assert not Image.objects.filter(taken_with("leica", viewer=images[0].owner)).exists()


def test_statements_tell_nothing_of_the_cameras_of_others(
    images: list[Image], other_user: User, django_assert_num_queries: Any
) -> None:
    for text in ("leica", "nikon"):
        with django_assert_num_queries(3):
            assert not Image.objects.listed_for(other_user).filter(taken_with(text, viewer=other_user)).exists()


def test_without_a_picture(user: User) -> None:
    assert not Image.objects.filter(taken_with("canon", viewer=user)).exists()
