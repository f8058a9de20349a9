"""What is done with an album and with whom it is shared, and taken back: exactly that, once, by whoever may still."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from gallery import undo
from gallery.albums import (
    Removal,
    album_add,
    album_create,
    album_move,
    album_place,
    album_remove,
    album_rename,
    album_set_cover,
)
from gallery.albums_deleted import album_restore
from gallery.chunks import AT_ONCE
from gallery.exceptions import NothingToUndo
from gallery.links import link_create
from gallery.models import Album, AlbumImage, AlbumLink, AlbumMember, AuditEntry, DeletedAlbum, Image, User
from gallery.sharing import member_add, member_put_back, member_remove, member_set_role
from gallery.trash import images_trash
from gallery.undo.albums import added_to_album, album_renamed, cover_set, moved, taken_out_of_album
from gallery.undo.members import member_added, member_removed, role_set
from tests.gallery.test_selectors import add
from tests.gallery.test_sharing_races import InBackground, wait_until_blocked

pytestmark = pytest.mark.usefixtures("told")
JSON = {"Accept": "application/json"}
Changes = list[undo.Change]


class House:
    """An album with four pictures of its owner's and one of its manager's, and who else there is."""

    def __init__(self) -> None:
        self.owner, self.manager = User.objects.create_user("ada"), User.objects.create_user("grace")
        self.guest, self.late = User.objects.create_user("guest"), User.objects.create_user("late")
        self.album = album_create(owner=self.owner, title="Iceland")
        self.membership = member_add(album=self.album, by=self.owner, username="grace", role="manage")
        self.guests = member_add(album=self.album, by=self.owner, username="guest", role="add")
        self.images = [add(self.owner) for _ in range(4)]
        self.own = add(self.manager)
        for person in (self.owner, self.manager):
            album_add(album=self.album, images=Image.objects.all(), by=person)
        album_set_cover(album=self.album, image=self.images[3])

    def order(self) -> list[int]:
        """Which pictures are in it, by their numbers among `images`; the manager's is 4."""
        known = [image.pk for image in (*self.images, self.own)]
        shown = AlbumImage.objects.filter(album=self.album).order_by("position").values_list("image", flat=True)
        return [known.index(pk) for pk in shown]

    def state(self) -> list[Any]:
        return [
            Album.objects.values("title", "key", "cover").get(),
            self.order(),
            list(AlbumMember.objects.order_by("pk").values()),
        ]


@pytest.fixture
def at(db: None) -> House:
    return House()


def back(changes: Changes, person: User) -> str:
    """What is said where this is undone by somebody."""
    session: dict[str, Any] = {}
    return undo.undo(session, name=undo.remember(session, changes), person=person)


def nothing(changes: Changes, person: User) -> None:
    with pytest.raises(NothingToUndo):
        back(changes, person)


def rename(at: House, by: User) -> Changes:
    return album_renamed(at.album, before=album_rename(album=at.album, title="Ísland", by=by), after="Ísland")


def cover(at: House, by: User) -> Changes:
    return cover_set(at.album, album_set_cover(album=at.album, image=at.images[1], by=by))


def move(at: House, by: User) -> Changes:
    return moved(at.album, album_move(album=at.album, image=at.images[2], earlier=True, by=by))


def share(at: House, by: User) -> Changes:
    return member_added(member_add(album=at.album, by=by, username="late", role="view"))


def demote(at: House, by: User) -> Changes:
    return role_set(at.guests, member_set_role(member=at.guests, by=by, role="view"), after="view")


def remove(at: House, by: User) -> Changes:
    return member_removed(at.album, member_remove(member=at.guests, by=by))


DEEDS: dict[str, tuple[Callable[[House, User], Changes], str]] = {
    "rename": (rename, "The album is called “Iceland” again."),
    "cover": (cover, "The cover of “Iceland” is what it was."),
    "move": (move, "The picture is back in its place in “Iceland”."),
    "share": (share, "late doesn’t see the album any more."),
    "role": (demote, "guest: may add pictures."),
    "remove": (remove, "guest sees the album again."),
}


class TestEach:
    @pytest.fixture(params=DEEDS)
    def deed(self, request: pytest.FixtureRequest) -> Callable[[House, User], Changes]:
        return DEEDS[request.param][0]

    @pytest.mark.parametrize("name", DEEDS)
    def test_is_as_it_was_and_that_once(self, at: House, name: str) -> None:
        do, sentence = DEEDS[name]
        before = at.state()
        changes = do(at, at.manager)
        assert at.state() != before
        assert back(changes, at.manager) == sentence
        assert at.state() == before
        nothing(changes, at.manager)
        assert at.state() == before

    def test_not_by_one_who_lost_the_right(self, at: House, deed: Callable[[House, User], Changes]) -> None:
        changes = deed(at, at.manager)
        after = at.state()
        for person in (at.guest, User.objects.create_user("nobody")):
            nothing(changes, person)
        assert at.state() == after
        member_set_role(member=at.membership, by=at.owner, role="add")
        after = at.state()
        nothing(changes, at.manager)
        member_remove(member=at.membership, by=at.owner)
        nothing(changes, at.manager)
        assert at.state()[0] == after[0]

    def test_not_in_an_album_that_is_gone(self, at: House, deed: Callable[[House, User], Changes]) -> None:
        changes = deed(at, at.owner)
        Album.objects.all().delete()
        nothing(changes, at.owner)

    def test_what_changed_nothing_is_not_undone(self, at: House) -> None:
        album_set_cover(album=at.album, image=at.images[1])
        assert cover(at, at.owner) == []
        assert album_renamed(at.album, before=album_rename(album=at.album, title=" Iceland"), after="Iceland") == []
        assert moved(at.album, album_move(album=at.album, image=at.images[0], earlier=True)) == []
        assert role_set(at.guests, member_set_role(member=at.guests, by=at.owner, role="add"), after="add") == []
        member_remove(member=at.guests, by=at.owner)
        assert remove(at, at.owner) == []


class TestWhatOthersChangedMeanwhileStays:
    def test_title(self, at: House) -> None:
        changes = rename(at, at.owner)
        album_rename(album=at.album, title="Ice", by=at.manager)
        nothing(changes, at.owner)
        assert Album.objects.get().title == "Ice"

    def test_cover(self, at: House) -> None:
        changes = cover(at, at.owner)
        album_set_cover(album=at.album, image=at.images[2], by=at.manager)
        nothing(changes, at.owner)
        assert Album.objects.get().cover == at.images[2]

    def test_a_cover_that_left_the_album_does_not_come_back(self, at: House) -> None:
        changes = cover(at, at.owner)
        album_remove(album=at.album, images=Image.objects.filter(pk=at.images[3].pk))
        assert back(changes, at.owner) == "“Iceland” has no cover any more."
        assert Album.objects.get().cover is None

    def test_a_picture_that_was_moved_again(self, at: House) -> None:
        changes = moved(at.album, album_move(album=at.album, image=at.images[3], earlier=True, all_the_way=True))
        album_move(album=at.album, image=at.images[3], earlier=False, by=at.manager)
        nothing(changes, at.owner)
        assert at.order() == [0, 3, 1, 2, 4]

    @pytest.mark.parametrize(
        ("image", "other", "after"),
        [
            (2, 1, [0, 2, 3, 1, 4]),  # the one before it, which it follows
            (4, 0, [4, 0, 1, 2, 3]),  # the one behind it
            (1, 4, [0, 2, 3, 4, 1]),
            (4, 3, [4, 0, 1, 2, 3]),  # to before the moved one itself
        ],
    )
    def test_the_order_of_the_others(self, at: House, image: int, other: int, after: list[int]) -> None:
        changes = moved(at.album, album_move(album=at.album, image=at.images[3], earlier=True, all_the_way=True))
        everyone = (*at.images, at.own)
        album_place(album=at.album, image=everyone[image], other=everyone[other], by=at.manager)
        back(changes, at.owner)
        assert at.order() == after

    def test_what_was_taken_out(self, at: House) -> None:
        changes = moved(at.album, album_move(album=at.album, image=at.images[3], earlier=True, all_the_way=True))
        album_remove(album=at.album, images=Image.objects.filter(pk=at.images[2].pk))
        back(changes, at.owner)
        assert at.order() == [0, 1, 3, 4]

    def test_a_role_that_somebody_else_gave(self, at: House) -> None:
        changes = demote(at, at.owner)
        member_set_role(member=at.guests, by=at.manager, role="manage")
        nothing(changes, at.owner)
        added = share(at, at.owner)
        member_set_role(member=AlbumMember.objects.get(person=at.late), by=at.manager, role="manage")
        nothing(added, at.owner)
        assert set(AlbumMember.objects.values_list("role", flat=True)) == {"manage"}

    def test_a_member_whom_somebody_else_removed_or_invited_anew(self, at: House) -> None:
        demoted, removed = demote(at, at.owner), remove(at, at.owner)
        nothing(demoted, at.owner)
        member_add(album=at.album, by=at.manager, username="guest", role="view")
        nothing(demoted, at.owner)
        nothing(removed, at.owner)
        assert AlbumMember.objects.get(person=at.guest).role == "view"

    def test_a_picture_whose_owner_has_left_since(self, at: House) -> None:
        own = Image.objects.filter(pk=at.own.pk)
        changes = taken_out_of_album(at.album, album_remove(album=at.album, images=own, by=at.owner))
        member_remove(member=at.membership, by=at.manager)
        member_add(album=at.album, by=at.owner, username="grace", role="view")
        nothing(changes, at.owner)
        assert at.order() == [0, 1, 2, 3]

    def test_a_removed_member_who_came_again_and_left(self, at: House) -> None:
        changes = member_removed(at.album, member_remove(member=at.membership, by=at.owner))
        again = member_add(album=at.album, by=at.owner, username="grace", role="view")
        album_rename(album=at.album, title="Ice")
        member_remove(member=again, by=at.manager)
        nothing(changes, at.owner)
        assert at.order() == [0, 1, 2, 3]

    def test_a_picture_whose_owner_was_removed_and_put_back_comes_back(self, at: House) -> None:
        own = Image.objects.filter(pk=at.own.pk)
        changes = taken_out_of_album(at.album, album_remove(album=at.album, images=own, by=at.owner))
        back(member_removed(at.album, member_remove(member=at.membership, by=at.owner)), at.owner)
        assert back(changes, at.owner) == "1 picture back in “Iceland”."

    @pytest.mark.parametrize("how", ["a picture", "a link"])
    def test_a_member_who_brought_something(self, at: House, how: str) -> None:
        changes = member_added(member_add(album=at.album, by=at.owner, username="late", role="manage"))
        if how == "a picture":
            add(at.late)
            album_add(album=at.album, images=Image.objects.all(), by=at.late)
        else:
            link_create(album=at.album, by=at.late)
        before = at.album.images.count(), AlbumLink.objects.count()
        nothing(changes, at.owner)
        assert (at.album.images.count(), AlbumLink.objects.count()) == before
        assert AlbumMember.objects.filter(person=at.late).exists()

    def test_a_person_who_is_gone(self, at: House) -> None:
        changes = remove(at, at.owner)
        at.guest.delete()
        nothing(changes, at.owner)


class TestANewAlbum:
    @pytest.fixture
    def album(self, at: House) -> Album:
        return album_create(owner=at.owner, title="Norway")

    @pytest.fixture
    def changes(self, at: House, album: Album) -> Changes:
        return added_to_album(album, album_add(album=album, images=Image.objects.all()), is_new=True)

    def test_goes_for_good_where_it_was_theirs_alone(self, at: House, changes: Changes) -> None:
        assert back(changes, at.owner) == "The album “Norway” is gone again; its pictures stayed."
        assert not DeletedAlbum.objects.exists()

    @pytest.mark.parametrize("how", ["by name", "by link"])
    def test_lies_in_the_trash_where_it_was_shared(self, at: House, album: Album, changes: Changes, how: str) -> None:
        if how == "by name":
            member_add(album=album, by=at.owner, username="late", role="view")
        else:
            link_create(album=album, by=at.owner)
        assert back(changes, at.owner) == (
            "The album “Norway” is in the trash, where nobody else sees it; its pictures stayed."
        )
        assert album_restore(deleted=DeletedAlbum.objects.get()) == album
        assert (album.members.count(), album.links.count()) == ((1, 0) if how == "by name" else (0, 1))

    def test_that_is_gone_already_is_not_asked_for(
        self, at: House, album: Album, changes: Changes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def deleted_first(**said: Any) -> Any:
            Album.objects.filter(pk=album.pk).delete()
            return album_remove(**said)

        monkeypatch.setattr("gallery.undo.albums.album_remove", deleted_first)
        nothing(changes, at.owner)


class TestMembers:
    def test_their_pictures_come_back_to_their_places_and_their_links_do_not(self, at: House) -> None:
        album_place(album=at.album, image=at.own, other=at.images[1])
        album_set_cover(album=at.album, image=at.own)
        link_create(album=at.album, by=at.manager, label="Aunt")
        changes = member_removed(at.album, member_remove(member=at.membership, by=at.owner))
        assert at.order() == [0, 1, 2, 3]
        assert back(changes, at.owner) == (
            "grace sees the album again. 1 picture back in “Iceland”. Links that they had made stay revoked."
        )
        assert at.order() == [0, 4, 1, 2, 3]
        assert Album.objects.get().cover == at.own
        assert AlbumMember.objects.get(person=at.manager).role == "manage"
        assert not AlbumLink.objects.exists()

    def test_pictures_of_one_who_may_only_look_come_back_too(self, at: House) -> None:
        member_set_role(member=at.membership, by=at.owner, role="view")
        before = at.state()
        back(member_removed(at.album, member_remove(member=at.membership, by=at.owner)), at.owner)
        assert at.state() == before

    def test_links_of_one_who_managed_it_stay_revoked(self, at: House) -> None:
        link_create(album=at.album, by=at.manager)
        change = member_set_role(member=at.membership, by=at.owner, role="add")
        sentence = back(role_set(at.membership, change, after="add"), at.owner)
        assert sentence == "grace: may add, arrange and share. Links that they had made stay revoked."
        assert not AlbumLink.objects.exists()

    def test_all_of_it_is_on_record(self, at: House) -> None:
        AuditEntry.objects.all().delete()
        for do, _ in (DEEDS["share"], DEEDS["role"], DEEDS["remove"]):
            back(do(at, at.owner), at.owner)
        said = list(AuditEntry.objects.order_by("pk").values_list("action", "actor_name"))
        kinds = ("album.share", "album.unshare", "album.role", "album.role", "album.unshare", "album.share")
        assert said == [(kind, "ada") for kind in kinds]

    def test_many_pictures_come_back_a_piece_at_a_time(self, at: House) -> None:
        departure = member_remove(member=at.membership, by=at.owner)
        assert departure
        removal = departure.removal
        many = Removal({**removal.positions, **{pk: pk for pk in range(10_000, 12_000)}}, at=removal.at)
        numbers = []

        def count(execute: Any, sql: str, params: Any, *rest: Any) -> Any:
            numbers.append(len(params or ()))
            return execute(sql, params, *rest)

        with connection.execute_wrapper(count):
            assert member_put_back(album=at.album, departure=replace(departure, removal=many), by=at.owner)
        assert max(numbers) < AT_ONCE + 20
        assert at.own.pk in at.album.images.values_list("pk", flat=True)


class TestToTheEnds:
    def test_to_the_start_and_to_the_end(self, at: House) -> None:
        album_move(album=at.album, image=at.images[2], earlier=True, all_the_way=True)
        assert at.order() == [2, 0, 1, 3, 4]
        album_move(album=at.album, image=at.images[0], earlier=False, all_the_way=True)
        assert at.order() == [2, 1, 3, 4, 0]
        assert album_move(album=at.album, image=at.images[0], earlier=False, all_the_way=True) is None

    def test_no_two_come_to_share_a_position_where_some_are_in_the_trash(self, at: House) -> None:
        images_trash(images=[at.images[0], at.images[2]])
        for image in (at.own, at.images[1], at.images[3]):
            for earlier in (True, False):
                album_move(album=at.album, image=image, earlier=earlier, all_the_way=True)
        assert len(set(AlbumImage.objects.values_list("position", flat=True))) == 5

    def test_as_many_statements_however_many_pictures(self, at: House) -> None:
        counts = []
        for _ in range(2):
            with CaptureQueriesContext(connection) as queries:
                album_move(album=at.album, image=at.own, earlier=True, all_the_way=True)
                album_move(album=at.album, image=at.own, earlier=False, all_the_way=True)
            counts.append(len(queries))
            for _ in range(9):
                add(at.owner)
            album_add(album=at.album, images=Image.objects.all())
        assert counts[0] == counts[1] < 30


class TestPages:
    @pytest.fixture
    def client(self, at: House) -> Client:
        client = Client()
        client.force_login(at.owner)
        return client

    def arrange(self, client: Client, at: House, do: str, image: int = 2, **said: Any) -> Any:
        address = reverse("album-arrange", args=[at.album.uuid])
        return client.post(address, {"image": at.images[image].uuid, "do": do, **said}, headers=JSON)

    @pytest.mark.parametrize(
        ("do", "sentence"),
        [
            ("first", "“{}” is number 1 of 5."),
            ("earlier", "“{}” is number 2 of 5."),
            ("later", "“{}” is number 4 of 5."),
            ("last", "“{}” is number 5 of 5."),
            ("place", "“{}” is number 1 of 5."),
            ("cover", "“{}” is the cover of “Iceland” now."),
            ("out", "“{}” is taken out of “Iceland”."),
        ],
    )
    def test_scripts_hear_what_was_done_and_undo_it(self, client: Client, at: House, do: str, sentence: str) -> None:
        before = at.state()
        answer = self.arrange(client, at, do, other=at.images[0].uuid).json()
        assert answer["message"] == sentence.format(at.images[2].file_name)
        assert at.state() != before
        assert client.post(answer["undo"], headers=JSON).status_code == 200
        assert at.state() == before
        assert client.post(answer["undo"], headers=JSON).status_code == 400

    def test_what_changed_nothing_offers_no_undo(self, client: Client, at: House) -> None:
        answer = self.arrange(client, at, "first", image=0)
        assert answer.json() == {"message": f"“{at.images[0].file_name}” is number 1 of 5."}

    @pytest.mark.parametrize("said", [{"do": "nonsense"}, {"do": "place"}, {"do": "out", "image": "x"}])
    def test_what_is_not_there_is_said(self, client: Client, at: House, said: dict[str, str]) -> None:
        before = at.state()
        address = reverse("album-arrange", args=[at.album.uuid])
        said = {"image": str(at.images[0].uuid)} | said
        response = client.post(address, said, headers=JSON)
        assert (response.status_code, list(response.json())) == (400, ["message"])
        assert "Nothing was changed" in client.post(address, said, follow=True).content.decode()
        assert at.state() == before

    def sent(self, client: Client, address: str, said: dict[str, Any]) -> str:
        """The page that comes of a form, after its one Undo button was pressed, and what was said then."""
        page = client.post(address, said, follow=True).content.decode()
        _, *buttons = page.split('action="/undo/')
        assert len(buttons) == page.count('class="message ') == 1, page
        name = buttons[0].partition('"')[0]
        return client.post(f"/undo/{name}", {"next": "/tags/"}, follow=True).content.decode()

    def test_without_scripts(self, client: Client, at: House) -> None:
        before = at.state()
        of_album = {name: reverse(f"album-{name}", args=[at.album.uuid]) for name in ("arrange", "rename", "member")}
        for do in ("first", "last", "cover", "out"):
            self.sent(client, of_album["arrange"], {"image": at.images[1].uuid, "do": do})
        self.sent(client, of_album["rename"], {"title": "Ísland"})
        for said in ({"role": "manage"}, {"remove": "on"}):
            self.sent(client, of_album["member"], {"member": at.guests.pk, **said})
        assert at.state() == before
        share = reverse("album-share", args=[at.album.uuid])
        assert "late doesn’t see" in self.sent(client, share, {"username": "late", "role": "view"})
        assert at.state() == before

    def test_who_changes_what_they_may_themselves_is_offered_no_undo(self, at: House) -> None:
        client = Client()
        client.force_login(at.manager)
        address = reverse("album-member", args=[at.album.uuid])
        for said in ({"role": "view"}, {"remove": "on"}):
            member_set_role(member=at.membership, by=at.owner, role="manage")
            page = client.post(address, {"member": at.membership.pk, **said}, follow=True).content.decode()
            assert 'class="message success"' in page
            assert 'action="/undo/' not in page


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", DEEDS)
@pytest.mark.parametrize("how", ["removed", "may only look"])
def test_the_right_is_asked_under_the_lock(name: str, how: str) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time, and asks everything under its lock")
    at = House()
    changes = DEEDS[name][0](at, at.manager)
    with transaction.atomic():
        if how == "removed":
            member_remove(member=at.membership, by=at.owner)
        else:
            member_set_role(member=at.membership, by=at.owner, role="view")
        after = at.state()
        undoing = InBackground(lambda: back(changes, at.manager))
        wait_until_blocked(undoing)
    undoing.join()
    assert isinstance(undoing.raised, NothingToUndo), undoing.raised
    assert at.state() == after
