"""Writing a picture's caption on its page, and choosing among those that it had."""

from collections.abc import Callable

import pytest
from django.test import Client

from captioning import services
from captioning.models import Caption
from gallery.models import Image, User
from ml.interfaces import CaptionResult, ModelInfo

MakeImage = Callable[..., Image]

INFO = ModelInfo(name="one", revision="1", weights_hash="1" * 64, preprocessing="none")


@pytest.fixture
def image(make_image: MakeImage, user: User, client: Client) -> Image:
    """A picture that a model called a dog, of somebody who is signed in."""
    image = make_image("red", owner=user)
    services.caption_record(image_id=image.pk, result=CaptionResult("a dog", 0.4), info=INFO, unsure=True)
    client.force_login(user)
    return image


def page(client: Client, image: Image) -> str:
    return client.get(image.get_absolute_url()).content.decode()


def current(image: Image) -> str:
    return Image.objects.get(pk=image.pk).description


def test_what_the_owner_writes_is_saved(client: Client, image: Image, user: User) -> None:
    response = client.post(f"/i/{image.uuid}/caption/", {"text": "Rex <3", "before": "a dog"}, follow=True)
    assert "The caption is saved." in response.content.decode()
    assert "Rex &lt;3</h1>" in response.content.decode()
    assert Caption.objects.get(is_current=True).author == user


def test_a_caption_that_changed_meanwhile_is_shown_beside_ones_own(client: Client, image: Image, user: User) -> None:
    services.caption_write_by_person(image_id=image.pk, author=user, text="Fido")
    response = client.post(f"/i/{image.uuid}/caption/", {"text": "Rex", "before": "a dog"})
    assert response.status_code == 409
    shown = response.content.decode()
    assert "The caption has changed meanwhile." in shown
    assert "<strong>Fido</strong>" in shown
    assert ">Rex</textarea>" in shown
    assert current(image) == "Fido"
    client.post(f"/i/{image.uuid}/caption/", {"text": "Rex", "before": "Fido"})
    assert current(image) == "Rex"


def test_a_button_that_is_pressed_twice_saves_once(client: Client, image: Image) -> None:
    for _ in range(2):
        response = client.post(f"/i/{image.uuid}/caption/", {"text": "Rex", "before": "a dog"})
        assert response.status_code == 302
    assert image.captions.count() == 2


def test_a_caption_that_is_refused_does_not_hide_what_changed_meanwhile(
    client: Client, image: Image, user: User
) -> None:
    services.caption_write_by_person(image_id=image.pk, author=user, text="Fido")
    response = client.post(f"/i/{image.uuid}/caption/", {"text": "x" * 2_001, "before": "a dog"})
    assert '<input type="hidden" name="before" value="a dog">' in response.content.decode()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (" \n ", "A caption needs words."),
        ("\x01", "A caption needs words."),
        ("x" * 2_001, "A caption has at most 2,000 characters."),
    ],
)
def test_what_is_no_caption_is_refused(client: Client, image: Image, text: str, problem: str) -> None:
    response = client.post(f"/i/{image.uuid}/caption/", {"text": text, "before": "a dog"})
    assert problem in response.content.decode()
    assert current(image) == "a dog"


def test_the_history_says_who_when_and_how_sure(client: Client, image: Image, user: User) -> None:
    services.caption_write_by_person(image_id=image.pk, author=user, text="Rex")
    shown = page(client, image)
    assert "What was said of it (2)" in shown
    assert f'by the describer <span class="break">{INFO.key}</span>, not sure: 40 %' in shown
    assert "by ada" in shown
    assert shown.index("<p>Rex</p>") < shown.index('<p lang="en">a dog</p>')


def test_a_caption_of_the_history_can_be_had_again(client: Client, image: Image, user: User) -> None:
    said = image.captions.get()
    services.caption_write_by_person(image_id=image.pk, author=user, text="Rex")
    stale = client.post(f"/i/{image.uuid}/caption/choose/", {"caption": said.pk, "before": "Fido"}, follow=True)
    assert "changed meanwhile" in stale.content.decode()
    assert current(image) == "Rex"
    response = client.post(f"/i/{image.uuid}/caption/choose/", {"caption": said.pk, "before": "Rex"}, follow=True)
    assert "approved by ada" in " ".join(response.content.decode().split())
    assert current(image) == "a dog"
    assert Caption.objects.get(is_current=True).review == Caption.Review.APPROVED


def test_a_picture_can_be_handed_back_to_the_describer(client: Client, image: Image, user: User) -> None:
    offer = "Back to the describer’s"
    assert offer not in page(client, image)
    services.caption_write_by_person(image_id=image.pk, author=user, text="Rex")
    assert offer in page(client, image)
    client.post(f"/i/{image.uuid}/caption/choose/", {"before": "Rex"})
    assert current(image) == "a dog"
    assert list(Caption.objects.to_review()) == [image.captions.get(source="model")]


def test_captions_of_other_pictures_are_no_choice(client: Client, image: Image, make_image: MakeImage) -> None:
    other = make_image("blue", owner=image.owner)
    said = services.caption_write_by_person(image_id=other.pk, author=image.owner, text="the sea")
    response = client.post(f"/i/{image.uuid}/caption/choose/", {"caption": said.pk, "before": "a dog"})
    assert response.status_code == 404
    assert current(image) == "a dog"


def test_others_see_neither_form_nor_history(client: Client, image: Image, other_user: User) -> None:
    Image.objects.update(visibility="public")
    client.force_login(other_user)
    shown = page(client, image)
    assert "Copy as alt text" in shown
    assert "caption-edit" not in shown
    assert "What was said of it" not in shown
