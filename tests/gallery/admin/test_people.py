"""People in the admin, and what their albums are shared by."""

from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client

from gallery.models import AlbumLink, Image, User
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
    assert image.file_name in asked.content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        if at_once:
            act(admin_client, User, "delete_selected", image.owner, post="yes")
        else:
            admin_client.post(address(User, "delete", image.owner_id), {"post": "yes"})
    assert not User.objects.filter(pk=image.owner_id).exists()
    assert not default_storage.exists(image.original.name)
    assert Embedding.objects.get(image_id=image.pk).vector is None
