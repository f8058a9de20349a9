"""What people read of themselves in the audit log."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from gallery import audit
from gallery.models import User
from gallery.views import activity


def test_people_read_their_own_entries_and_nobody_elses(client: Client, user: User, other_user: User) -> None:
    audit.record(user, "album.share", "Iceland", role="view")
    audit.record(user, "image.trash", number=3)
    audit.record(user, "tea.brew", "Earl Grey")
    audit.record(other_user, "album.share", "Secret plans")
    client.force_login(user)
    shown = client.get(reverse("activity")).content.decode()
    for words in ("An album was shared", "Iceland", "Pictures were moved to the trash", "(3)", "tea.brew"):
        assert words in shown
    assert "Secret plans" not in shown


def test_many_entries_come_page_by_page(
    client: Client, user: User, monkeypatch: pytest.MonkeyPatch, django_assert_max_num_queries: Any
) -> None:
    monkeypatch.setattr(activity, "PAGE_SIZE", 2)
    for number in range(5):
        audit.record(user, "album.share", f"Album {number}")
    client.force_login(user)
    query, seen = "", []
    while query is not None:
        with django_assert_max_num_queries(12):
            page = client.get(reverse("activity") + query)
        seen.append([entry.target for entry in page.context["entries"]])
        before = page.context["before"]
        query = f"?before={before}" if before else None
    assert seen == [["Album 4", "Album 3"], ["Album 2", "Album 1"], ["Album 0"]]
    assert client.get(reverse("activity") + "?before=yesterday").context["entries"][0].target == "Album 4"
    assert client.get(reverse("activity") + f"?before={10**30}").status_code == 200
