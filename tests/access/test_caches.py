"""What caches may keep: nothing for anybody else, and nothing that outlasts the right to see it."""

from collections.abc import Callable

import pytest
from django.db import transaction

from gallery.models import AlbumMember, Image
from gallery.services import image_set_visibility
from gallery.sharing import member_remove
from gallery.trash import images_trash
from tests.access.addresses import filled, routes
from tests.access.asking import Answer, ask
from tests.access.lists import LISTS
from tests.access.people import Person
from tests.access.pictures import ABSENT, Subject
from tests.access.table import ASKED, Ask
from tests.access.world import World

ROUTES = routes()
READS = [asked for asked in ASKED if asked.method == "get"]
# The same for everybody: words of the pages, and where browsers look for an icon.
FOR_ALL = {"words"}


def read(person: Person, asked: Ask, subject: Subject, **headers: str) -> Answer:
    query = f"?{filled(asked.query, subject)}" if asked.query else ""
    return ask(person, "get", ROUTES[asked.route].address(subject) + query, headers=headers)


def _private_again(subject: Subject, image: Image) -> None:
    image_set_visibility(image=image, visibility="private")


def _removed(subject: Subject, image: Image) -> None:
    member = AlbumMember.objects.get(pk=subject.membership)
    member_remove(member=member, by=member.album.owner)


def _trashed(subject: Subject, image: Image) -> None:
    images_trash(images=[image])


@pytest.mark.parametrize(
    ("kind", "state", "end"),
    [
        ("guest", "private", _removed),
        ("guest", "private", _trashed),
        ("other", "public", _private_again),
        ("anonymous", "shared", _private_again),
        ("anonymous", "public", _trashed),
        ("superuser", "public", _private_again),
        ("powerless", "public", _trashed),
        ("deactivated", "public", _private_again),
    ],
)
def test_who_saw_it_before_is_not_told_that_it_is_the_same(
    world: World, kind: str, state: str, end: Callable[[Subject, Image], None]
) -> None:
    person, subject, nothing = world.people[kind], world.subjects[state], world.subjects[ABSENT]
    # what the album still is to its members, and a link to who has it, when the picture is gone
    reads = [asked for asked in READS if asked.may(kind, state) and asked.may(kind, "private") is (kind == "guest")]
    reads = [asked for asked in reads if "album" not in str(asked) and not asked.route.startswith("link")]
    seen = {asked: read(person, asked, subject) for asked in reads}
    tagged = {asked: before.headers["ETag"] for asked, before in seen.items() if "ETag" in before.headers}
    by_api = {"api:image", "api:renditions"} if kind != "deactivated" else set()  # whose tokens let nobody in
    assert {"rendition", "download"} | by_api <= {asked.route for asked in tagged}
    same = [asked for asked, tag in tagged.items() if read(person, asked, subject, If_None_Match=tag).status != 304]
    assert not same, "these send all of it again"
    with transaction.atomic():
        end(subject, Image.objects.get(pk=subject.pk))
        for asked, tag in tagged.items():
            after = read(person, asked, subject, If_None_Match=tag)
            never = read(person, asked, nothing, If_None_Match=tag)
            assert after.about(subject) == never.about(nothing), asked
            assert after.status != 304, asked
        transaction.set_rollback(True)


@pytest.mark.parametrize("kind", ["anonymous", "owner", "guest", "superuser"])
def test_no_cache_keeps_it_for_others(world: World, kind: str) -> None:
    person, subject, wrong = world.people[kind], world.subjects["private"], []
    lists = [
        Ask(route, "get", lambda kind, state: True, query=filled(query, subject).removeprefix("?"))
        for route, queries in LISTS.items()
        if route not in FOR_ALL
        for query in queries[:1]
    ]
    for asked in [*READS, *lists]:
        got = read(person, asked, subject)
        said = {part.strip() for part in got.headers.get("Cache-Control", "").split(",")}
        varies = {part.strip() for part in got.headers.get("Vary", "").split(",")}
        if not said & {"private", "no-store"} or "public" in said:
            wrong.append(f"{asked}: {got.status} {sorted(said)}")
        elif "max-age=3600" in said and "Cookie" not in varies:
            wrong.append(f"{asked}: {got.status} varies by {sorted(varies)}")
    assert not wrong, "\n".join(["", *wrong])
