"""People in the admin, and what their albums are shared by."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils.text import capfirst

from gallery import accounts
from gallery.models import AlbumLink, Image, User
from gallery.trash import images_trash
from search.models import Embedding
from tests.gallery.admin.asking import act, address


def test_neither_keys_nor_passwords_of_links_are_shown(admin_client: Client, image: Image) -> None:
    link = AlbumLink.objects.get()
    for page in (address(AlbumLink, "changelist"), address(AlbumLink, "change", link.pk)):
        shown = admin_client.get(page).content.decode()
        assert "for the family" in shown
        assert "a-key-in-an-address" not in shown
        assert "hashed-word" not in shown
    assert not admin_client.get(address(AlbumLink, "changelist"), {"q": "a-key-in"}).context["cl"].result_count
    assert admin_client.get(address(AlbumLink, "changelist"), {"key__startswith": "a"}).status_code == 400


@pytest.mark.parametrize("at_once", [True, False])
def test_deleting_a_person_takes_their_pictures_along(
    admin_client: Client, image: Image, django_capture_on_commit_callbacks: Any, at_once: bool
) -> None:
    asked = (
        act(admin_client, User, "delete_selected", image.owner)
        if at_once
        else admin_client.get(address(User, "delete", image.owner_id))
    )
    page = asked.content.decode()
    assert "<li>Images: 1</li>" in page
    assert image.file_name not in page  # which may be private
    with django_capture_on_commit_callbacks(execute=True):
        if at_once:
            act(admin_client, User, "delete_selected", image.owner, post="yes")
        else:
            admin_client.post(address(User, "delete", image.owner_id), {"post": "yes"})
    assert not User.objects.filter(pk=image.owner_id).exists()
    assert not default_storage.exists(image.original.name)
    assert Embedding.objects.get(image_id=image.pk).vector is None


def test_the_room_that_a_person_takes_stands_beside_their_quota(
    admin_client: Client, image: Image, make_image: Callable[..., Image]
) -> None:
    images_trash(images=[make_image("blue")])
    Image.with_trash.update(byte_size=1_200_000)
    pages = (address(User, "changelist"), address(User, "change", image.owner_id))
    for quota, told in ((None, "2.4 MB"), (5_000_000, "2.4 MB of 5 MB")):
        User.objects.filter(pk=image.owner_id).update(quota_bytes=quota)
        for page in pages:
            assert f">{told}<" in admin_client.get(page).content.decode()


class TestTheLastAdministrator:
    """Can neither be deleted nor lose what makes them one, by whomever, and reads why."""

    ONLY = "root is the only administrator. Make somebody else one first."
    SELF = "You are the only administrator. Make somebody else one first, in the admin."

    @pytest.fixture
    def staff_client(self, other_user: User) -> Client:
        """Somebody who may do anything to people, and is no administrator."""
        User.objects.filter(pk=other_user.pk).update(is_staff=True)
        rights = Permission.objects.filter(content_type__app_label="gallery", content_type__model="user")
        other_user.user_permissions.set(rights)
        client = Client()
        client.force_login(other_user)
        return client

    @pytest.mark.parametrize("lost", ["is_active", "is_superuser"])
    def test_keeps_their_rights(self, staff_client: Client, admin: User, lost: str) -> None:
        where = address(User, "change", admin.pk)
        fields = changed(staff_client, where, **{lost: None})
        assert self.ONLY in staff_client.post(where, fields).content.decode()
        assert User.objects.filter(pk=admin.pk, is_active=True, is_superuser=True).exists()
        User.objects.create_superuser("branch", password="of all trees")
        assert staff_client.post(where, fields).status_code == 302
        assert not User.objects.filter(pk=admin.pk, is_active=True, is_superuser=True).exists()

    @pytest.mark.parametrize("at_once", [True, False])
    def test_is_not_deleted(self, staff_client: Client, admin: User, admin_client: Client, at_once: bool) -> None:
        def delete(client: Client, *people: User) -> str:
            if at_once:
                return str(act(client, User, "delete_selected", *people, post="yes").content.decode())
            where = address(User, "delete", people[0].pk)
            return str(client.post(where, {"post": "yes"}, follow=True).content.decode())

        assert capfirst(self.ONLY) in delete(staff_client, admin)
        assert self.SELF in delete(admin_client, admin)
        asked = (
            act(admin_client, User, "delete_selected", admin)
            if at_once
            else admin_client.get(address(User, "delete", admin.pk), follow=True)
        )
        assert asked.request["PATH_INFO"] == address(User, "changelist"), "it doesn't even ask"
        assert self.SELF in asked.content.decode()
        other = User.objects.create_superuser("branch", password="of all trees")
        if at_once:
            assert "Nobody would be left" in delete(staff_client, admin, other)
        User.objects.filter(pk=other.pk).update(is_active=False)
        assert capfirst(self.ONLY) in delete(staff_client, admin)
        assert User.objects.filter(pk=admin.pk).exists()
        delete(staff_client, other)
        assert not User.objects.filter(pk=other.pk).exists()

    def test_keeps_a_password(self, staff_client: Client, admin: User) -> None:
        where = reverse("admin:auth_user_password_change", args=[admin.pk])
        without = {"usable_password": "false", "unset-password": "yes"}
        assert self.ONLY in staff_client.post(where, without).content.decode()
        admin.refresh_from_db()
        assert admin.has_usable_password()
        User.objects.create_superuser("branch", password="of all trees")
        staff_client.post(where, without)
        admin.refresh_from_db()
        assert not admin.has_usable_password()

    def test_no_service_does_it(self, admin: User, other_user: User) -> None:
        with pytest.raises(accounts.OnlyAdministrator):
            accounts.accounts_delete(users=[other_user, admin], by=admin)
        assert User.objects.count() == 2


def changed(client: Client, where: str, **values: str | None) -> dict[str, str]:
    """What the form there would post, with some values changed; None: not checked."""
    form = client.get(where).context["adminform"].form
    given = {name: form.initial.get(name) for name in form.fields} | values
    fields = {name: value for name, value in given.items() if value not in (None, False, []) and name != "password"}
    for moment in ("last_login", "date_joined"):
        if value := fields.pop(moment, None):
            fields |= {f"{moment}_0": f"{value:%Y-%m-%d}", f"{moment}_1": f"{value:%H:%M:%S}"}
    return fields
