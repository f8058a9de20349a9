"""Undo in search: a saved search comes back, and duplicates that were kept are asked about again."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from gallery import undo
from gallery.exceptions import NothingToUndo
from gallery.models import Image, User
from search import saved
from search.duplicates import near_duplicates_dismiss
from search.models import NearDuplicate, SavedSearch
from search.saved import search_delete, search_save
from search.undo import duplicates_kept, search_deleted
from tests.gallery.test_selectors import add
from tests.gallery.test_undo_tags import button, left, taken_back
from tests.search.test_saved import past, record

Kind = NearDuplicate.Kind


def row(search: SavedSearch) -> dict[str, Any]:
    return {field.attname: getattr(search, field.attname) for field in SavedSearch._meta.fields}


class TestSavedSearches:
    @pytest.fixture
    def search(self, client: Client, user: User) -> SavedSearch:
        client.force_login(user)
        search = search_save(owner=user, text="dog tag:sea", name="Dogs")
        SavedSearch.objects.update(created_at=timezone.now() - timedelta(days=9))
        search.refresh_from_db()
        return search

    def test_on_the_page_and_once(self, client: Client, search: SavedSearch) -> None:
        page = client.post("/search/unsave/", {"search": search.pk}, follow=True).content.decode()
        assert "The saved search “Dogs” is deleted." in page
        address = button(page)
        assert "“Dogs” is saved again." in client.post(address, {"next": "/tags/"}, follow=True).content.decode()
        assert row(SavedSearch.objects.get()) == row(search)
        search_delete(owner=search.owner, pk=search.pk)
        page = client.post(address, follow=True).content.decode()
        assert "That was undone already" in page
        assert not SavedSearch.objects.exists()

    def test_which_was_looked_for_meanwhile(self, user: User, search: SavedSearch) -> None:
        """As it is at once where its own page is shown again."""
        changes = search_deleted(search_delete(owner=user, pk=search.pk) or search)
        record(user, search.text)
        taken_back(changes, user)
        again = SavedSearch.objects.get()
        assert (again.name, again.is_saved, again.created_at) == ("Dogs", True, search.created_at)

    def test_which_was_saved_meanwhile_under_another_name(self, user: User, search: SavedSearch) -> None:
        changes = search_deleted(search_delete(owner=user, pk=search.pk) or search)
        search_save(owner=user, text=search.text, name="Sea dogs")
        left(changes, user)
        assert SavedSearch.objects.get().name == "Sea dogs"

    def test_where_there_is_no_room_left(
        self, user: User, search: SavedSearch, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        changes = search_deleted(search_delete(owner=user, pk=search.pk) or search)
        search_save(owner=user, text="cat")
        monkeypatch.setattr(saved, "MOST_SAVED", 1)
        with pytest.raises(NothingToUndo, match="1 searches are saved already"):
            taken_back(changes, user)

    def test_not_for_somebody_else(self, user: User, other_user: User, search: SavedSearch) -> None:
        changes = search_deleted(search_delete(owner=user, pk=search.pk) or search)
        left(changes, other_user)
        assert not SavedSearch.objects.exists()

    def test_past_searches_that_are_forgotten_are_remembered_nowhere(self, client: Client, search: SavedSearch) -> None:
        record(search.owner, "cat")
        assert "/undo/" not in client.post("/search/forget/", follow=True).content.decode()
        assert past(search.owner) == []
        assert undo.KEY not in client.session


class TestDuplicates:
    @pytest.fixture
    def group(self, client: Client, user: User) -> list[Image]:
        client.force_login(user)
        images = [add(user) for _ in range(3)]
        for second in images[1:]:
            NearDuplicate.objects.create(first=images[0], second=second, kind=Kind.COPY)
        return images

    def test_on_the_page_and_once(self, client: Client, group: list[Image]) -> None:
        said = {"group": [image.uuid for image in group], "page": 1}
        address = button(client.post("/duplicates/keep/", said, follow=True).content.decode())
        assert NearDuplicate.objects.filter(is_dismissed=True).count() == 2
        page = client.post(address, {"next": "/duplicates/"}, follow=True).content.decode()
        assert "They are among the duplicates again." in page
        assert not NearDuplicate.objects.filter(is_dismissed=True).exists()
        near_duplicates_dismiss(owner=group[0].owner, image_ids=[image.pk for image in group])
        client.post(address)
        assert NearDuplicate.objects.filter(is_dismissed=True).count() == 2

    def test_those_that_were_kept_before_stay_kept(self, user: User, group: list[Image]) -> None:
        near_duplicates_dismiss(owner=user, image_ids=[group[0].pk, group[1].pk])
        changes = duplicates_kept(near_duplicates_dismiss(owner=user, image_ids=[image.pk for image in group]))
        taken_back(changes, user)
        assert NearDuplicate.objects.get(is_dismissed=True).second == group[1]

    def test_those_that_went_for_good_meanwhile(self, user: User, group: list[Image]) -> None:
        changes = duplicates_kept(near_duplicates_dismiss(owner=user, image_ids=[image.pk for image in group]))
        group[1].delete()
        taken_back(changes, user)
        assert not NearDuplicate.objects.get().is_dismissed
        group[2].delete()
        left(changes, user)

    def test_not_for_somebody_else(self, user: User, other_user: User, group: list[Image]) -> None:
        changes = duplicates_kept(near_duplicates_dismiss(owner=user, image_ids=[image.pk for image in group]))
        left(changes, other_user)
        assert not NearDuplicate.objects.filter(is_dismissed=False).exists()

    def test_what_was_kept_already_offers_no_undo(self, client: Client, group: list[Image]) -> None:
        said = {"group": [image.uuid for image in group]}
        client.post("/duplicates/keep/", said, follow=True)
        assert "/undo/" not in client.post("/duplicates/keep/", said, follow=True).content.decode()
