"""Who is removed while they do something gets nothing by it, and people are deleted while they upload."""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.http import Http404

from gallery import services, stages, tags
from gallery.albums import (
    Removal,
    album_add,
    album_create,
    album_move,
    album_place,
    album_put_back,
    album_remove,
    album_rename,
    album_set_cover,
)
from gallery.exceptions import UploadRefused
from gallery.links import link_change, link_create, link_revoke
from gallery.models import Album, AlbumImage, AlbumLink, AlbumMember, Image, Tag, User
from gallery.services import image_create, users_delete
from gallery.sharing import member_add, member_remove, member_set_role
from gallery.tags import images_tag, images_untag, tag_delete, tag_rename
from gallery.trash import images_trash
from gallery.tries import Bound, tries_take
from tests.gallery.test_selectors import add

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("told")]
SECONDS = 60
MakeJpeg = Callable[..., bytes]


@pytest.fixture
def _several_writers() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time, and asks everything under its lock")


class InBackground:
    """A call in a thread, with a connection of its own; what it returned, or raised."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.returned: Any = None
        self.raised: Exception | None = None
        self._call = call
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.returned = self._call()
        except Exception as error:  # noqa: BLE001  whatever it is, the test says what it is to be
            self.raised = error
        finally:
            connection.close()

    def join(self) -> "InBackground":
        self._thread.join(SECONDS)
        assert not self._thread.is_alive()
        return self

    def is_over(self) -> bool:
        return not self._thread.is_alive()


def wait_until_blocked(call: InBackground) -> None:
    """Until the call waits for a lock of this transaction, or is over without."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND %s = ANY(pg_blocking_pids(pid))"
    with connection.cursor() as cursor:
        number = 0
        while not number and not call.is_over():
            cursor.execute(waiting, [cursor.connection.info.backend_pid])
            number = cursor.fetchone()[0]


class House:
    """An album of the owner's with two pictures and a link, and a manager with a link and a picture in it."""

    def __init__(self) -> None:
        self.owner, self.manager = User.objects.create_user("ada"), User.objects.create_user("grace")
        self.guest = User.objects.create_user("guest")
        self.album = album_create(owner=self.owner, title="Iceland")
        self.membership = member_add(album=self.album, by=self.owner, username="grace", role="manage")
        self.guests = member_add(album=self.album, by=self.owner, username="guest", role="view")
        self.images = [add(self.owner), add(self.owner)]
        self.own = add(self.manager)
        for person in (self.owner, self.manager):
            album_add(album=self.album, images=Image.objects.all(), by=person)
        self.link = link_create(album=self.album, by=self.owner)
        self.managers = link_create(album=self.album, by=self.manager, label="mine")

    def state(self) -> list[Any]:
        return [
            Album.objects.values("title", "cover").get(),
            list(AlbumImage.objects.order_by("position").values_list("image", "position")),
            list(AlbumMember.objects.order_by("pk").values_list("person", "role")),
            list(AlbumLink.objects.order_by("pk").values_list("pk", "label", "allows_download")),
        ]


DEEDS: dict[str, Callable[[House], Any]] = {
    "link": lambda at: link_create(album=at.album, by=at.manager, allows_download=True),
    "change a link": lambda at: link_change(link=at.managers, by=at.manager, label="still mine"),
    "revoke": lambda at: link_revoke(link=at.link, by=at.manager),
    "share": lambda at: member_add(album=at.album, by=at.manager, username="late", role="manage"),
    "role": lambda at: member_set_role(member=at.guests, by=at.manager, role="manage"),
    "remove": lambda at: member_remove(member=at.guests, by=at.manager),
    "rename": lambda at: album_rename(album=at.album, title="Mine", by=at.manager),
    "cover": lambda at: album_set_cover(album=at.album, image=at.images[0], by=at.manager),
    "move": lambda at: album_move(album=at.album, image=at.images[0], earlier=False, by=at.manager),
    "place": lambda at: album_place(album=at.album, image=at.images[0], other=at.images[1], by=at.manager),
    "out": lambda at: album_remove(album=at.album, images=Image.objects.filter(owner=at.owner), by=at.manager),
    "add": lambda at: album_add(album=at.album, images=Image.objects.all(), by=at.manager),
    "put back": lambda at: album_put_back(album=at.album, removal=Removal({at.own.pk: 9}), by=at.manager),
}
# of these, what is nobody else's business is left undone without an error
SILENT = {"out", "add", "put back"}


@pytest.mark.usefixtures("_several_writers")
@pytest.mark.parametrize("name", DEEDS)
@pytest.mark.parametrize("how", ["removed", "may only look"])
def test_who_is_removed_meanwhile_gets_nothing(name: str, how: str) -> None:
    at = House()
    User.objects.create_user("late")
    with transaction.atomic():
        if how == "removed":
            member_remove(member=at.membership, by=at.owner)
        else:
            member_set_role(member=at.membership, by=at.owner, role="view")
        after = at.state()
        deed = InBackground(lambda: DEEDS[name](at))
        wait_until_blocked(deed)
    deed.join()
    assert at.state() == after
    assert isinstance(deed.raised, Http404) or name in SILENT, deed.raised


@pytest.mark.parametrize("name", DEEDS)
def test_all_of_it_is_done_by_who_may(name: str) -> None:
    at = House()
    User.objects.create_user("late")
    if name in ("add", "put back"):
        album_remove(album=at.album, images=Image.objects.filter(pk=at.own.pk))
    before = at.state()
    DEEDS[name](at)
    assert at.state() != before


@pytest.mark.usefixtures("_several_writers")
def test_tries_at_once_are_all_counted() -> None:
    start = threading.Barrier(8, timeout=SECONDS)

    def attempt() -> bool:
        start.wait()
        return not tries_take([Bound("a password", 3, 60)])

    tries = [InBackground(attempt) for _ in range(8)]
    assert sorted(each.join().returned for each in tries) == [False] * 5 + [True] * 3


def upload(owner: User, jpeg: bytes) -> Any:
    return image_create(owner=owner, file=ContentFile(jpeg), file_name="picture.jpg")


@pytest.mark.parametrize("quota", [None, 10_000_000])
def test_who_was_deleted_uploads_nothing(make_jpeg: MakeJpeg, stored_files: Any, quota: int | None) -> None:
    owner = User.objects.create_user("ada", quota_bytes=quota)
    User.objects.filter(pk=owner.pk).delete()
    with pytest.raises(UploadRefused, match="deleted meanwhile"):
        upload(owner, make_jpeg())
    assert stored_files() == []


@pytest.mark.usefixtures("_several_writers")
@pytest.mark.parametrize("quota", [None, 10_000_000])
def test_deleting_somebody_takes_along_what_they_upload_at_that_moment(
    make_jpeg: MakeJpeg, stored_files: Any, monkeypatch: pytest.MonkeyPatch, quota: int | None
) -> None:
    owner = User.objects.create_user("ada", quota_bytes=quota)
    opened = stages.open_for

    def open_and_wait(**said: Any) -> None:
        opened(**said)
        deletion.append(InBackground(lambda: users_delete(users=[owner])))
        wait_until_blocked(deletion[0])

    deletion: list[InBackground] = []
    monkeypatch.setattr(services.stages, "open_for", open_and_wait)
    with suppress(UploadRefused):  # or the deletion was quicker
        upload(owner, make_jpeg())
    assert deletion[0].join().raised is None
    assert not User.objects.exists()
    assert not Image.with_trash.exists()
    assert stored_files() == []


@pytest.mark.usefixtures("_several_writers")
def test_what_comes_after_the_deletion_is_refused(make_jpeg: MakeJpeg, stored_files: Any) -> None:
    owner = User.objects.create_user("ada")
    with transaction.atomic():
        users_delete(users=[owner])
        late = InBackground(lambda: upload(owner, make_jpeg()))
        wait_until_blocked(late)
    assert isinstance(late.join().raised, UploadRefused)
    assert stored_files() == []


QUIET: dict[str, Callable[[House], Any]] = {
    "rename": lambda at: album_rename(album=at.album, title="Norway"),
    "take out": lambda at: album_remove(album=at.album, images=Image.objects.filter(pk=at.images[1].pk)),
}


@pytest.mark.usefixtures("_several_writers")
@pytest.mark.parametrize("deed", QUIET)
def test_who_changes_an_album_does_not_wait_for_its_cover(deed: str) -> None:
    house = House()
    cover = house.images[0]
    album_set_cover(album=house.album, image=cover)
    with transaction.atomic():
        Image.with_trash.lock([cover.pk])  # as whoever trashes it, and locks the album then
        call = InBackground(lambda: QUIET[deed](house))
        wait_until_blocked(call)
        images_trash(images=[cover])
    assert call.join().raised is None
    assert Album.objects.get().pictures == AlbumImage.objects.filter(image__trashed_at=None).count()


@pytest.mark.usefixtures("_several_writers")
def test_tags_that_become_one_wait_for_the_pictures_of_both() -> None:
    house = House()
    owner, (first, second) = house.owner, (Image.objects.filter(pk=image.pk) for image in house.images)
    images_tag(owner=owner, images=first, names=["red"])
    images_tag(owner=owner, images=second, names=["blue"])
    with transaction.atomic():
        Image.with_trash.lock([second.get().pk])
        call = InBackground(lambda: tag_rename(tag=Tag.objects.get(key="red"), name="Blue"))
        wait_until_blocked(call)
        images_untag(owner=owner, images=second, name="blue")
    assert call.join().raised is None
    assert list(Tag.objects.values_list("name", "pictures")) == [("Blue", 1)]


@pytest.mark.usefixtures("_several_writers")
def test_pictures_that_get_a_tag_before_their_owner_is_locked_are_locked_too(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    owner, (first, second) = house.owner, (Image.objects.filter(pk=image.pk) for image in house.images)
    images_tag(owner=owner, images=first, names=["red"])
    lock_owner, were_free = tags._lock_owner, list[bool]()

    def take() -> None:
        with transaction.atomic():
            second.select_for_update(nowait=True).get()

    def meanwhile(owner_id: int) -> None:
        were_free.append(InBackground(take).join().raised is None)
        if were_free == [True]:
            with monkeypatch.context() as patch:
                patch.setattr(tags, "_lock_owner", lock_owner)
                InBackground(lambda: images_tag(owner=owner, images=second, names=["red"])).join()
        lock_owner(owner_id)

    monkeypatch.setattr(tags, "_lock_owner", meanwhile)
    gone = tag_delete(tag=Tag.objects.get())
    assert were_free == [True, False]
    assert gone.image_ids == [image.pk for image in house.images]
