"""Pictures by the API."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from PIL import Image as PILImage

from gallery import narrowing, purge, services, stages
from gallery.albums import album_add, album_create
from gallery.models import Image, Stage, User, Visibility
from gallery.tags import images_tag
from tests.api.conftest import Api

MakeImage = Callable[..., Image]
MOST_STATEMENTS = 12


def upload(api: Api, content: bytes, *, name: str = "boat.jpg", key: str | None = None, **said: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    data = {"file": SimpleUploadedFile(name, content), **said}
    return api.client.post("/api/v1/images/", data, headers={**api.headers, **headers})


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [each["file_name"] for each in answer.json()["results"]]


def test_an_upload_is_taken_in(api: Api, user: User, make_jpeg: Any) -> None:
    made = upload(api, make_jpeg("red"), visibility="public")
    assert made.status_code == 201
    said = made.json()
    image = Image.objects.get()
    assert (said["uuid"], said["visibility"], said["state"]) == (str(image.uuid), "public", "working")
    assert made["Location"] == said["url"] == f"http://testserver/api/v1/images/{image.uuid}/"
    assert image.owner == user
    assert image.stages.exists()
    again = upload(api, make_jpeg("red"))
    assert (again.status_code, again.json()["uuid"]) == (200, said["uuid"])


@pytest.mark.parametrize(("content", "status"), [(b"no picture", 422), (b"", 400)])
def test_what_is_no_picture_is_refused(api: Api, content: bytes, status: int) -> None:
    refused = upload(api, content)
    assert refused.status_code == status
    assert refused["Content-Type"] == "application/problem+json"
    assert not Image.objects.exists()


def test_too_large_a_request(api: Api, settings: Any, make_jpeg: Any) -> None:
    settings.GALLERY_LIMITS = {**settings.GALLERY_LIMITS, "request": 10}
    refused = upload(api, make_jpeg())
    assert (refused.status_code, refused.json()["type"]) == (413, "urn:mmsite:problem:too-large")


def test_too_long_and_too_deep_a_text(api: Api, make_image: MakeImage, settings: Any) -> None:
    path = f"images/{make_image().uuid}/"
    assert api.patch(path, "[" * 100_000).status_code == 400
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
    assert api.patch(path, {"title": "x" * 100}).status_code == 413


def test_the_same_key_gets_the_same_answer(api: Api, make_jpeg: Any) -> None:
    first = upload(api, make_jpeg("red"), key="one")
    again = upload(api, make_jpeg("red"), key="one")
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert (again["Idempotent-Replay"], again["Location"]) == ("true", first["Location"])
    other = upload(api, make_jpeg("blue"), key="one")
    assert (other.status_code, other.json()["type"]) == (422, "urn:mmsite:problem:key-reused")
    assert Image.objects.count() == 1


def test_a_key_is_its_owners_and_an_error_uses_none_up(api: Api, others_api: Api, make_jpeg: Any) -> None:
    assert upload(api, b"nothing", key="one").status_code == 422
    assert upload(api, make_jpeg("red"), key="one").status_code == 201
    assert upload(others_api, make_jpeg("blue"), key="one").status_code == 201
    assert upload(api, make_jpeg("green"), key="ключ").status_code == 400


def test_a_key_is_forgotten_after_a_day(api: Api, make_jpeg: Any) -> None:
    from api.idempotency import KEPT
    from api.models import IdempotencyKey

    upload(api, make_jpeg("red"), key="one")
    IdempotencyKey.objects.update(created_at=timezone.now() - KEPT * 2)
    assert upload(api, make_jpeg("blue"), key="one").status_code == 201


def test_a_request_that_is_still_being_answered(api: Api, make_jpeg: Any) -> None:
    from api.idempotency import BUSY
    from api.models import IdempotencyKey

    upload(api, make_jpeg("red"), key="one")
    IdempotencyKey.objects.update(status=None)
    assert upload(api, make_jpeg("red"), key="one").status_code == 409
    IdempotencyKey.objects.update(created_at=timezone.now() - BUSY * 2)
    assert upload(api, make_jpeg("red"), key="one").status_code == 200


def test_pages_follow_each_other_both_ways(api: Api, make_image: MakeImage) -> None:
    for number in range(5):
        make_image((40 * number, 0, 0), name=f"{number}.jpg")
    Image.objects.update(sort_date=timezone.now())  # the key decides where dates don't
    pages, address = [], "http://testserver/api/v1/images/?limit=2"
    while address:
        answer = api.client.get(address, headers=api.headers)
        pages.append(names(answer))
        last, address = answer.json(), answer.json()["next"]
    assert pages == [["4.jpg", "3.jpg"], ["2.jpg", "1.jpg"], ["0.jpg"]]
    before = api.client.get(last["previous"], headers=api.headers)
    assert names(before) == ["2.jpg", "1.jpg"]
    first = api.client.get(before.json()["previous"], headers=api.headers)
    assert names(first) == ["4.jpg", "3.jpg"]
    assert first.json()["previous"] is None
    assert names(api.client.get(first.json()["next"], headers=api.headers)) == ["2.jpg", "1.jpg"]


@pytest.mark.parametrize("order", ["newest", "oldest", "uploaded", "first_uploaded"])
def test_nothing_is_skipped_or_repeated(api: Api, make_image: MakeImage, order: str) -> None:
    images = [make_image((40 * number, 0, 0), name=f"{number}.jpg") for number in range(4)]
    seen, address = [], f"http://testserver/api/v1/images/?limit=1&order={order}"
    while address:
        answer = api.client.get(address, headers=api.headers)
        seen += names(answer)
        address = answer.json()["next"]
    expected = [image.file_name for image in images]
    assert seen == (expected if order in ("oldest", "first_uploaded") else expected[::-1])


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJwayIsMSwxLDBd", "WyJzb3J0X2RhdGUiLCJub3ciLDEsMF0"])
def test_a_cursor_that_is_not_ours(api: Api, cursor: str) -> None:
    assert api.get(f"images/?cursor={cursor}").status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=201",
        "limit=x",
        "own=yes",
        "state=gone",
        "taken_after=now",
        "fields=uuid,x",
        "album=1",
        "cursor=%",
    ],
)
def test_what_an_address_may_not_say(api: Api, query: str) -> None:
    answer = api.get(f"images/?{query}")
    assert answer.status_code == 400
    assert list(answer.json()["errors"]) == [query.partition("=")[0]]


@pytest.fixture(params=[narrowing.FEW, 0], ids=["few", "many"])
def however_many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter lets few pictures through, or many."""
    monkeypatch.setattr(narrowing, "FEW", request.param)


@pytest.mark.usefixtures("however_many")
def test_filters(api: Api, user: User, other_user: User, make_image: MakeImage) -> None:
    red = make_image("red", name="red.jpg", visibility="public")
    blue = make_image("blue", name="blue.jpg")
    make_image("green", owner=other_user, name="green.jpg", visibility="public")
    make_image("black", owner=other_user, name="black.jpg")
    images_tag(owner=user, images=Image.objects.filter(pk=red.pk), names=["Beach"])
    album = album_create(owner=user, title="Iceland")
    album_add(album=album, images=Image.objects.filter(pk=blue.pk))
    Image.objects.filter(pk=blue.pk).update(
        camera_make="FUJIFILM", camera_model="X100V", description="a boat", description_by_person=True
    )
    Image.objects.filter(pk=red.pk).update(sort_date="2020-05-04T12:00:00Z")
    Stage.objects.filter(image=red).update(state=Stage.State.DONE)
    done = Stage.objects.filter(image=red).first()
    assert done
    Stage.objects.create(image=red, step=done.step, model="of tomorrow", state=Stage.State.FAILED)
    Stage.objects.filter(image=blue).update(state=Stage.State.FAILED)
    api.put(f"images/{blue.uuid}/favourite/")
    expected = {
        "": {"red", "blue", "green"},
        "own=true": {"red", "blue"},
        "own=false": {"green"},
        "visibility=public": {"red", "green"},
        "tag=bEACH": {"red"},
        "tag=Beach&own=false": set(),
        f"album={album.uuid}": {"blue"},
        "camera=x100": {"blue"},
        "format=JPEG": {"red", "blue", "green"},
        "format=PNG": set(),
        "described_by=person": {"blue"},
        "described_by=nobody": {"red", "green"},
        "taken_before=2021-01-01T00:00:00Z": {"red"},
        "taken_after=2021-01-01T00:00:00%2B02:00": {"blue", "green"},
        "favourite=true": {"blue"},
        "favourite=false": {"red", "green"},
        "state=ready": {"red"},
        "state=failed": {"blue"},
        "state=working": {"green"},
    }
    found = {query: {name[:-4] for name in names(api.get(f"images/?{query}"))} for query in expected}
    assert found == expected
    for state in ("ready", "failed", "working"):
        assert {each["state"] for each in api.get(f"images/?state={state}").json()["results"]} == {state}


def test_other_peoples_albums_filter_nothing(api: Api, other_user: User, make_image: MakeImage) -> None:
    image = make_image("red", owner=other_user, visibility="public")
    album = album_create(owner=other_user, title="Secret")
    album_add(album=album, images=Image.objects.filter(pk=image.pk))
    assert names(api.get(f"images/?album={album.uuid}")) == []


def test_a_list_takes_few_statements(
    api: Api, make_image: MakeImage, user: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(6):
        image = make_image((40 * number, 0, 0))
        services.renditions_create(image=image, picture=PILImage.new("RGB", (64, 48)))
        images_tag(owner=user, images=Image.objects.filter(pk=image.pk), names=["a", "b"])
    with django_assert_max_num_queries(MOST_STATEMENTS) as few:
        api.get("images/?limit=1")
    with django_assert_max_num_queries(len(few.captured_queries)):
        assert len(api.get("images/").json()["results"]) == 6


def test_as_little_as_is_wanted(api: Api, make_image: MakeImage) -> None:
    image = make_image()
    part = api.get(f"images/{image.uuid}/?fields=uuid,caption")
    assert part.json() == {"uuid": str(image.uuid), "caption": ""}
    assert api.get("images/?fields=uuid").json()["results"] == [{"uuid": str(image.uuid)}]


def test_what_is_the_owners_alone(api: Api, others_api: Api, nobody: Api, make_image: MakeImage) -> None:
    image = make_image(visibility="public")
    Image.objects.update(latitude=1.5, longitude=2.5, place="Home")
    mine = api.get(f"images/{image.uuid}/").json()
    assert mine["location"] == {"latitude": 1.5, "longitude": 2.5}
    assert mine["place"] == "Home"
    assert mine["sha256"] == image.sha256
    for caller in (others_api, nobody):
        theirs = caller.get(f"images/{image.uuid}/").json()
        hidden = {name: theirs[name] for name in ("location", "sha256", "original", "place", "is_own")}
        assert hidden == {"location": None, "sha256": None, "original": None, "place": "", "is_own": False}
    Image.objects.update(place_by_person=True)
    assert nobody.get(f"images/{image.uuid}/").json()["place"] == "Home"


def test_bytes(api: Api, others_api: Api, nobody: Api, make_image: MakeImage) -> None:
    image = make_image(visibility="public")
    services.renditions_create(image=image, picture=PILImage.new("RGB", (64, 48)))
    listed = nobody.get(f"images/{image.uuid}/renditions/").json()
    assert {each["kind"] for each in listed} == {"thumbnail", "preview"}
    shown = nobody.client.get(listed[0]["url"])
    assert (shown.status_code, shown["Content-Type"]) == (200, "image/webp")
    assert b"".join(shown.streaming_content).startswith(b"RIFF")
    assert {"Authorization", "Cookie"} <= {part.strip() for part in shown["Vary"].split(",")}
    same = nobody.client.get(listed[0]["url"], headers={"If-None-Match": shown["ETag"]})
    assert same.status_code == 304
    original = api.get(f"images/{image.uuid}/original/")
    assert len(b"".join(original.streaming_content)) == image.byte_size
    assert others_api.get(f"images/{image.uuid}/original/").status_code == 404


def test_read_again_only_what_changed(api: Api, make_image: MakeImage) -> None:
    image = make_image()
    for path in (f"images/{image.uuid}/", "images/"):
        tag = api.get(path)["ETag"]
        for given in (tag, f"W/{tag}", f'"x", {tag}', "*"):
            again = api.get(path, headers={"If-None-Match": given})
            assert (again.status_code, again.content) == (304, b"")
        services.image_set_words(image=image, title=path, notes="")
        assert api.get(path, headers={"If-None-Match": tag}).status_code == 200


def test_nobody_overwrites_what_they_have_not_seen(api: Api, make_image: MakeImage) -> None:
    image = make_image()
    path = f"images/{image.uuid}/"
    tag = api.get(path)["ETag"]
    changed = api.patch(path, {"title": "Mine"}, headers={"If-Match": tag})
    assert changed.status_code == 200
    assert changed["ETag"] == api.get(path)["ETag"]
    late = api.patch(path, {"title": "Theirs"}, headers={"If-Match": tag})
    assert (late.status_code, late.json()["type"]) == (412, "urn:mmsite:problem:changed")
    assert api.delete(path, headers={"If-Match": tag}).status_code == 412
    assert api.patch(path, {"title": "x"}, headers={"If-Match": f"W/{changed['ETag']}"}).status_code == 412
    assert Image.objects.get().title == "Mine"
    assert api.patch(path, {"title": "Free"}).status_code == 200
    assert api.patch(path, {"title": "Free"}, headers={"If-Match": "*"}).status_code == 200


def test_a_part_has_a_tag_of_its_own_that_stands_for_the_whole(api: Api, make_image: MakeImage) -> None:
    image = make_image()
    path = f"images/{image.uuid}/"
    title, both = f"{path}?fields=title", f"{path}?fields=title,notes"
    tags = {each: api.get(each)["ETag"] for each in (path, title, both)}
    assert len(set(tags.values())) == 3
    assert api.get(f"{path}?fields=notes,title")["ETag"] == tags[both]
    for asked in tags:
        for of, tag in tags.items():
            again = api.get(asked, headers={"If-None-Match": tag})
            assert again.status_code == (304 if of == asked else 200)
    changed = api.patch(path, {"notes": "Mine"}, headers={"If-Match": tags[title]})  # of what it doesn't show
    assert changed.status_code == 200
    for tag in tags.values():
        assert api.patch(path, {"notes": "Theirs"}, headers={"If-Match": tag}).status_code == 412
    assert api.get(title)["ETag"] != tags[title]


def test_what_the_owner_says(api: Api, make_image: MakeImage) -> None:
    image = make_image()
    said = {
        "title": "  Evening ",
        "notes": "two\r\nlines",
        "place": "Reykjavík",
        "taken_at": "2020-05-04T12:00:00+02:00",
        "visibility": "public",
        "favourite": True,
    }
    changed = api.patch(f"images/{image.uuid}/", said).json()
    expected = {**said, "title": "Evening", "notes": "two\nlines", "taken_at": "2020-05-04T10:00:00Z"}
    assert {name: changed[name] for name in said} == expected
    image.refresh_from_db()
    assert image.sort_date == image.taken_at
    api.patch(f"images/{image.uuid}/", {"taken_at": None, "favourite": False, "place": ""})
    image.refresh_from_db()
    assert (image.taken_at, image.sort_date, image.place_by_person) == (None, image.uploaded_at, False)
    assert image.title == "Evening"


@pytest.mark.parametrize(
    "said",
    [
        {"title": 1},
        {"title": None},
        {"title": "x" * 201},
        {"favourite": "yes"},
        {"favourite": 1},
        {"visibility": "nobody"},
        {"taken_at": "yesterday"},
        {"taken_at": "2020-05-04"},
        {"taken_at": "0001-01-01T00:00:00+14:00"},
        {"notes": ["x"]},
        [],
        "text",
        None,
    ],
)
def test_what_nobody_can_mean(api: Api, make_image: MakeImage, said: Any) -> None:
    import json

    image = make_image()
    before = Image.objects.values().get()
    assert api.patch(f"images/{image.uuid}/", json.dumps(said)).status_code == 400
    assert Image.objects.values().get() == before


def test_trash(api: Api, make_image: MakeImage) -> None:
    image = make_image()
    path = f"images/{image.uuid}/"
    assert api.delete(f"{path}?permanent=true").status_code == 409
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404
    assert names(api.get("images/")) == []
    assert names(api.get("trash/")) == ["picture.jpg"]
    assert api.delete(path).status_code == 404
    restored = api.post(f"{path}restore/")
    assert (restored.status_code, restored.json()["trashed_at"]) == (200, None)
    assert names(api.get("images/")) == ["picture.jpg"]
    api.delete(path)
    assert api.delete(f"{path}?permanent=true").status_code == 204
    assert not Image.with_trash.exists()
    assert api.delete(f"{path}?permanent=true").status_code == 404
    api.delete(f"images/{make_image().uuid}/")
    api.delete(f"images/{make_image('blue').uuid}/")
    assert api.delete("trash/").json() == {"deleted": 2, "left": 0}
    assert names(api.get("trash/")) == []


def test_a_trash_of_very_many_says_what_is_left(
    api: Api, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    for colour in ("red", "green", "blue"):
        api.delete(f"images/{make_image(colour).uuid}/")
    monkeypatch.setattr(purge, "PURGED_PER_REQUEST", 2)
    assert [api.delete("trash/").json() for _ in range(2)] == [{"deleted": 2, "left": 1}, {"deleted": 1, "left": 0}]


def test_nobody_deletes_for_good_what_they_have_not_seen(api: Api, make_image: MakeImage) -> None:
    path = f"images/{make_image().uuid}/"
    tag = api.get(path)["ETag"]
    api.delete(path)
    assert api.delete(f"{path}?permanent=true", headers={"If-Match": tag}).status_code == 412
    assert Image.with_trash.exists()


def test_work_and_retry(api: Api, others_api: Api, make_image: MakeImage) -> None:
    image = make_image(visibility="public")
    Stage.objects.update(state=Stage.State.FAILED, error="the disk of this house is full")
    work = api.get(f"images/{image.uuid}/work/").json()
    assert (work["state"], work["can_retry"], work["is_open"]) == ("failed", True, False)
    assert work["steps"][0]["error"] == "the disk of this house is full"
    assert others_api.get(f"images/{image.uuid}/work/").json()["steps"][0]["error"] == ""
    assert others_api.post(f"images/{image.uuid}/retry/").status_code == 404
    assert api.post(f"images/{image.uuid}/retry/").json()["retried"] == stages.counts().waiting > 0


def test_tags_of_a_picture(api: Api, others_api: Api, make_image: MakeImage) -> None:
    image = make_image(visibility=Visibility.PUBLIC)
    path = f"images/{image.uuid}/tags/"
    assert api.post(path, {"add": ["beach", "Boat "]}).json() == {"names": ["beach", "Boat"]}
    assert api.post(path, {"add": ["sea"], "remove": ["BEACH", "other"]}).json() == {"names": ["Boat", "sea"]}
    assert others_api.get(path).json() == {"names": ["Boat", "sea"]}
    assert others_api.post(path, {"add": ["mine"]}).status_code == 404
    assert api.post(path, {"add": ["a,b"]}).status_code == 400
    assert api.get(f"images/{image.uuid}/").json()["tags"] == ["Boat", "sea"]


def test_hearts(api: Api, others_api: Api, nobody: Api, make_image: MakeImage) -> None:
    image = make_image(visibility=Visibility.PUBLIC)
    path = f"images/{image.uuid}/"
    assert others_api.put(f"{path}favourite/").status_code == 204
    assert [caller.get(path).json()["favourite"] for caller in (others_api, api, nobody)] == [True, False, False]
    assert others_api.delete(f"{path}favourite/").status_code == 204
    assert others_api.get(path).json()["favourite"] is False
    assert api.put(f"images/{uuid4()}/favourite/").status_code == 404


def test_content_type_of_uploads(api: Api) -> None:
    assert api.post("images/", {"file": "x"}).status_code == 415
