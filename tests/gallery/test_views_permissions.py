"""Every address of the site, tried by everyone, on pictures of every visibility."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from PIL import Image as PILImage

from captioning.services import captions_write
from gallery import services
from gallery.albums import album_add, album_create
from gallery.models import Favourite, Image, User, Visibility
from gallery.sharing import member_add
from gallery.trash import images_trash
from search.versions import model_version_ensure

MakeImage = Callable[..., Image]

# name -> status of GET for (strangers, people who are signed in)
PAGES = {
    "library": (200, 200),
    "public": (200, 200),
    "upload": (302, 200),
    "uploads": (401, 200),
    "upload-from-web": (405, 405),
    "library-archive": (302, 200),
    "selection-archive": (405, 405),
    "image-states": (200, 200),
    "sign-in": (200, 302),
    "sign-up": (200, 302),
    "sign-out": (405, 405),
    "password-reset": (200, 200),
    "password-reset-sent": (200, 200),
    "account": (302, 200),
    "account-email": (405, 405),
    "activity": (302, 200),
    "password-change": (302, 200),
    "account-sessions-end": (405, 405),
    "account-delete": (302, 200),
    "invitations": (302, 404),
    "invitation-withdraw": (405, 405),
    "search": (200, 200),
    "golden": (302, 200),
    "judge": (405, 405),
    "search-suggest": (200, 200),
    "search-save": (405, 405),
    "search-unsave": (405, 405),
    "search-forget": (405, 405),
    "duplicates": (302, 200),
    "duplicates-keep": (405, 405),
    "duplicates-delete": (405, 405),
    "captions-export": (302, 200),
    "captions-import": (302, 200),
    "review": (302, 200),
    "review-judge": (405, 405),
    "jobs": (302, 200),
    "jobs-state": (302, 200),
    "jobs-retry": (405, 405),
    "jobs-pause": (405, 405),
    "selection": (302, 200),
    "trash": (302, 200),
    "trash-selection": (405, 405),
    "trash-empty": (302, 200),
    "albums": (302, 200),
    "album-create": (405, 405),
    "tags": (302, 200),
    "tag-rename": (405, 405),
    "tag-delete": (405, 405),
    "describe": (302, 200),
    "describe-keep": (405, 405),
    "language": (302, 302),
    "words": (200, 200),
    "healthz": (200, 200),
    "readyz": (200, 200),
    "metrics": (404, 404),
    "tokens": (302, 200),
    "token-create": (405, 405),
    "token-revoke": (405, 405),
    "webhooks": (302, 200),
    "webhook-create": (405, 405),
    "webhook-change": (405, 405),
    "favicon": (302, 302),
}
# name -> what follows in the address of nothing, or of somebody without public pictures; status of GET as above
LINKS: dict[str, tuple[list[str], tuple[int, int]]] = {
    "sign-up-invited": (["no-key"], (404, 302)),
    "password-reset-confirm": (["MQ", "no-token"], (200, 200)),  # which says that it holds no longer
    "account-email-confirm": (["no-token"], (404, 404)),
    "person": (["ada"], (404, 200)),
}
# name -> who is given it by GET; POST is refused
SHOWN_TO = {
    "image": "whoever may reach it",
    "image-state": "whoever may reach it",
    "rendition": "whoever may reach it",
    "download": "whoever may reach it",
    "original": "the owner",
    "heat": "whoever has signed in and may reach it",
    "looks": "whoever has signed in and may reach it",
}
# name -> what the owner sends; nobody else may
OWNER_POSTS: dict[str, dict[str, str]] = {
    "image-retry": {},
    "image-visibility": {"visibility": "public"},
    "image-tags": {"add": "beach"},
    "image-albums": {},
    "image-words": {"title": "Evening"},
    "caption-edit": {"text": "my boat", "before": "a mostly red picture"},
    "caption-choose": {"before": "a mostly red picture"},
    "caption-again": {"by": "fake"},
    "image-delete": {},
}
# name -> what whoever has signed in and may reach it sends
POSTS = {"image-favourite": {"heart": "on"}}
# of an album, name -> what the owner sends; nobody else may look or send
ALBUM_PAGES = ["album", "album-arrange", "album-share"]
ALBUM_POSTS: dict[str, dict[str, str]] = {
    "album-rename": {"title": "Theirs"},
    "album-arrange": {"do": "out"},
    "album-share": {"username": "nobody"},
    "album-member": {"member": "0"},
    "album-links": {"label": "Aunt"},
    "album-delete": {},
}
# tried by everyone in test_sharing.py and test_links.py
SHARED_PAGES = ["album-leave", "link", "link-image", "link-rendition", "link-original", "link-archive"]
# tried by everyone in test_albums_deleted.py
DELETED_ALBUMS = ["album-restore"]
# tried by everyone in test_undo.py
UNDO = ["undo"]
# tried by everyone in test_uploads.py and test_views_archive.py
UPLOAD_PAGES = ["upload-in-pieces", "album-archive"]
VIEWERS = ["a stranger", "somebody else", "the owner"]


def url_names(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            if pattern.app_name not in ("admin", "api"):  # with permissions of their own; of the API, see tests/api
                yield from url_names(pattern.url_patterns)
        else:
            assert pattern.name, f"{pattern} has no name"
            yield pattern.name


def address(name: str, uuid: Any) -> str:
    if name == "heat":
        return f"{reverse(name, args=[uuid])}?q=red"
    more = {"rendition": ["thumbnail"], "download": ["small"]}.get(name, [])
    return reverse(name, args=[uuid, *more])


@pytest.fixture
def picture(make_image: MakeImage, user: User) -> Image:
    image = make_image("red", owner=user)
    pixels = PILImage.new("RGB", (64, 48), "red")
    services.renditions_create(image=image, picture=pixels)
    captions_write(image_ids=[image.pk], pictures=[pixels])
    model_version_ensure()
    return image


@pytest.fixture
def sign_in(client: Client, user: User, other_user: User) -> Callable[[str], Client]:
    def become(viewer: str) -> Client:
        if viewer != "a stranger":
            client.force_login(user if viewer == "the owner" else other_user)
        return client

    return become


def test_no_address_is_missing_from_these_tables() -> None:
    assert sorted(url_names(get_resolver().url_patterns)) == sorted(
        {
            *PAGES,
            *LINKS,
            *SHOWN_TO,
            *OWNER_POSTS,
            *POSTS,
            *ALBUM_PAGES,
            *ALBUM_POSTS,
            *SHARED_PAGES,
            *DELETED_ALBUMS,
            *UNDO,
            *UPLOAD_PAGES,
        }
    )


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("signed_in", [False, True])
def test_pages(client: Client, user: User, name: str, signed_in: bool) -> None:
    if signed_in:
        client.force_login(user)
    answer = client.get(reverse(name))
    assert answer.status_code == PAGES[name][signed_in]
    list(answer)  # an archive read to its end gives its slot back


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("signed_in", [False, True])
def test_links(client: Client, user: User, name: str, signed_in: bool) -> None:
    if signed_in:
        client.force_login(user)
    arguments, statuses = LINKS[name]
    assert client.get(reverse(name, args=arguments)).status_code == statuses[signed_in]


@pytest.mark.parametrize("visibility", Visibility.values)
@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize("name", SHOWN_TO)
def test_what_is_shown(
    sign_in: Callable[[str], Client], picture: Image, name: str, viewer: str, visibility: str
) -> None:
    services.image_set_visibility(image=picture, visibility=visibility)
    open_to_all = SHOWN_TO[name] != "the owner" and visibility != Visibility.PRIVATE
    client = sign_in(viewer)
    response = client.get(address(name, picture.uuid))
    if viewer == "a stranger" and SHOWN_TO[name] == "whoever has signed in and may reach it":
        assert response.status_code == 302
    else:
        assert response.status_code == (200 if open_to_all or viewer == "the owner" else 404)
        assert response.getvalue()
    assert client.post(address(name, picture.uuid)).status_code == 405


@pytest.mark.parametrize("visibility", Visibility.values)
@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize("name", OWNER_POSTS)
def test_what_owners_do(
    sign_in: Callable[[str], Client], picture: Image, name: str, viewer: str, visibility: str
) -> None:
    services.image_set_visibility(image=picture, visibility=visibility)
    before = Image.objects.filter(pk=picture.pk).values().get()
    response = sign_in(viewer).post(address(name, picture.uuid), OWNER_POSTS[name])
    if viewer == "somebody else":
        assert response.status_code == 404
    else:
        assert response.status_code == 302
    if viewer == "a stranger":
        assert response["Location"] == f"{reverse('sign-in')}?next={picture.get_absolute_url()}"
    if viewer != "the owner":
        assert Image.objects.filter(pk=picture.pk).values().get() == before


@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize("name", [*SHOWN_TO, *OWNER_POSTS, *POSTS])
def test_what_is_absent_looks_like_what_is_not_yours(
    sign_in: Callable[[str], Client], make_image: MakeImage, other_user: User, name: str, viewer: str
) -> None:
    theirs = make_image("blue", owner=User.objects.create_user("alan"))
    client = sign_in(viewer)
    method = client.get if name in SHOWN_TO else client.post
    absent, foreign = (method(address(name, uuid)) for uuid in (uuid4(), theirs.uuid))
    assert absent.status_code == foreign.status_code
    assert absent.status_code in (302, 404)


@pytest.mark.parametrize("visibility", Visibility.values)
@pytest.mark.parametrize("viewer", VIEWERS)
@pytest.mark.parametrize("name", POSTS)
def test_what_people_do(
    sign_in: Callable[[str], Client], picture: Image, name: str, viewer: str, visibility: str
) -> None:
    services.image_set_visibility(image=picture, visibility=visibility)
    response = sign_in(viewer).post(address(name, picture.uuid), POSTS[name])
    if viewer == "a stranger":
        assert response["Location"] == f"{reverse('sign-in')}?next={picture.get_absolute_url()}"
    else:
        is_open = viewer == "the owner" or visibility != Visibility.PRIVATE
        assert response.status_code == (302 if is_open else 404)
        assert Favourite.objects.exists() == is_open


@pytest.mark.parametrize("viewer", VIEWERS)
def test_albums_are_their_owners(sign_in: Callable[[str], Client], picture: Image, viewer: str) -> None:
    album = album_create(owner=picture.owner, title="Iceland")
    album_add(album=album, images=Image.objects.all())
    client = sign_in(viewer)
    for uuid in (album.uuid, uuid4()):
        is_shown = viewer == "the owner" and uuid == album.uuid
        refused = 302 if viewer == "a stranger" else 404
        pages = {client.get(reverse(name, args=[uuid])).status_code for name in ALBUM_PAGES}
        assert pages == {200 if is_shown else refused}
        for name, said in ALBUM_POSTS.items():
            response = client.post(reverse(name, args=[uuid]), {"image": picture.uuid, **said})
            assert response.status_code == (302 if is_shown else refused)
            if viewer == "a stranger":
                assert response["Location"] == f"{reverse('sign-in')}?next={reverse('album', args=[uuid])}"
    if viewer != "the owner":
        assert picture.albums.get().title == "Iceland"


def test_guests_of_albums_are_shown_private_pictures_and_change_none(
    sign_in: Callable[[str], Client], picture: Image, other_user: User
) -> None:
    album = album_create(owner=picture.owner, title="Iceland")
    album_add(album=album, images=Image.objects.all())
    member_add(album=album, by=picture.owner, username=other_user.username, role="manage")
    client = sign_in("somebody else")
    before = Image.objects.filter(pk=picture.pk).values().get()
    for name, to in SHOWN_TO.items():
        response = client.get(address(name, picture.uuid))
        assert response.status_code == (404 if to == "the owner" else 200), name
        assert response.getvalue()
    for name, said in OWNER_POSTS.items():
        assert client.post(address(name, picture.uuid), said).status_code == 404, name
    for name, said in POSTS.items():
        assert client.post(address(name, picture.uuid), said).status_code == 302, name
    assert Image.objects.filter(pk=picture.pk).values().get() == before


@pytest.mark.parametrize("viewer", VIEWERS)
def test_what_is_in_the_trash_is_absent_but_for_its_thumbnail(
    sign_in: Callable[[str], Client], picture: Image, viewer: str
) -> None:
    services.image_set_visibility(image=picture, visibility=Visibility.PUBLIC)
    images_trash(images=[picture])
    client = sign_in(viewer)
    for name in [*SHOWN_TO, *OWNER_POSTS, *POSTS]:
        method = client.get if name in SHOWN_TO else client.post
        here, absent = (method(address(name, uuid)) for uuid in (picture.uuid, uuid4()))
        is_shown = name == "rendition" and viewer == "the owner"
        assert here.status_code == (200 if is_shown else absent.status_code), name
        assert here.getvalue() or not is_shown
    preview = client.get(reverse("rendition", args=[picture.uuid, "preview"]))
    assert preview.status_code == 404


@pytest.mark.parametrize(
    "name",
    [
        *OWNER_POSTS,
        *POSTS,
        "upload",
        "upload-from-web",
        "selection-archive",
        "describe",
        "describe-keep",
        "judge",
        "search-save",
        "search-unsave",
        "search-forget",
        "duplicates-keep",
        "duplicates-delete",
        "review-judge",
        "captions-import",
        "jobs-retry",
        "jobs-pause",
        "selection",
        "trash-selection",
        "trash-empty",
        "album-create",
        "tag-rename",
        "tag-delete",
        "account",
        "account-email",
        "password-change",
        "account-sessions-end",
        "account-delete",
        "invitations",
        "invitation-withdraw",
        "password-reset",
        "sign-out",
        "sign-in",
        "sign-up",
    ],
)
def test_forms_need_their_token(user: User, picture: Image, name: str) -> None:
    client = Client(enforce_csrf_checks=True)
    if name not in ("sign-in", "sign-up"):
        client.force_login(user)
    url = address(name, picture.uuid) if name in {**OWNER_POSTS, **POSTS} else reverse(name)
    response = client.post(url)
    assert response.status_code == 403
    assert "That form has expired" in response.content.decode()
