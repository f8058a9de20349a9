"""Suggestions: what each source gives, and that none tells of pictures or searches that aren't the viewer's."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gallery.albums import album_add, album_create
from gallery.favourites import favourites_add
from gallery.models import Album, Image, User, Visibility
from gallery.sharing import member_add
from gallery.tags import images_tag
from search import suggest
from search.models import SavedSearch
from search.query.parse import parse
from search.query.terms import FIELDS
from search.suggest import MOST, suggestions
from tests.search.query.rows import make_row

HIDDEN = [Visibility.PRIVATE, Visibility.LINK]


def texts(viewer: Any, text: str) -> list[str]:
    return [each.text for each in suggestions(viewer=viewer, text=text)]


def make(owner: User, caption: str = "", *, visibility: str = "private", camera: tuple[str, str] = ("", "")) -> Image:
    image = make_row(caption, owner=owner, visibility=visibility)
    image.camera_make, image.camera_model = camera
    image.save()
    return image


@pytest.fixture
def nobody(db: None) -> AnonymousUser:
    return AnonymousUser()


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("cam", ["camera:"]),
        ("-CAM", ["-camera:"]),
        ("a dog or", ["a dog orientation:"]),
        ("own", ["by:"]),
        ("is:un", ["is:unsure "]),
        ("red IS:a", ["red is:animated "]),
        ("orientation:", ["orientation:portrait ", "orientation:landscape ", "orientation:square "]),
        ("land", ["orientation:landscape "]),
        ("+squ", ["+orientation:square "]),
        ("when:yester", ["on:yesterday "]),
        ("before:last su", []),
        ('before:"last su', ['before:"last summer" ']),
        ("after:“last wi", ['after:"last winter" ']),
        ("is:nonsense", []),
        ("nosuch:va", []),
        ("camera ", []),
        ('"cam', []),
        ('"a" cam', ['"a" camera:']),
        ('"a cam', []),
        ('camera:"fuji"', []),
        ("-", []),
        ("^ ~ :", []),
        ("", []),
        ("x" * 1001, []),
        ("cam\x00", []),
        ("\ud800", []),
    ],
)
def test_fields_and_their_values(nobody: AnonymousUser, typed: str, expected: list[str]) -> None:
    assert texts(nobody, typed) == expected


def test_every_field_is_found_by_its_name_and_reads_as_meant(nobody: AnonymousUser) -> None:
    for name in FIELDS:
        assert f"{name}:" in texts(nobody, name)
        for text in texts(nobody, f"{name}:"):
            query = parse(text, today=timezone.localdate())
            assert [part.field for part in query.filters] == [name]
            assert not query.hints


def test_words_of_captions_by_their_frequency(user: User) -> None:
    for caption in ("A Dog on the beach.", "a dog at a door", "two dogs, dog's", "do", "A doorway"):
        make(user, caption)
    assert texts(user, "red do") == ["red dog ", "red dog's ", "red dogs ", "red door ", "red doorway "]
    assert texts(user, "DOG") == ["dog's ", "dogs "]
    assert "the " not in texts(user, "th")
    assert texts(user, "d") == []


def test_words_in_other_scripts_and_like_wildcards(user: User) -> None:
    make(user, "собака бежит")
    make(user, "100% a_b straße")
    assert texts(user, "соб") == ["собака "]
    assert texts(user, "stra") == ["straße "]
    assert texts(user, "%%") == texts(user, "__") == []


def test_cameras_by_any_of_their_words(user: User) -> None:
    for camera in (("FUJIFILM", "X-T4"), ("Canon", "Canon EOS R6"), ("Canon", "Canon EOS R6"), ("", "Pixel 8")):
        make(user, camera=camera)
    make(user)
    assert texts(user, "camera:fu") == ["camera:FUJIFILM ", "camera:X-T4 "]
    assert texts(user, "camera:eos") == ['camera:"Canon EOS R6" ']
    assert texts(user, 'camera:"canon e') == ['camera:"Canon EOS R6" ']
    assert texts(user, "camera:")[:2] == ["camera:Canon ", 'camera:"Canon EOS R6" ']
    assert texts(user, "fuj") == ["camera:FUJIFILM "]
    assert texts(user, "camera:(") == []


def test_tags_by_how_they_begin(user: User) -> None:
    for number, names in enumerate((["Beach"], ["beach", "Bear"], ["New York"])):
        image = make(user, f"picture {number}")
        images_tag(owner=user, images=Image.objects.filter(pk=image.pk), names=names)
    assert texts(user, "tag:") == ["tag:Beach ", "tag:Bear ", 'tag:"New York" ']
    assert texts(user, 'tag:"new y') == ['tag:"New York" ']
    assert texts(user, "BEA") == ["tag:Beach "]
    assert texts(user, "tag:%") == []


@pytest.mark.parametrize("most", ["Beach", "beach"])
def test_a_tag_is_spelt_as_most_do(user: User, other_user: User, most: str) -> None:
    spellings = [(user, "Beach"), (other_user, "beach"), (user if most == "Beach" else other_user, most)]
    for number, (owner, name) in enumerate(spellings):
        image = make(owner, f"picture {number}", visibility="public")
        images_tag(owner=owner, images=Image.objects.filter(pk=image.pk), names=[name])
    for viewer in (user, other_user):
        assert texts(viewer, "tag:") == [f"tag:{most} "]


def test_own_albums_by_how_they_begin(user: User, other_user: User, nobody: AnonymousUser) -> None:
    for owner, title in ((user, "Iceland 2024"), (user, "ICELAND"), (user, "Rome"), (other_user, "Iceland secretly")):
        album_create(owner=owner, title=title)
    assert texts(user, "album:ice") == ["album:ICELAND ", 'album:"Iceland 2024" ']
    assert texts(nobody, "album:") == []


def test_people_by_their_names(user: User, other_user: User, nobody: AnonymousUser) -> None:
    make(other_user, visibility="public")
    make(user)
    assert texts(user, "by:") == ["by:me ", "by:grace "]
    assert texts(user, "by:G") == ["by:grace "]
    assert texts(user, "gra") == ["by:grace "]
    assert texts(nobody, "by:") == ["by:grace "]
    assert texts(user, "by:ada") == []  # "me" says it


@pytest.mark.parametrize("visibility", HIDDEN)
@pytest.mark.parametrize("typed", ["sec", "camera:", "camera:sec", "tag:", "secr", "by:", "by:gra", "gra", ""])
def test_nothing_comes_from_pictures_that_are_not_listed(
    user: User, other_user: User, nobody: AnonymousUser, visibility: str, typed: str
) -> None:
    image = make(other_user, "a secret place", visibility=visibility, camera=("Secret", "Secret 1"))
    images_tag(owner=other_user, images=Image.objects.filter(pk=image.pk), names=["Secrets"])
    for viewer in (user, nobody):
        assert [text for text in texts(viewer, typed) if "secret" in text.lower() or "grace" in text] == []
    if typed in ("sec", "camera:", "camera:sec", "tag:", "secr"):
        assert [text for text in texts(other_user, typed) if "secret" in text.lower()]


def test_what_is_made_private_is_gone_at_once(user: User, other_user: User) -> None:
    image = make(other_user, "a secret place", visibility="public", camera=("Secret", "Secret 1"))
    assert texts(user, "secr") == ["camera:Secret ", "secret "]
    assert texts(user, "by:g") == ["by:grace "]
    Image.objects.filter(pk=image.pk).update(visibility="private")
    assert texts(user, "secr") == texts(user, "by:g") == texts(user, "camera:s") == []


def test_hidden_words_do_not_change_the_order_of_others(user: User, other_user: User) -> None:
    make(user, "a boat and a bottle and a boat")
    make(user, "a bottle")
    for _ in range(3):
        make(other_user, "a boat")
    assert texts(user, "bo") == ["bottle ", "boat "]


def search(owner: User, text: str, *, saved: bool = False, name: str = "", age: int = 0) -> None:
    at = timezone.now() - timedelta(minutes=age)
    SavedSearch.objects.create(owner=owner, text=text, is_saved=saved, name=name, last_used_at=at)


def test_own_searches_saved_first_then_latest(user: User) -> None:
    search(user, "dog beach", age=3)
    search(user, "red dog", age=1)
    search(user, "cat is:unsure", saved=True, name="Doubtful dogs", age=9)
    assert texts(user, "") == ["cat is:unsure", "red dog", "dog beach"]
    found = suggestions(viewer=user, text="dog")
    assert [(each.label, each.note, each.is_whole) for each in found] == [
        ("dog beach", "Past search", True),
        ("Doubtful dogs", "Saved search", True),
        ("red dog", "Past search", True),
    ]
    assert texts(user, "dog b") == ["dog by:", "dog before:", "dog beach"]
    assert texts(user, "dog beach") == []


@pytest.mark.parametrize("typed", ["", "sec", "secret ", '"sec', "camera:sec"])
@pytest.mark.parametrize("saved", [True, False])
def test_nobody_sees_the_searches_of_somebody_else(
    user: User, other_user: User, nobody: AnonymousUser, typed: str, saved: bool
) -> None:
    search(other_user, 'secret "sec camera:sec', saved=saved, name="secret")
    assert texts(user, typed) == texts(nobody, typed) == []


def test_there_are_eight_at_most_of_every_kind(user: User, other_user: User) -> None:
    for number in range(12):
        make(user, f"{'cam' + chr(ord('a') + number)} x", camera=("Camelot", f"Camelot {number}"))
        search(user, f"cam {number}")
    User.objects.filter(pk=other_user.pk).update(username="camille")
    make(other_user, visibility="public")
    found = suggestions(viewer=user, text="cam")
    assert len(found) == MOST
    assert {each.kind for each in found} == {"field", "value", "word", "search"}
    assert [each.kind for each in found].count("word") == 3
    assert len(suggestions(viewer=user, text="camera:c")) == MOST
    assert len(suggestions(viewer=user, text="")) == MOST


def test_pictures_shared_by_link_count_for_who_marked_them(user: User, other_user: User) -> None:
    image = make(other_user, "a dogfish", visibility="link")
    images_tag(owner=other_user, images=Image.objects.filter(pk=image.pk), names=["dogged"])
    assert texts(user, "dog") == []
    favourites_add(person=user, images=Image.objects.filter(pk=image.pk))
    assert texts(user, "dog") == ["tag:dogged ", "dogfish "]
    User.objects.filter(pk=other_user.pk).update(is_active=False)
    assert texts(user, "dog") == []


def test_only_the_latest_pictures_are_read(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggest, "LATEST", 2)
    for word in ("dogfish", "doghouse", "dogma"):
        make(user, word)
    assert texts(user, "dog") == ["doghouse ", "dogma "]


def share(owner: User, person: User, *words: str) -> Album:
    album = album_create(owner=owner, title="Dogs")
    ids = [make(owner, word).pk for word in words]
    album_add(album=album, images=Image.objects.filter(pk__in=ids))
    member_add(album=album, by=owner, username=person.username, role="add")
    return album


def test_of_an_album_only_the_last_uploaded_are_read(
    user: User, other_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    share(other_user, user, "dogfish", "doghouse", "dogma")
    assert texts(user, "dog") == ["dogfish ", "doghouse ", "dogma "]
    monkeypatch.setattr(suggest, "IN_ALBUM", 2)
    assert texts(user, "dog") == ["doghouse ", "dogma "]
    share(other_user, user, "dogged")
    assert texts(user, "dog") == ["dogged ", "doghouse ", "dogma "]
    monkeypatch.setattr(suggest, "ALBUMS", 1)
    assert texts(user, "dog") == ["dogged "]


def test_what_others_add_to_an_album_is_suggested_to_its_owner(user: User, other_user: User) -> None:
    album = share(other_user, user, "dogfish")
    make(user, "dogma")
    assert texts(other_user, "dogm") == []
    album_add(album=album, images=Image.objects.filter(owner=user), by=user)
    assert texts(other_user, "dogm") == ["dogma "]


def test_of_favourites_only_the_last_uploaded_are_read(
    user: User, other_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    for word in ("dogfish", "doghouse", "dogma"):
        make(other_user, word, visibility="link")
    favourites_add(person=user, images=Image.objects.all())
    assert texts(user, "dog") == ["dogfish ", "doghouse ", "dogma "]
    monkeypatch.setattr(suggest, "IN_ALBUM", 2)
    assert texts(user, "dog") == ["doghouse ", "dogma "]


@pytest.mark.parametrize("typed", ["dog", "camera:f", "tag:d", "by:m", "", "is:"])
def test_the_number_of_statements_is_small_and_constant(user: User, typed: str) -> None:
    counts = []
    for number in range(3):
        image = make(user, f"dog dog{number}s", camera=("Fuji", f"X{number}"), visibility="public")
        images_tag(owner=user, images=Image.objects.filter(pk=image.pk), names=[f"dog {number}"])
        search(user, f"dog {number}")
        with CaptureQueriesContext(connection) as queries:
            suggestions(viewer=user, text=typed)
        counts.append(len(queries))
    assert len(set(counts)) == 1
    assert counts[0] <= 6


def test_the_address_answers_json_that_nobody_keeps(client: Client, user: User) -> None:
    make(user, "a <dog>")
    client.force_login(user)
    response = client.get("/search/suggest", {"q": "a do"})
    assert response.json() == {
        "suggestions": [{"kind": "word", "text": "a dog ", "label": "dog", "note": "", "whole": False}]
    }
    assert "no-store" in response.headers["Cache-Control"]
    assert client.get("/search/suggest").json() == {"suggestions": []}
    assert client.post("/search/suggest").status_code == 405


def test_places_by_any_of_their_words_and_their_countries(user: User, other_user: User) -> None:
    mine = make(user)
    Image.objects.filter(pk=mine.pk).update(place="Reykjavík, Iceland")
    theirs = make(other_user, visibility="public")
    Image.objects.filter(pk=theirs.pk).update(place="Akureyri, Iceland")
    assert texts(user, "place:ice") == ["place:Iceland ", 'place:"Reykjavík, Iceland" ']  # theirs is their secret
    assert texts(user, "reyk") == ['place:"Reykjavík, Iceland" ']
    Image.objects.filter(pk=theirs.pk).update(place_by_person=True)
    assert texts(user, "place:aku") == ['place:"Akureyri, Iceland" ']
