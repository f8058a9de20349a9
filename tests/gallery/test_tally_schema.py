"""What people's originals take is what their pictures say, by whichever way these come, change and go."""

from collections.abc import Callable
from threading import Event
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from django.db import connection, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from gallery import tally_schema
from gallery.counted import tallies_mend, tallies_wrong
from gallery.models import Image, Tally, User
from gallery.quotas import room_of
from gallery.services import users_delete
from tests.gallery.test_selectors import NOON, add
from tests.gallery.test_sharing_races import InBackground

only_sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's triggers")
EVERY = Image.with_trash.all()


class World(NamedTuple):
    """Two pictures of one person and one of another's, of a byte each."""

    owner: User
    other: User
    images: list[Image]

    @property
    def first(self) -> Any:
        return EVERY.filter(pk=self.images[0].pk)

    def used(self) -> tuple[int, int]:
        return room_of(self.owner).used, room_of(self.other).used

    def versions(self, of: User) -> set[UUID]:
        return set(Tally.objects.filter(owner=of).values_list("version", flat=True))


@pytest.fixture
def world(user: User, other_user: User) -> World:
    return World(user, other_user, [add(user), add(user), add(other_user)])


def add_at_once(world: World) -> None:
    fields = {"format": "JPEG", "width": 4, "height": 3, "sort_date": NOON}
    people = [world.owner, world.other, world.owner]
    Image.objects.bulk_create(
        [Image(owner=one, byte_size=10, sha256=f"{number:064x}", **fields) for number, one in enumerate(people, 900)]
    )


def by_hand(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


# What is done, and what both then take.
CHANGES: dict[str, tuple[Callable[[World], object], tuple[int, int]]] = {
    "one more": (lambda world: add(world.owner), (3, 1)),
    "more at once": (add_at_once, (22, 11)),
    "in the trash": (lambda world: world.first.update(trashed_at=timezone.now()), (2, 1)),
    "all in the trash": (lambda world: EVERY.update(trashed_at=timezone.now()), (2, 1)),
    "of another date": (lambda world: world.first.update(sort_date=timezone.now()), (2, 1)),
    "larger": (lambda world: world.first.update(byte_size=5), (6, 1)),
    "given away": (lambda world: world.first.update(owner=world.other), (1, 2)),
    "deleted": (lambda world: world.first.delete(), (1, 1)),
    "all deleted": (lambda world: EVERY.all().delete(), (0, 0)),
    "all larger": (lambda world: by_hand("UPDATE gallery_image SET byte_size = byte_size + 2"), (6, 3)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_comes_changes_and_goes_counts_and_makes_a_new_version(world: World, change: str) -> None:
    do, used = CHANGES[change]
    before = world.versions(world.owner)
    do(world)
    assert world.used() == used
    assert not tallies_wrong().exists()
    assert before.isdisjoint(world.versions(world.owner))
    assert Tally.objects.count() == 2, "who is alone leaves one row a person"


def test_other_changes_make_none(world: World) -> None:
    before = world.versions(world.owner)
    EVERY.update(description="A dog", visibility="public", tag_words="red")
    world.images[0].save()
    add(world.other)
    assert world.versions(world.owner) == before


def test_what_is_taken_back_is_as_it_was(world: World) -> None:
    before = world.versions(world.owner)
    with transaction.atomic():
        world.first.delete()
        transaction.set_rollback(True)
    assert (world.used(), world.versions(world.owner)) == ((2, 1), before)


def test_nothing_is_left_of_who_is_deleted(world: World) -> None:
    users_delete(users=[world.other])
    assert Tally.objects.get().owner == world.owner


@pytest.mark.django_db(transaction=True)
def test_writers_do_not_wait_for_each_other_and_all_count(world: World) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    added, go = Event(), Event()

    def upload() -> None:
        with transaction.atomic():
            add(world.owner)
            added.set()
            assert go.wait(60)

    slow = InBackground(upload)
    assert added.wait(60)
    before = world.versions(world.owner)
    add(world.owner)
    assert (world.used(), before.isdisjoint(world.versions(world.owner))) == ((3, 1), False)
    go.set()
    slow.join()
    assert world.used() == (4, 1)
    assert not tallies_wrong().exists()
    add(world.owner)
    assert (world.used(), len(world.versions(world.owner))) == ((5, 1), 1)


def test_what_is_wrong_is_put_right(world: World) -> None:
    before = world.versions(world.other)
    Tally.objects.filter(owner=world.owner).update(bytes=7)
    assert [(person.said, person.taken) for person in tallies_wrong()] == [(7, 2)]
    tallies_mend(tallies_wrong())
    assert (world.used(), world.versions(world.other)) == ((2, 1), before)
    world.first.delete()
    assert (world.used(), Tally.objects.count()) == ((1, 1), 2)


@pytest.mark.django_db(transaction=True)
def test_the_migration_takes_in_what_is_there_and_can_be_taken_back(world: World) -> None:
    try:
        MigrationExecutor(connection).migrate([("gallery", "0019_numbers_of_pictures")])
        by_hand("UPDATE gallery_image SET byte_size = byte_size + 2")
    finally:
        executor = MigrationExecutor(connection)
        executor.migrate(executor.loader.graph.leaf_nodes())
    assert world.used() == (6, 3)
    world.first.delete()
    assert world.used() == (3, 3)


@only_sqlite
def test_a_migration_that_remakes_the_table_is_made_up_for(transactional_db: None, world: World) -> None:
    field = Image._meta.get_field("camera_make")
    wider = models.CharField(max_length=field.max_length + 1, blank=True)
    wider.set_attributes_from_name("camera_make")
    with connection.schema_editor() as editor:
        editor.alter_field(Image, field, wider, strict=True)
    try:
        world.first.update(byte_size=5)
        assert world.used() == (2, 1)  # this is why
        before = world.versions(world.owner)
        assert tally_schema.ensure_level(connection)
        assert (world.used(), before.isdisjoint(world.versions(world.owner))) == ((6, 1), True)
        assert not tally_schema.ensure_level(connection)
        world.first.delete()
        assert world.used() == (1, 1)
    finally:
        tally_schema.ensure_level(connection)


@only_sqlite
def test_people_who_are_gone_are_forgotten(world: World) -> None:
    """As `flush` leaves them where it empties the table of pictures last."""
    gone = world.other.pk + 1
    Tally.objects.create(owner_id=gone, bytes=-5)
    tally_schema.ensure_level(connection)
    assert not Tally.objects.filter(owner_id=gone).exists()
    assert world.used() == (2, 1)
