"""Albums and tags by the API."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from gallery.albums import album_add, album_create
from gallery.models import Album, AlbumMember, Image, Tag, User
from gallery.tags import images_tag
from tests.api.conftest import Api

MakeImage = Callable[..., Image]


def order(api: Api, album: Any) -> list[str]:
    return [each["file_name"] for each in api.get(f"albums/{album}/images/").json()["results"]]


def test_an_album_from_beginning_to_end(api: Api, make_image: MakeImage) -> None:
    red, green, blue = (make_image(colour, name=f"{colour}.jpg") for colour in ("red", "green", "blue"))
    made = api.post("albums/", {"title": " Iceland  2024 "})
    assert (made.status_code, made.json()["title"], made.json()["pictures"]) == (201, "Iceland 2024", 0)
    uuid = made.json()["uuid"]
    path = f"albums/{uuid}/"
    everything = [str(image.uuid) for image in (red, green, blue)]
    assert api.post(f"{path}images/", {"images": [*everything, str(uuid4())]}).json() == {"changed": 3}
    assert api.post(f"{path}images/", {"images": everything}).json() == {"changed": 0}
    assert order(api, uuid) == ["red.jpg", "green.jpg", "blue.jpg"]
    assert api.get(path).json()["cover"] == str(red.uuid)
    move = {"image": str(blue.uuid), "place_of": str(red.uuid)}
    assert api.post(f"{path}images/move/", move).status_code == 204
    assert order(api, uuid) == ["blue.jpg", "red.jpg", "green.jpg"]
    changed = api.patch(path, {"title": "Norway", "cover": str(green.uuid)}).json()
    assert (changed["title"], changed["cover"], changed["pictures"]) == ("Norway", str(green.uuid), 3)
    assert api.post(f"{path}images/remove/", {"images": [str(red.uuid)]}).json() == {"changed": 1}
    assert order(api, uuid) == ["blue.jpg", "green.jpg"]
    assert [album["title"] for album in api.get("albums/").json()["results"]] == ["Norway"]
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
    assert Image.objects.count() == 3


def test_a_cover_is_in_its_album(api: Api, user: User, make_image: MakeImage) -> None:
    album = album_create(owner=user, title="Iceland")
    assert api.patch(f"albums/{album.uuid}/", {"cover": str(make_image().uuid)}).status_code == 404


def test_what_lies_in_the_trash_is_in_no_album(api: Api, user: User, make_image: MakeImage) -> None:
    image = make_image()
    album = album_create(owner=user, title="Iceland")
    album_add(album=album, images=Image.objects.all())
    api.delete(f"images/{image.uuid}/")
    assert order(api, album.uuid) == []
    said = api.get(f"albums/{album.uuid}/").json()
    assert (said["pictures"], said["cover"]) == (0, None)


def test_others_albums_are_absent(api: Api, others_api: Api, user: User) -> None:
    album = album_create(owner=user, title="Iceland")
    path = f"albums/{album.uuid}/"
    picture = {"images": [str(uuid4())]}
    calls: list[tuple[str, str, Any]] = [
        ("get", path, None),
        ("patch", path, {"title": "Theirs"}),
        ("delete", path, None),
        ("get", f"{path}images/", None),
        ("post", f"{path}images/", picture),
        ("post", f"{path}images/remove/", picture),
        ("post", f"{path}images/move/", {"image": str(uuid4()), "place_of": str(uuid4())}),
    ]
    for method, address, data in calls:
        theirs = others_api(method, address, data)
        absent = api(method, address.replace(str(album.uuid), str(uuid4())), data)
        assert theirs.status_code == absent.status_code == 404
        assert theirs.json()["detail"] == absent.json()["detail"]
    assert others_api.get("albums/").json()["results"] == []
    assert Album.objects.get().title == "Iceland"


def test_members_do_what_their_role_says(
    api: Api, others_api: Api, user: User, other_user: User, make_image: MakeImage
) -> None:
    mine, theirs = make_image("red"), make_image("blue", owner=other_user)
    album = album_create(owner=user, title="Iceland")
    album_add(album=album, images=Image.objects.filter(pk=mine.pk))
    member = AlbumMember.objects.create(album=album, person=other_user, role="view")
    path = f"albums/{album.uuid}/"
    assert others_api.get(path).json()["is_own"] is False
    assert others_api.post(f"{path}images/", {"images": [str(theirs.uuid)]}).status_code == 404
    AlbumMember.objects.update(role="add")
    assert others_api.post(f"{path}images/", {"images": [str(theirs.uuid)]}).json() == {"changed": 1}
    gone = {"images": [str(mine.uuid), str(theirs.uuid)]}
    assert others_api.post(f"{path}images/remove/", gone).json() == {"changed": 1}
    assert others_api.patch(path, {"title": "Theirs"}).status_code == 404
    AlbumMember.objects.filter(pk=member.pk).update(role="manage")
    assert others_api.patch(path, {"title": "Ours"}).status_code == 200
    assert others_api.delete(path).status_code == 404


def test_nobody_overwrites_an_album_that_they_have_not_seen(api: Api, user: User) -> None:
    path = f"albums/{album_create(owner=user, title='Iceland').uuid}/"
    tag = api.get(path)["ETag"]
    assert api.patch(path, {"title": "Norway"}, headers={"If-Match": tag}).status_code == 200
    assert api.patch(path, {"title": "Sweden"}, headers={"If-Match": tag}).status_code == 412
    assert api.delete(path, headers={"If-Match": tag}).status_code == 412
    assert Album.objects.get().title == "Norway"


@pytest.mark.parametrize("way", ["newest", "oldest"])
def test_albums_that_change_meanwhile_are_not_skipped(api: Api, user: User, way: str) -> None:
    albums = [album_create(owner=user, title=str(number)) for number in range(5)]
    seen, address = [], f"http://testserver/api/v1/albums/?limit=1&order={way}"
    while address:
        page = api.client.get(address, headers=api.headers).json()
        seen += [album["title"] for album in page["results"]]
        for album in (albums[0], albums[-1]):
            Album.objects.filter(pk=album.pk).update(updated_at=timezone.now())
        address = page["next"]
    assert seen == ["0", "1", "2", "3", "4"][:: 1 if way == "oldest" else -1]


def test_albums_by_their_last_change(api: Api, user: User) -> None:
    first = album_create(owner=user, title="first")
    album_create(owner=user, title="second")
    titles = lambda: [album["title"] for album in api.get("albums/").json()["results"]]  # noqa: E731
    assert titles() == ["second", "first"]
    Album.objects.filter(pk=first.pk).update(updated_at=timezone.now())
    assert titles() == ["first", "second"]
    assert api.get("albums/?order=title").status_code == 400


def test_albums_take_few_statements(
    api: Api, user: User, make_image: MakeImage, django_assert_max_num_queries: Any
) -> None:
    make_image()
    for number in range(5):
        album_add(album=album_create(owner=user, title=str(number)), images=Image.objects.all())
    with django_assert_max_num_queries(12) as few:
        api.get("albums/?limit=1")
    with django_assert_max_num_queries(len(few.captured_queries)):
        assert len(api.get("albums/").json()["results"]) == 5


def test_tags_renamed_merged_and_deleted(api: Api, others_api: Api, user: User, make_image: MakeImage) -> None:
    red, blue = make_image("red"), make_image("blue")
    images_tag(owner=user, images=Image.objects.filter(pk=red.pk), names=["sea", "boat"])
    images_tag(owner=user, images=Image.objects.filter(pk=blue.pk), names=["ship"])
    listed = api.get("tags/").json()["results"]
    assert [(tag["name"], tag["pictures"]) for tag in listed] == [("boat", 1), ("sea", 1), ("ship", 1)]
    boat, sea, ship = (tag["id"] for tag in listed)
    assert others_api.get(f"tags/{boat}/").status_code == 404
    assert others_api.patch(f"tags/{boat}/", {"name": "mine"}).status_code == 404
    assert api.post(f"tags/{boat}/merge/", {"into": ship}).json() == {"id": ship, "name": "ship", "pictures": 2}
    assert api.get(f"tags/{boat}/").status_code == 404
    assert api.post(f"tags/{ship}/merge/", {"into": ship}).status_code == 409
    assert api.patch(f"tags/{sea}/", {"name": "Ocean"}).json()["name"] == "Ocean"
    assert api.patch(f"tags/{sea}/", {"name": "a,b"}).status_code == 400
    assert api.delete(f"tags/{ship}/").status_code == 204
    assert [tag.name for tag in Tag.objects.all()] == ["Ocean"]
    assert api.get(f"tags/{10**30}/").status_code == 404
