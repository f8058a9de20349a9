"""Describing a picture without keeping it, and keeping it after all."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from gallery.models import Image, User, Visibility
from ml import registry
from ml.errors import ModelNotFound
from mmsite import held, tasks, worker
from search import index
from search.versions import model_version_ensure
from tests.conftest import MakeJpeg
from tests.gallery.test_views_library import listed

MakeImage = Callable[..., Image]


@pytest.fixture(autouse=True)
def held_dir(settings: Any) -> Iterator[Path]:
    index.reset()
    yield settings.MEDIA_ROOT / "held"
    index.reset()


def pass_an_hour(path: Path) -> Path:
    """Makes a held picture older than it may get, by its name; gives its new path."""
    held_at, _, token = path.name.partition("-")
    return path.rename(path.with_name(f"{int(held_at) - held.HOLD_SECONDS - 1}-{token}"))


@pytest.fixture
def signed_in(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def describe(client: Client, content: bytes, name: str = "seen.jpg") -> Any:
    return client.post(reverse("describe"), {"file": SimpleUploadedFile(name, content)})


def receipt_of(response: Any) -> str:
    return str(response.context["keep_form"].initial["held"])


def keep(client: Client, receipt: str, visibility: str = "private") -> Any:
    return client.post(reverse("describe-keep"), {"held": receipt, "visibility": visibility}, follow=True)


def test_a_picture_gets_its_caption_and_its_nearest_and_is_not_kept(
    signed_in: Client, make_image: MakeImage, make_jpeg: MakeJpeg, other_user: User
) -> None:
    model_version_ensure()
    shades = [make_image((150 + 15 * shade, 0, 0)) for shade in range(6)]
    make_image("red", owner=other_user)
    worker.work_until_idle()
    page = describe(signed_in, make_jpeg("red")).content.decode()
    assert "a mostly red picture" in page
    assert 'src="data:image/webp;base64,' in page
    assert len(listed(page)) == 5
    assert set(listed(page)) <= {str(image.uuid) for image in shades}
    assert Image.objects.count() == 7


def test_an_unsure_caption_is_marked(signed_in: Client, make_jpeg: MakeJpeg, monkeypatch: pytest.MonkeyPatch) -> None:
    from ml.captioners.fake import FakeCaptioner

    monkeypatch.setattr(FakeCaptioner, "unsure_below", 2.0)
    assert "maybe:" in describe(signed_in, make_jpeg("red")).content.decode()


def test_keeping_it(signed_in: Client, user: User, make_jpeg: MakeJpeg, held_dir: Path) -> None:
    content = make_jpeg("red")
    response = keep(signed_in, receipt_of(describe(signed_in, content)), "link")
    image = Image.objects.get()
    assert response.redirect_chain == [(image.get_absolute_url(), 302)]
    assert (image.owner, image.file_name, image.visibility) == (user, "seen.jpg", Visibility.LINK)
    with image.original.open("rb") as file:
        assert file.read() == content
    assert list(held_dir.iterdir()) == []


def test_keeping_what_one_has_leads_to_it(signed_in: Client, make_image: MakeImage, make_jpeg: MakeJpeg) -> None:
    image = make_image("red")
    response = keep(signed_in, receipt_of(describe(signed_in, make_jpeg("red"))))
    assert response.redirect_chain == [(image.get_absolute_url(), 302)]
    assert "You have this picture already." in response.content.decode()
    assert Image.objects.count() == 1


def test_a_receipt_is_good_once(signed_in: Client, make_jpeg: MakeJpeg) -> None:
    receipt = receipt_of(describe(signed_in, make_jpeg("red")))
    keep(signed_in, receipt)
    assert "no longer at hand" in keep(signed_in, receipt).content.decode()
    assert Image.objects.count() == 1


def test_signed_out_meanwhile_one_comes_back_to_the_page(signed_in: Client, make_jpeg: MakeJpeg) -> None:
    receipt = receipt_of(describe(signed_in, make_jpeg("red")))
    signed_in.logout()
    response = keep(signed_in, receipt)
    assert response.redirect_chain == [(f"{reverse('sign-in')}?next={reverse('describe')}", 302)]
    assert not Image.objects.exists()


def test_what_is_held_is_for_the_sites_own_user_alone(signed_in: Client, make_jpeg: MakeJpeg, held_dir: Path) -> None:
    describe(signed_in, make_jpeg("red"))
    assert [path.stat().st_mode & 0o077 for path in held_dir.iterdir()] == [0]


def test_a_receipt_is_of_no_use_to_others(signed_in: Client, make_jpeg: MakeJpeg, other_user: User) -> None:
    receipt = receipt_of(describe(signed_in, make_jpeg("red")))
    signed_in.force_login(other_user)
    assert "no longer at hand" in keep(signed_in, receipt).content.decode()
    assert not Image.objects.exists()


def forged(user: User, tmp_path: Path) -> list[str]:
    outside = tmp_path / "secret"
    outside.write_bytes(b"bytes")
    said = {"name": "../secret", "file_name": "a.jpg", "owner": user.pk}
    return ["", "nonsense", signing.dumps(said), signing.dumps(said, key="a guess", salt="mmsite.held")]


def test_forged_receipts_open_nothing(signed_in: Client, user: User, tmp_path: Path) -> None:
    for receipt in forged(user, tmp_path):
        assert "no longer at hand" in keep(signed_in, receipt).content.decode()
    assert not Image.objects.exists()


def test_what_is_held_is_forgotten_after_an_hour(signed_in: Client, make_jpeg: MakeJpeg, held_dir: Path) -> None:
    receipt = receipt_of(describe(signed_in, make_jpeg("red")))
    [old] = held_dir.iterdir()
    old = pass_an_hour(old)
    describe(signed_in, make_jpeg("blue"))
    assert not old.exists()
    assert len(list(held_dir.iterdir())) == 1
    assert "no longer at hand" in keep(signed_in, receipt).content.decode()


def test_the_sweep_forgets_what_nobody_came_back_for(user: User, make_jpeg: MakeJpeg, held_dir: Path) -> None:
    for colour in ("red", "blue"):
        file = SimpleUploadedFile("a.jpg", make_jpeg(colour))
        held.hold(owner_id=user.pk, file=file, file_name="a.jpg")
    old, young = held_dir.iterdir()
    pass_an_hour(old)
    tasks.sweep()
    assert list(held_dir.iterdir()) == [young]


def test_a_receipt_runs_out_even_if_the_file_is_still_there(
    user: User, make_jpeg: MakeJpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = SimpleUploadedFile("a.jpg", make_jpeg())
    receipt = held.hold(owner_id=user.pk, file=file, file_name="a.jpg")
    assert held.held_picture(owner_id=user.pk, receipt=receipt).file_name == "a.jpg"
    monkeypatch.setattr(held, "HOLD_SECONDS", -1)
    with pytest.raises(held.NotHeld):
        held.held_picture(owner_id=user.pk, receipt=receipt)


def test_what_is_no_picture_is_refused_in_a_sentence(signed_in: Client, held_dir: Path) -> None:
    for content, sentence in ((b"words", "not a picture that we know"), (b"", "This file is empty.")):
        response = describe(signed_in, content)
        assert response.status_code == 400
        assert sentence in response.content.decode()
    assert "Choose a picture." in signed_in.post(reverse("describe")).content.decode()
    assert not held_dir.exists()


def test_without_models_the_page_says_so_and_one_can_still_keep_it(
    signed_in: Client, make_jpeg: MakeJpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Any:
        raise ModelNotFound("The captioner is not installed.")

    broken = registry.Registry("captioner", named={"fake": missing}, families={})
    monkeypatch.setattr(registry, "captioners", broken)
    response = describe(signed_in, make_jpeg("red"))
    page = response.content.decode()
    assert "The captioner is not installed." in page
    assert "Search has no model yet" in page
    keep(signed_in, receipt_of(response))
    assert Image.objects.count() == 1
