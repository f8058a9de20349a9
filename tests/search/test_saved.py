"""Past and saved searches: each person's own."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gallery.models import Image, User
from mmsite import worker
from search import saved
from search.exceptions import SearchNotSaved
from search.models import SavedSearch
from search.query.answer import SearchHit, SearchResult
from search.query.parse import parse
from search.saved import search_delete, search_record, search_save, searches_forget, searches_prune
from search.versions import model_version_ensure


def found(text: str, *, matches: int = 1) -> SearchResult:
    hits = [SearchHit(Image(), 0.5) for _ in range(matches)]
    return SearchResult("ok" if hits else "no_match", hits, query=parse(text, today=timezone.localdate()))


def record(user: User, text: str, **kwargs: Any) -> None:
    search_record(viewer=user, result=found(text), **kwargs)


def past(user: User) -> list[str]:
    return list(user.searches.filter(is_saved=False).order_by("-last_used_at", "-pk").values_list("text", flat=True))


def test_what_found_something_is_a_past_search(user: User) -> None:
    record(user, "  a   dog tag:sea ")
    assert past(user) == ["a dog tag:sea"]


@pytest.mark.parametrize(
    ("text", "matches", "page"),
    [
        ("dog", 0, 1),
        ("dog", 1, 2),
        ("", 1, 1),
        ("~3f0f5a9e-5b4d-4c3e-9d7a-0123456789ab", 1, 1),
        ("x" * 501, 1, 1),
    ],
)
def test_other_searches_are_not_recorded(user: User, text: str, matches: int, page: int) -> None:
    search_record(viewer=user, result=found(text, matches=matches), page=page)
    assert past(user) == []


def test_strangers_leave_nothing(db: None) -> None:
    search_record(viewer=AnonymousUser(), result=found("dog"))
    assert not SavedSearch.objects.exists()


def test_a_search_is_recorded_once_and_moves_to_the_front(user: User) -> None:
    for text in ("dog", "cat", "dog"):
        record(user, text)
        SavedSearch.objects.update(last_used_at=timezone.now() - timedelta(hours=1))
    record(user, "dog")
    assert past(user) == ["dog", "cat"]


def test_coming_back_within_a_minute_costs_no_write(user: User) -> None:
    record(user, "dog")
    with CaptureQueriesContext(connection) as queries:
        record(user, "dog")
    assert len(queries) == 1
    assert queries[0]["sql"].startswith("SELECT")


def test_the_latest_fifty_are_kept_and_all_that_are_saved(user: User, other_user: User) -> None:
    search_save(owner=user, text="keep me")
    record(other_user, "theirs")
    for number in range(saved.MOST_PAST + 3):
        record(user, f"dog {number}")
    assert searches_prune() == 3
    assert past(user) == [f"dog {number}" for number in range(saved.MOST_PAST + 2, 2, -1)]
    assert user.searches.filter(is_saved=True).count() == 1
    assert past(other_user) == ["theirs"]


def test_a_busy_database_leaves_the_search_answered(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(saved, "_write", locked)
    record(user, "dog")
    assert past(user) == []


@pytest.mark.django_db(transaction=True)
def test_all_else_is_on_disk_before_it_is_answered(user: User) -> None:
    setting = "PRAGMA synchronous" if connection.vendor == "sqlite" else "SHOW synchronous_commit"

    def safety() -> object:
        with connection.cursor() as cursor:
            cursor.execute(setting)
            return cursor.fetchone()

    before = safety()
    with CaptureQueriesContext(connection) as queries:
        record(user, "dog")
    assert any("synchronous" in query["sql"] for query in queries)
    assert safety() == before
    assert past(user) == ["dog"]


def test_saving_keeps_it_and_names_it(user: User) -> None:
    record(user, "dog beach")
    search = search_save(owner=user, text=" dog  beach", name=" By the sea ")
    assert (search.text, search.name, search.is_saved, str(search)) == ("dog beach", "By the sea", True, "By the sea")
    assert past(user) == []
    record(user, "dog beach")
    assert SavedSearch.objects.get().is_saved
    assert search_save(owner=user, text="dog beach").name == ""


def test_what_cannot_be_saved_says_why(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved, "MOST_SAVED", 1)
    for text in ("", " | ", "x" * 501):
        with pytest.raises(SearchNotSaved):
            search_save(owner=user, text=text)
    search_save(owner=user, text="one")
    search_save(owner=user, text="one", name="again")
    with pytest.raises(SearchNotSaved, match="1 searches are saved already"):
        search_save(owner=user, text="two")


def test_only_ones_own_are_deleted(user: User, other_user: User) -> None:
    theirs = search_save(owner=other_user, text="dog")
    record(other_user, "cat")
    mine = search_save(owner=user, text="dog")
    record(user, "cat")
    assert not search_delete(owner=user, pk=theirs.pk)
    assert search_delete(owner=user, pk=mine.pk)
    assert searches_forget(owner=user) == 1
    assert not user.searches.exists()
    assert other_user.searches.count() == 2


def test_they_go_with_the_person(user: User) -> None:
    from gallery import services

    search_save(owner=user, text="dog")
    services.users_delete(users=[user])
    assert not SavedSearch.objects.exists()


@pytest.mark.parametrize("name", ["save", "unsave", "forget"])
def test_strangers_are_asked_to_sign_in(client: Client, db: None, name: str) -> None:
    response = client.post(f"/search/{name}/", {"q": "dog"})
    assert response.headers["Location"] == "/sign-in/?next=/search/%3Fq%3Ddog"


def test_saving_and_deleting_on_the_page(client: Client, user: User) -> None:
    client.force_login(user)
    response = client.post("/search/save/", {"q": "dog <b>", "name": "n" * 120}, follow=True)
    assert response.redirect_chain == [("/search/?q=dog+%3Cb%3E", 302)]
    assert f"“{'n' * 100}” is saved" in response.content.decode()
    search = SavedSearch.objects.get()
    assert client.post("/search/unsave/", {"search": search.pk, "q": "dog"}).headers["Location"] == "/search/?q=dog"
    assert not SavedSearch.objects.exists()
    page = client.post("/search/save/", {"q": ""}, follow=True).content.decode()
    assert "There is nothing to search for in that." in page


@pytest.mark.parametrize("key", ["", "x", "-1", "9" * 30, "²", "999999999"])
def test_a_search_that_is_not_there_changes_nothing(client: Client, user: User, other_user: User, key: str) -> None:
    search_save(owner=other_user, text="dog")
    client.force_login(user)
    assert client.post("/search/unsave/", {"search": key}).status_code == 302
    assert SavedSearch.objects.exists()


def test_nobody_deletes_the_search_of_somebody_else_by_its_address(
    client: Client, user: User, other_user: User
) -> None:
    theirs = search_save(owner=other_user, text="dog")
    client.force_login(user)
    client.post("/search/unsave/", {"search": theirs.pk})
    assert SavedSearch.objects.filter(pk=theirs.pk).exists()


def test_forgetting_leaves_the_saved_ones(client: Client, user: User) -> None:
    record(user, "cat")
    search_save(owner=user, text="dog")
    client.force_login(user)
    client.post("/search/forget/")
    assert [search.text for search in SavedSearch.objects.all()] == ["dog"]


@pytest.fixture
def red(make_image: Callable[..., Image]) -> Image:
    model_version_ensure()
    image = make_image("red")
    worker.work_until_idle()
    return image


def test_the_page_records_what_it_found_and_offers_it_again(client: Client, user: User, red: Image) -> None:
    client.force_login(user)
    assert "Save this search" in client.get("/search/", {"q": "red"}).content.decode()
    client.get("/search/", {"q": "zebra crossing"})
    assert past(user) == ["red"]
    page = client.get("/search/").content.decode()
    assert 'href="/search/?q=red"' in page
    assert "Forget my past searches" in page


def test_the_page_of_a_saved_search_says_so(client: Client, user: User, red: Image) -> None:
    search = search_save(owner=user, text='red by:me "one & all"/', name="Mine & <b>")
    client.force_login(user)
    page = client.get("/search/", {"q": search.text}).content.decode()
    assert "A saved search: Mine &amp; &lt;b&gt;" in page
    assert "Save this search" not in page
    page = client.get("/search/").content.decode()
    assert f'href="/search/?q={quote(search.text, safe="")}"' in page


def test_a_search_by_part_of_a_picture_is_not_recorded(client: Client, user: User, red: Image) -> None:
    client.force_login(user)
    page = client.get("/search/", {"q": "red", "of": red.uuid, "box": "0,0,0.5,0.5"}).content.decode()
    assert "Save this search" not in page
    assert past(user) == []


def test_strangers_are_offered_nothing_to_save(client: Client, red: Image) -> None:
    search_save(owner=red.owner, text="secret")
    for query in ({}, {"q": "red"}):
        page = client.get("/search/", query).content.decode()
        assert "Save this search" not in page
        assert "secret" not in page


def test_nobody_sees_the_searches_of_somebody_else_on_the_page(client: Client, red: Image, other_user: User) -> None:
    search_save(owner=red.owner, text="secret", name="concealed")
    record(red.owner, "past secret")
    client.force_login(other_user)
    for query in ({}, {"q": "secret"}):
        page = client.get("/search/", query).content.decode()
        assert "concealed" not in page
        assert "past secret" not in page
