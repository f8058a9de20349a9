"""Captions in the admin: written by hand, made anew, and how far each captioner is."""

from collections.abc import Callable

from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from PIL import Image as PILImage

from captioning import services as captioning_services
from captioning.models import Caption
from gallery.models import AuditEntry, Image, Stage, User
from tests.gallery.admin.asking import address


def test_all_that_another_model_captioned_is_captioned_again_and_peoples_words_stay(
    admin_client: Client, admin: User, image: Image, make_image: Callable[..., Image]
) -> None:
    other = make_image("blue")
    Caption.objects.create(image=other, text="blue", model="old@1")
    Stage.objects.update(state=Stage.State.DONE)
    data = {"action": "caption_again", "select_across": "1", "index": "0", "_selected_action": "1"}
    admin_client.post(address(Caption, "changelist") + "?model=old%401", data)
    assert list(Stage.objects.filter(state="pending").values_list("image", "step")) == [(other.pk, "caption")]
    captioning_services.caption_write_by_person(image_id=other.pk, author=admin, text="the sea")
    captioning_services.captions_write(image_ids=[other.pk], pictures=[PILImage.new("RGB", (64, 48), "blue")])
    assert Image.objects.get(pk=other.pk).description == "the sea"
    assert set(other.captions.values_list("model", flat=True)) == {"old@1", "", "fake@1-000000000000"}


def test_how_far_each_captioner_is_and_making_what_is_outdated_anew(
    admin_client: Client, image: Image, make_image: Callable[..., Image], other_user: User
) -> None:
    old = make_image("blue")
    captioning_services.captions_write(image_ids=[old.pk], pictures=[PILImage.new("RGB", (64, 48), "blue")])
    Caption.objects.filter(image=old).update(model="fake@0")
    Stage.objects.update(state=Stage.State.DONE)
    shown = admin_client.get(address(Caption, "changelist")).content.decode()
    assert shown.count("1 (50&nbsp;%)") == 2
    assert "Caption all others by fake" in shown
    outdated = reverse("admin:captioning_caption_outdated")
    assert admin_client.get(outdated).status_code == 403
    page = admin_client.post(outdated, follow=True)
    assert page.request["PATH_INFO"] == reverse("jobs")
    assert list(Stage.objects.filter(state="pending").values_list("image", "step")) == [(old.pk, "caption")]
    assert AuditEntry.objects.get(action="work.again").details == {"number": 1}
    User.objects.filter(pk=other_user.pk).update(is_staff=True)
    other_user.user_permissions.add(Permission.objects.get(codename="view_caption"))
    looker = Client()
    looker.force_login(other_user)
    assert "Caption all others" not in looker.get(address(Caption, "changelist")).content.decode()
    assert looker.post(outdated).status_code == 403


def test_a_caption_saved_by_hand_is_a_persons(admin_client: Client, admin: User, image: Image) -> None:
    of_model = Caption.objects.get(image=image)
    admin_client.post(address(Caption, "change", of_model.pk), {"text": "the sun goes down"})
    of_model.refresh_from_db()
    assert (of_model.source, of_model.is_current, of_model.text) == ("model", False, "a mostly red picture")
    current = Caption.objects.get(image=image, is_current=True)
    assert (current.source, current.author, current.text) == ("person", admin, "the sun goes down")
    image.refresh_from_db()
    assert image.description == "the sun goes down"


def test_a_caption_is_added_by_hand(admin_client: Client, admin: User, image: Image) -> None:
    page = admin_client.post(address(Caption, "add"), {"image": image.pk, "text": "evening"}, follow=True)
    assert page.status_code == 200
    assert Caption.objects.get(image=image, is_current=True).author == admin


def test_how_sure_a_model_is_stands_there_in_words(admin_client: Client, image: Image, admin: User) -> None:
    caption = Caption.objects.get(image=image)
    for unsure, told in ((False, "sure: 90 %"), (True, "not sure: 90 %")):
        Caption.objects.filter(pk=caption.pk).update(confidence=0.89683036918343, unsure=unsure)
        for page in (address(Caption, "changelist"), address(Caption, "change", caption.pk)):
            assert f">{told}<" in admin_client.get(page).content.decode()
    captioning_services.caption_write_by_person(image_id=image.pk, author=admin, text="evening")
    own = Caption.objects.get(author=admin)
    assert "sure:" not in admin_client.get(address(Caption, "change", own.pk)).content.decode()
