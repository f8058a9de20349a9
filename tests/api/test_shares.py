"""Sharing albums, and the work on many pictures, by the API."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from gallery.albums import album_create
from gallery.models import AlbumLink, AlbumMember, Stage, User
from gallery.pauses import is_paused
from tests.api.conftest import Api


def test_members(api: Api, others_api: Api, user: User, other_user: User) -> None:
    path = f"albums/{album_create(owner=user, title='Iceland').uuid}/"
    made = api.post(f"{path}members/", {"username": "grace"})
    assert (made.status_code, made.json()["role"]) == (201, "view")
    assert others_api.get(path).status_code == 200
    assert others_api.get(f"{path}members/").status_code == 404
    assert api.post(f"{path}members/", {"username": "grace"}).status_code == 409
    assert api.post(f"{path}members/", {"username": "nobody"}).status_code == 409
    assert api.patch(f"{path}members/grace/", {"role": "manage"}).json()["role"] == "manage"
    assert [each["username"] for each in others_api.get(f"{path}members/").json()["results"]] == ["grace"]
    assert api.delete(f"{path}members/grace/").status_code == 204
    assert others_api.get(path).status_code == 404
    assert not AlbumMember.objects.exists()


def test_links(api: Api, others_api: Api, user: User) -> None:
    path = f"albums/{album_create(owner=user, title='Iceland').uuid}/links/"
    made = api.post(path, {"label": "Family"})
    assert made.status_code == 201
    assert Client().get(made.json()["address"]).status_code == 200
    assert others_api.get(path).status_code == 404
    assert [each["label"] for each in api.get(path).json()["results"]] == ["Family"]
    past = {"expires_at": "2020-05-04T12:00:00Z"}
    assert api.post(path, past).status_code == 409
    locked = api.post(path, {"password": "open sesame"}).json()
    assert locked["has_password"] is True
    assert "sesame" not in str(api.get(path).json())
    assert others_api.delete(f"{path}{locked['id']}/").status_code == 404
    assert api.delete(f"{path}{made.json()['id']}/").status_code == 204
    assert Client().get(made.json()["address"]).status_code == 404
    assert AlbumLink.objects.count() == 1


def test_addresses_are_told_to_whoever_made_them(api: Api, others_api: Api, user: User, other_user: User) -> None:
    album = album_create(owner=user, title="Iceland")
    path = f"albums/{album.uuid}/"
    api.post(f"{path}members/", {"username": "grace", "role": "manage"})
    own, theirs = api.post(f"{path}links/", {}).json(), others_api.post(f"{path}links/", {}).json()
    for caller, told, hidden in ((api, own, theirs), (others_api, theirs, own)):
        found = {each["id"]: each["address"] for each in caller.get(f"{path}links/").json()["results"]}
        assert found == {told["id"]: told["address"], hidden["id"]: None}


def test_links_are_changed_by_whoever_made_them(api: Api, others_api: Api, user: User, other_user: User) -> None:
    album = album_create(owner=user, title="Iceland")
    path = f"albums/{album.uuid}/"
    api.post(f"{path}members/", {"username": "grace", "role": "manage"})
    link = api.post(f"{path}links/", {"label": "Aunt", "password": "open sesame"}).json()
    one = f"{path}links/{link['id']}/"
    changed = api.patch(one, {"label": "Uncle", "allows_download": True}).json()
    assert changed == link | {"label": "Uncle", "allows_download": True}
    assert api.patch(one, {"password": None, "expires_at": "2999-01-01T00:00:00Z"}).json()["has_password"] is False
    assert api.patch(one, {}).json()["expires_at"].startswith("2999")
    assert api.patch(one, {"expires_at": None}).json()["expires_at"] is None
    assert api.patch(one, {"expires_at": "2020-05-04T12:00:00Z"}).status_code == 409
    assert api.patch(one, {"password": "short"}).status_code == 400
    assert others_api.patch(one, {"label": "Mine"}).status_code == 404
    assert api.patch(f"{path}links/{'9' * 25}/", {}).status_code == 404
    assert api.patch(f"{path}links/{'9' * 5_000}/", {}).status_code == 404


def test_names_can_not_be_tried_without_end(
    api: Api, user: User, other_user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gallery.sharing.MOST_NAMES", 2)
    path = f"albums/{album_create(owner=user, title='Iceland').uuid}/members/"
    answers = [api.post(path, {"username": name}).status_code for name in ("nobody", "none", "grace", "no one")]
    assert answers == [409, 409, 429, 429]


def test_sharing_needs_its_scope(user: User, secret_of: Callable[..., str]) -> None:
    path = f"albums/{album_create(owner=user, title='Iceland').uuid}/links/"
    assert Api(secret_of(user, "read", "write")).post(path, {}).status_code == 403
    assert Api(secret_of(user, "share")).post(path, {}).status_code == 201


def test_jobs(api: Api, staff_api: Api, staff: User, make_image: Any, secret_of: Callable[..., str]) -> None:
    make_image()
    Stage.objects.filter(step="caption").update(state=Stage.State.FAILED, error="no model")
    steps = {step["name"]: step for step in api.get("jobs/").json()["steps"]}
    assert (steps["caption"]["failed"], steps["renditions"]["waiting"]) == (1, 1)
    assert api.post("jobs/retry/", {"step": "caption"}).json() == {"changed": 1}
    assert api.get("jobs/all/").status_code == 403
    assert api.post("jobs/pause/", {"step": "caption"}).status_code == 403
    assert Api(secret_of(staff, "read", "write")).post("jobs/pause/", {}).status_code == 403
    assert sum(step["waiting"] for step in staff_api.get("jobs/all/").json()["steps"]) > 0
    assert staff_api.post("jobs/pause/", {"step": "caption"}).json() == {"changed": 1}
    assert is_paused("caption")
    assert staff_api.post("jobs/pause/", {"step": "nonsense"}).status_code == 400
    assert staff_api.post("jobs/resume/", {"step": "caption"}).json() == {"changed": 1}
    assert not is_paused("caption")
