"""Every address of the API by everyone who may ask, of pictures of every visibility and in the trash."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.urls import NoReverseMatch, URLPattern, URLResolver, reverse
from PIL import Image as PILImage

from api import urls
from api.models import Token
from api.tokens import token_create, token_revoke
from gallery import services
from gallery.albums import album_add, album_create
from gallery.models import AlbumMember, Image, User, Visibility
from gallery.trash import images_trash
from tests.api.conftest import Api

STATES = [*Visibility.values, "trashed"]
CALLERS = ["stranger", "owner", "other", "member", "staff", "scopeless", "revoked"]

# of a picture: (method, address, what is sent, the status for those who may)
READS = [
    ("get", "", None, 200),
    ("get", "work/", None, 200),
    ("get", "tags/", None, 200),
    ("get", "renditions/", None, 200),
    ("get", "renditions/thumbnail/", None, 200),
]
MARKS = [("put", "favourite/", None, 204), ("delete", "favourite/", None, 204)]
OWNERS = [
    ("get", "original/", None, 200),
    ("patch", "", {"title": "Evening"}, 200),
    ("post", "tags/", {"add": ["sea"]}, 200),
    ("post", "retry/", None, 200),
    ("delete", "", None, 204),
]


class Cast:
    """A picture in an album that somebody else is a member of, and everybody who may ask for it."""

    def __init__(self, picture: Image, callers: dict[str, Api]) -> None:
        self.picture, self.callers = picture, callers


@pytest.fixture
def scene(user: User, other_user: User, staff: User, make_image: Any, secret_of: Callable[..., str]) -> Cast:
    picture = make_image("red", owner=user)
    services.renditions_create(image=picture, picture=PILImage.new("RGB", (64, 48), "red"))
    member = User.objects.create_user("mary")
    album = album_create(owner=user, title="Iceland")
    album_add(album=album, images=Image.objects.filter(pk=picture.pk))
    AlbumMember.objects.create(album=album, person=member)
    revoked = token_create(owner=user, name="lost", scopes=["read", "write"])
    token_revoke(token=revoked.token, actor=user)
    callers = {
        "stranger": Api(None),
        "owner": Api(secret_of(user)),
        "other": Api(secret_of(other_user)),
        "member": Api(secret_of(member)),
        "staff": Api(secret_of(staff)),
        "scopeless": Api(secret_of(user, "share")),
        "revoked": Api(revoked.secret),
    }
    return Cast(picture, callers)


def become(picture: Image, state: str) -> None:
    if state == "trashed":
        services.image_set_visibility(image=picture, visibility=Visibility.PUBLIC)
        images_trash(images=[picture])
    else:
        services.image_set_visibility(image=picture, visibility=state)


def is_reachable(caller: str, state: str) -> bool:
    return state in (Visibility.LINK, Visibility.PUBLIC) or (state != "trashed" and caller in ("owner", "member"))


def refusal(caller: str, *, is_open: bool = False) -> int | None:
    """The status that a caller gets whatever is asked for, as far as there is one."""
    if caller == "revoked" or (caller == "stranger" and not is_open):
        return 401
    return 403 if caller == "scopeless" else None


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("caller", CALLERS)
def test_pictures(scene: Cast, caller: str, state: str) -> None:
    become(scene.picture, state)
    api, before = scene.callers[caller], Image.with_trash.values().get()
    got, expected = {}, {}
    for calls, kind in ((READS, "reads"), (MARKS, "marks"), (OWNERS, "owners")):
        for method, path, data, success in calls:
            key = (method, path)
            answer = api(method, f"images/{scene.picture.uuid}/{path}", data)
            answer.getvalue()  # the files behind some are closed with it
            got[key] = answer.status_code
            may = caller == "owner" and state != "trashed" if kind == "owners" else is_reachable(caller, state)
            if caller == "owner" and path == "renditions/thumbnail/":
                may = True  # the trash shows its pictures, too
            is_refused = refusal(caller, is_open=kind == "reads")
            expected[key] = is_refused or (success if may else 404)
    assert got == expected
    if caller != "owner":
        assert Image.with_trash.values().get() == before


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("caller", CALLERS)
def test_lists(scene: Cast, caller: str, state: str) -> None:
    become(scene.picture, state)
    answer = scene.callers[caller].get("images/")
    if status := refusal(caller, is_open=True):
        assert answer.status_code == status
        return
    is_listed = state != "trashed" and (state == Visibility.PUBLIC or caller in ("owner", "member"))
    assert len(answer.json()["results"]) == is_listed


@pytest.mark.parametrize("caller", CALLERS)
def test_trash(scene: Cast, caller: str) -> None:
    become(scene.picture, "trashed")
    api = scene.callers[caller]
    status = refusal(caller)
    listed = api.get("trash/")
    assert listed.status_code == (status or 200)
    if status is None:
        assert len(listed.json()["results"]) == (caller == "owner")
    restored = api.post(f"images/{scene.picture.uuid}/restore/")
    assert restored.status_code == (status or (200 if caller == "owner" else 404))
    purged = api.delete(f"images/{scene.picture.uuid}/?permanent=true")
    assert purged.status_code == (status or (409 if caller == "owner" else 404))
    assert Image.with_trash.filter(trashed_at=None).exists() == (caller == "owner")


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("path", ["", "work/", "tags/", "renditions/", "renditions/thumbnail/", "original/"])
def test_what_is_absent_looks_like_what_is_not_yours(scene: Cast, caller: str, path: str) -> None:
    if caller in ("owner", "member"):
        return
    api = scene.callers[caller]
    absent, foreign = (api.get(f"images/{uuid}/{path}") for uuid in (uuid4(), scene.picture.uuid))
    assert absent.status_code == foreign.status_code
    told = [answer.json() | {"instance": ""} for answer in (absent, foreign)]
    assert told[0] == told[1]


def addresses(patterns: list[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from addresses(pattern.url_patterns)
        else:
            yield pattern


def api_views() -> dict[str, Any]:
    found = {pattern.name: pattern.callback for pattern in addresses(urls.urlpatterns)}
    return {str(name): callback.view_class for name, callback in found.items()}  # type: ignore[union-attr]


NO_RESOURCES = ("docs", "front", "index", "schema", "schema-yaml", "nothing")  # they ask for no scope


def test_strangers_may_read_what_is_public_and_nothing_else(db: None) -> None:
    """A new address is closed to strangers unless it is in this list."""
    opened = {name for name, view in api_views().items() if getattr(view, "open_to_strangers", True)}
    assert opened == {
        "docs",
        "front",
        "image",
        "image-tags",
        "images",
        "index",
        "nothing",
        "rendition",
        "renditions",
        "schema",
        "schema-yaml",
        "search",
        "search-suggestions",
        "work",
    }


@pytest.mark.parametrize("caller", ["stranger", "scopeless", "revoked"])
def test_nothing_is_written_without_the_scope(scene: Cast, caller: str) -> None:
    for name, view in api_views().items():
        if name in NO_RESOURCES:
            continue
        for method in ("post", "put", "patch", "delete"):
            if not hasattr(view, method):
                continue
            path = str(address_of(name))
            status = scene.callers[caller](method, path).status_code
            needs = view.scopes.get(method, "write")
            if caller == "scopeless" and needs == Token.Scope.SHARE:
                continue
            assert status == (403 if caller == "scopeless" else 401), (name, method, status)


# (address, method): the scope, where it isn't `read` for reads and `write` for writes
OTHER_SCOPES = {
    **{(name, method): "share" for name in ("members", "links") for method in ("get", "post")},
    ("image-address", "post"): "share",
    ("member", "patch"): "share",
    ("member", "delete"): "share",
    **{("link", method): "share" for method in ("patch", "delete")},
    **{(name, "post"): "read" for name in ("search", "search-picture", "caption", "embed-texts", "embed-picture")},
    ("jobs-all", "get"): "admin",
    ("jobs-pause", "post"): "admin",
    ("jobs-resume", "post"): "admin",
    ("model-activate", "post"): "admin",
    ("model-roll-back", "post"): "admin",
}


def test_each_operation_needs_its_one_scope(staff: User, secret_of: Callable[..., str]) -> None:
    tokens = {scope: Api(secret_of(staff, scope)) for scope in Token.Scope.values}
    for name, view in api_views().items():
        if name in NO_RESOURCES:
            continue
        for method in ("get", "post", "put", "patch", "delete"):
            if not hasattr(view, method):
                continue
            let_in = {
                scope for scope, token in tokens.items() if token(method, str(address_of(name))).status_code != 403
            }
            usual = "read" if method == "get" else "write"
            needed = set() if name in ("token", "tokens") else {OTHER_SCOPES.get((name, method), usual)}
            assert let_in == needed, (name, method)


def address_of(name: str) -> str:
    arguments: list[list[Any]] = [[], [uuid4()], [1], [uuid4(), 1], [uuid4(), uuid4()], [uuid4(), "thumbnail"]]
    for args in arguments:
        try:
            return reverse(f"api:{name}", args=args).removeprefix("/api/v1/")
        except NoReverseMatch:  # another number or kind of arguments
            continue
    raise AssertionError(name)


def test_what_one_says_of_oneself(api: Api, user: User) -> None:
    changed = api.patch("me/", {"display_name": " Ada  L. "}).json()
    assert (changed["display_name"], changed["about"]) == ("Ada L.", "")
    assert api.patch("me/", {"about": "Boats"}).json()["display_name"] == "Ada L."
    assert api.patch("me/", {"about": "x" * 301}).status_code == 400
    user.refresh_from_db()
    assert (user.display_name, user.about) == ("Ada L.", "Boats")


def test_nobody_overwrites_what_one_said_meanwhile(api: Api, user: User) -> None:
    seen = {"If-Match": api.get("me/")["ETag"]}
    changed = api.patch("me/", {"about": "Boats"}, headers=seen)
    assert (changed.status_code, changed["ETag"]) == (200, api.get("me/")["ETag"])
    assert api.patch("me/", {"about": "Trains"}, headers=seen).status_code == 412
    user.refresh_from_db()
    assert user.about == "Boats"
