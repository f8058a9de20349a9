"""Addresses of pictures that hold for a while, for whoever has them."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import signing
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image as PILImage

from api.models import Token
from api.tokens import token_create
from gallery import services
from gallery.albums import album_add, album_create
from gallery.models import Image, User
from gallery.sharing import member_add, member_remove
from gallery.signed import LONGEST, ORIGINAL, address_sign
from gallery.trash import images_trash

KINDS = ["thumbnail", "preview", ORIGINAL]


@pytest.fixture
def picture(make_image: Callable[..., Image], user: User) -> Image:
    image = make_image("red", owner=user)
    services.renditions_create(image=image, picture=PILImage.new("RGB", (64, 48), "red"))
    return image


def signed(image: Image, *, kind: str = "preview", by: User | None = None, seconds: int = 60) -> str:
    return address_sign(image=image, kind=kind, by=by or image.owner, seconds=seconds).path


def status(path: str, client: Client | None = None) -> int:
    answer = (client or Client()).get(path)
    answer.getvalue()  # the file behind it is closed with it
    return answer.status_code


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock on by seconds, for all who ask what time it is."""
    import time

    real_now, real_time = timezone.now, time.time

    def move(seconds: float) -> None:
        monkeypatch.setattr(timezone, "now", lambda: real_now() + timedelta(seconds=seconds))
        monkeypatch.setattr(time, "time", lambda: real_time() + seconds)

    return move


@pytest.mark.parametrize("kind", KINDS)
def test_a_private_picture_opens_for_whoever_has_its_address(picture: Image, kind: str) -> None:
    path = signed(picture, kind=kind)
    answer = Client().get(path)
    assert answer.getvalue()
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert status(path.partition("?")[0]) == 404


@pytest.mark.parametrize("kind", KINDS)
def test_not_past_its_life(picture: Image, kind: str, later: Callable[[float], None]) -> None:
    path = signed(picture, kind=kind, seconds=60)
    later(58)
    assert status(path) == 200
    later(61)
    assert status(path) == 404


def test_no_life_is_longer_than_an_hour_whatever_was_signed(picture: Image, later: Callable[[float], None]) -> None:
    path = signed(picture, seconds=10 * LONGEST)
    until = int(timezone.now().timestamp()) + 10 * LONGEST
    by_key = signing.dumps([picture.owner.pk, str(picture.uuid), "preview", until], salt="gallery.signed")
    later(LONGEST + 2)
    assert status(path) == 404
    assert status(f"{path.partition('?')[0]}?signature={by_key}") == 404


def test_a_signature_is_for_one_file_of_one_picture(picture: Image, make_image: Callable[..., Image]) -> None:
    other = make_image("blue", owner=picture.owner)
    services.renditions_create(image=other, picture=PILImage.new("RGB", (64, 48), "blue"))
    query = signed(picture).partition("?")[2]
    for path in (
        reverse("rendition", args=[picture.uuid, "thumbnail"]),
        reverse("rendition", args=[other.uuid, "preview"]),
        reverse("original", args=[picture.uuid]),
    ):
        assert status(f"{path}?{query}") == 404


@pytest.mark.parametrize("change", [lambda text: text[:-1] + "x", lambda text: "x" + text[1:], lambda text: ""])
def test_none_that_was_changed_or_made_up(picture: Image, change: Callable[[str], str]) -> None:
    path, _, signature = signed(picture).partition("?signature=")
    assert status(f"{path}?signature={change(signature)}") == 404


def test_a_bad_signature_opens_nothing_for_the_owner_either(picture: Image, client: Client) -> None:
    client.force_login(picture.owner)
    path = signed(picture).partition("?")[0]
    assert status(path, client) == 200
    assert status(f"{path}?signature=x", client) == 404


def test_it_ends_with_what_whoever_signed_may_see(picture: Image, other_user: User) -> None:
    album = album_create(owner=picture.owner, title="Iceland")
    album_add(album=album, images=Image.objects.filter(pk=picture.pk))
    member = member_add(album=album, username=other_user.username, role="view", by=picture.owner)
    by_owner, by_member = signed(picture), signed(picture, by=other_user)
    assert (status(by_owner), status(by_member)) == (200, 200)
    assert status(signed(picture, kind=ORIGINAL, by=other_user)) == 404

    member_remove(member=member, by=picture.owner)
    assert (status(by_owner), status(by_member)) == (200, 404)
    thumbnail = signed(picture, kind="thumbnail")
    images_trash(images=[picture])
    assert (status(by_owner), status(thumbnail)) == (404, 404)


def test_it_ends_with_the_account(picture: Image) -> None:
    path = signed(picture)
    User.objects.update(is_active=False)
    assert status(path) == 404


def ask(image: Image, owner: User, **said: Any) -> Any:
    secret = token_create(owner=owner, name="shop", scopes=[Token.Scope.SHARE]).secret
    path = reverse("api:image-address", args=[image.uuid])
    return Client(headers={"Authorization": f"Bearer {secret}"}).post(path, said, content_type="application/json")


def test_the_api_gives_addresses_to_those_who_may_see_the_file(picture: Image, other_user: User) -> None:
    answer = ask(picture, picture.owner, kind="original", seconds=60)
    assert answer.status_code == 201
    assert status(answer.json()["url"]) == 200
    assert answer.json()["expires_at"] > timezone.now().isoformat()
    assert ask(picture, picture.owner, kind="preview", seconds=LONGEST + 1).status_code == 400
    services.image_set_visibility(image=picture, visibility="public")
    assert ask(picture, other_user, kind="preview").status_code == 201
    assert ask(picture, other_user, kind="original").status_code == 404
