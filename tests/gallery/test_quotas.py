"""Quotas: what counts, who has which, and that two uploads at once don't both take the last room."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from gallery import services
from gallery.exceptions import UploadRefused
from gallery.models import Image, User
from gallery.quotas import in_words, limit_of, room_of

MakeImage = Callable[..., Image]
MakeJpeg = Callable[..., bytes]


@pytest.fixture
def one(make_jpeg: MakeJpeg) -> int:
    """The bytes of a picture as `make_image` makes them."""
    return len(make_jpeg("red"))


def set_quota(user: User, quota: int | None) -> None:
    user.quota_bytes = quota
    user.save()


def test_without_a_limit_there_is_none(make_image: MakeImage, user: User, one: int) -> None:
    make_image("red")
    assert room_of(user) == (one, None)
    assert room_of(user).percent == 0


def test_a_persons_own_quota_comes_before_the_sites(user: User, settings: Any) -> None:
    settings.QUOTA_BYTES = 5_000_000
    assert limit_of(user) == 5_000_000
    set_quota(user, 7)
    assert limit_of(user) == 7
    set_quota(user, 0)
    assert limit_of(user) is None


def test_what_does_not_fit_is_refused_in_a_sentence(
    make_image: MakeImage, user: User, one: int, stored_files: Callable[[], list[str]]
) -> None:
    set_quota(user, one)
    make_image("red")
    before = stored_files()
    with pytest.raises(UploadRefused, match=r"There is no room for this picture of .* of your"):
        make_image("blue")
    assert Image.objects.count() == 1
    assert stored_files() == before
    assert make_image("red").pk == Image.objects.get().pk  # what one has already is no news


def test_the_trash_counts(make_image: MakeImage, user: User, one: int) -> None:
    image = make_image("red")
    Image.objects.filter(pk=image.pk).update(trashed_at=timezone.now())
    assert room_of(user).used == one


def test_other_peoples_pictures_do_not_count(make_image: MakeImage, user: User, other_user: User) -> None:
    make_image("red", owner=other_user)
    assert room_of(user).used == 0


def test_the_upload_page_says_how_much_room_there_is(
    client: Any, make_image: MakeImage, make_jpeg: MakeJpeg, user: User, one: int
) -> None:
    client.force_login(user)
    make_image("red")
    address = reverse("upload")
    assert '<progress max="100" value="50"' not in client.get(address).content.decode()
    set_quota(user, 2 * one)
    page = client.get(address).content.decode()
    assert f"{in_words(one)} of {in_words(2 * one)}" in page
    set_quota(user, one)
    file = ContentFile(make_jpeg("blue"), name="blue.jpg")
    assert "There is no room for this picture" in client.post(address, {"pictures": file}).content.decode()


@pytest.mark.parametrize(
    ("size", "words"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_500, "1.5 kB"), (2_000_000, "2 MB"), (10_240_000_000, "10.2 GB")],
)
def test_sizes_in_words(size: int, words: str) -> None:
    assert in_words(size) == words


@pytest.mark.django_db(transaction=True)
def test_of_two_uploads_at_once_one_takes_the_last_room(make_jpeg: MakeJpeg, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = User.objects.create_user("ada")
    pictures = [make_jpeg(color) for color in ("red", "blue")]
    set_quota(owner, max(len(picture) for picture in pictures))
    both_looked = threading.Barrier(2, timeout=60)
    inspect = services.inspect_upload

    def inspect_together(*args: Any, **kwargs: Any) -> Any:
        both_looked.wait()  # each has found room by now
        return inspect(*args, **kwargs)

    monkeypatch.setattr(services, "inspect_upload", inspect_together)
    outcomes: list[str] = []

    def take(picture: bytes) -> None:
        try:
            services.image_create(owner=owner, file=ContentFile(picture), file_name="picture.jpg")
            outcomes.append("created")
        except UploadRefused:
            outcomes.append("refused")
        finally:
            connection.close()

    threads = [threading.Thread(target=take, args=[picture]) for picture in pictures]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["created", "refused"]
    assert Image.objects.count() == 1
