"""Sharing albums, and the work on many pictures, by the API."""

from collections.abc import Callable
from typing import Any

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
