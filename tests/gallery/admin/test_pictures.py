"""Pictures in the admin: seen by staff, changed through the services, many at once."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.storage import default_storage
from django.test import Client

from gallery.admin import pieces
from gallery.models import AuditEntry, Image, User, Visibility
from gallery.trash import images_trash
from search.models import Embedding, ModelVersion
from tests.gallery.admin.asking import act, address


def test_staff_see_thumbnails_of_private_pictures(admin_client: Client, image: Image) -> None:
    link = address(Image, "thumbnail", image.pk)
    assert link in admin_client.get(address(Image, "changelist")).content.decode()
    response = admin_client.get(link)
    assert response["Content-Type"] == "image/webp"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert b"".join(response.streaming_content)[:4] == b"RIFF"


def test_nobody_else_gets_a_thumbnail_there(client: Client, image: Image, other_user: User) -> None:
    link = address(Image, "thumbnail", image.pk)
    assert client.get(link).status_code == 302  # to sign in
    client.force_login(other_user)
    assert client.get(link).status_code == 302
    other_user.is_staff = True  # but with no right to look at pictures
    other_user.save()
    assert client.get(link).status_code == 403


def test_a_thumbnail_that_was_not_made_or_was_lost_is_absent(
    admin_client: Client, image: Image, make_image: Callable[..., Image]
) -> None:
    assert admin_client.get(address(Image, "thumbnail", make_image("blue").pk)).status_code == 404
    thumbnail = image.renditions.get(kind="thumbnail")
    thumbnail.file.storage.delete(thumbnail.file.name)
    assert admin_client.get(address(Image, "thumbnail", image.pk)).status_code == 404


def test_where_a_picture_was_taken_stays_the_owners(admin_client: Client, image: Image) -> None:
    Image.objects.filter(pk=image.pk).update(latitude=12.345678, longitude=98.765432)
    page = admin_client.get(address(Image, "change", image.pk)).content.decode()
    assert "12.345" not in page
    assert "98.765" not in page
    assert admin_client.get(address(Image, "changelist"), {"latitude__gte": "12"}).status_code == 400


def test_visibility_is_changed_through_the_service(admin_client: Client, image: Image, version: ModelVersion) -> None:
    before = Embedding.objects.get(image=image).seq
    admin_client.post(address(Image, "change", image.pk), {"visibility": "public"})
    image.refresh_from_db()
    assert image.visibility == Visibility.PUBLIC
    assert Embedding.objects.get(image=image).seq > before  # so that every index hears of it


def test_deleting_a_picture_moves_it_to_the_trash(admin_client: Client, admin: User, image: Image) -> None:
    where = address(Image, "delete", image.pk)
    assert where in admin_client.get(address(Image, "change", image.pk)).content.decode()
    assert image.file_name in admin_client.get(where).content.decode()
    assert Image.objects.exists(), "it asks"
    done = admin_client.post(where, {"confirmed": "yes"}, follow=True)
    assert "1 picture moved to the trash." in done.content.decode()
    assert Image.with_trash.get().trashed_at is not None
    assert default_storage.exists(image.original.name)
    assert AuditEntry.objects.get(action="image.trash").actor == admin
    again = admin_client.get(where, follow=True)
    assert "It lies in the trash already." in again.content.decode()
    assert where not in admin_client.get(address(Image, "change", image.pk)).content.decode()


@pytest.mark.parametrize(("at_once", "is_in_trash"), [(True, True), (True, False), (False, True), (False, False)])
def test_deleting_for_good_asks_takes_files_and_leaves_tombstones(
    admin_client: Client,
    image: Image,
    django_capture_on_commit_callbacks: Any,
    at_once: bool,
    is_in_trash: bool,
) -> None:
    if is_in_trash:
        images_trash(images=[image])
    names = [image.original.name, *image.renditions.values_list("file", flat=True)]

    def delete(**more: str) -> str:
        if at_once:
            return str(act(admin_client, Image, "delete_for_good", image, **more).content.decode())
        where = address(Image, "delete_for_good", image.pk)
        assert where in admin_client.get(address(Image, "change", image.pk)).content.decode()
        page = admin_client.post(where, more, follow=True) if more else admin_client.get(where)
        return str(page.content.decode())

    assert "nobody can bring them back" in delete()
    assert Image.with_trash.exists()
    with django_capture_on_commit_callbacks(execute=True):
        assert "1 picture deleted for good." in delete(confirmed="yes")
    assert not Image.with_trash.exists()
    assert not any(default_storage.exists(name) for name in names)
    assert AuditEntry.objects.get(action="image.delete").actor_name == "root"
    assert Embedding.objects.get(image_id=image.pk).vector is None
    assert admin_client.get(address(Embedding, "changelist")).status_code == 200
    assert admin_client.get(address(Embedding, "change", Embedding.objects.get().pk)).status_code == 200


def test_pictures_that_are_not_there_are_not_deleted(admin_client: Client) -> None:
    for page, key in (("delete", "7"), ("delete", "x"), ("delete_for_good", "7")):
        assert admin_client.get(address(Image, page, key)).status_code == 404


def test_many_pictures_go_to_the_trash_after_being_asked(admin_client: Client, image: Image) -> None:
    asked = act(admin_client, Image, "move_to_trash", image).content.decode()
    assert "1 image?" in asked
    assert Image.objects.exists()
    done = act(admin_client, Image, "move_to_trash", image, confirmed="yes", total="1").content.decode()
    assert "1 picture moved to the trash." in done
    assert not Image.objects.exists()
    assert "sunset.jpg" in admin_client.get(address(Image, "changelist")).content.decode(), "staff see the trash"
    assert default_storage.exists(image.original.name)
    act(admin_client, Image, "delete_selected", image, post="yes")
    assert Image.with_trash.exists(), "there is no such action"


def test_thousands_are_done_a_piece_with_each_request(
    admin_client: Client, image: Image, make_image: Callable[..., Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "PIECE", 2)
    for color in ("blue", "green", "yellow", "black"):
        make_image(color)
    asked = {"action": "make_public", "select_across": "1", "index": "0", "confirmed": "yes", "_selected_action": "1"}
    found = admin_client.post(address(Image, "changelist"), asked)
    assert "2 of 5" in found.content.decode()
    asked["total"] = "5"
    assert "4 of 5" in admin_client.post(address(Image, "changelist"), asked).content.decode()
    done = admin_client.post(address(Image, "changelist"), asked, follow=True).content.decode()
    assert "Changed to “Public: everyone here”: 5." in done
    assert not Image.objects.exclude(visibility="public").exists()
    assert sum(entry.details["number"] for entry in AuditEntry.objects.filter(action="image.visibility")) == 5


def test_bulk_actions_are_for_those_who_may_change_pictures(image: Image, other_user: User) -> None:
    User.objects.filter(pk=other_user.pk).update(is_staff=True)
    other_user.user_permissions.add(Permission.objects.get(codename="view_image"))
    client = Client()
    client.force_login(other_user)
    for action in ("move_to_trash", "delete_for_good", "make_public", "caption_again"):
        act(client, Image, action, image, confirmed="yes")
    for page in ("delete", "delete_for_good"):
        assert client.post(address(Image, page, image.pk), {"confirmed": "yes"}).status_code == 403
    assert "for-good" not in client.get(address(Image, "change", image.pk)).content.decode()
    assert Image.objects.get().visibility == Visibility.PRIVATE
    assert not AuditEntry.objects.filter(actor=other_user).exists()
