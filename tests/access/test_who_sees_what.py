"""Everybody asks for everything: what one may not see is in no answer, and looks like what never was."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from django.db import transaction

from gallery.models import Image
from gallery.services import images_delete
from search import index
from tests.access.addresses import filled, routes
from tests.access.asking import Answer, ask
from tests.access.lists import API_DEEDS, DEEDS, LISTS
from tests.access.people import PEOPLE, Person
from tests.access.pictures import ABSENT, STATES, Subject
from tests.access.table import ALBUMS, ASKED, LINKS, Ask, kept, listed, own, reach, thumbnail
from tests.access.world import World, reaches

SUCCESS = (200, 201, 202, 204, 302)
METHODS = {"anonymous": ("head", "options"), "other": ("head", "options", "post", "put", "patch", "delete")}
METHODS |= {"superuser": ("head", "post"), "deactivated": ("head",)}
ROUTES = routes()
# Tell whoever runs the site of all that there is.
OF_THE_SITE = {"metrics", "golden", "api:judgement-scores", "api:jobs-all", "api:models"}
# By what one tells that something was found: the query itself stands in the answer, too.
FINDS: dict[str, Callable[[Subject], str]] = {
    **dict.fromkeys(("image-states", "search", "api:search", "api:images"), lambda subject: str(subject.uuid)),
    **dict.fromkeys(("search-suggest", "api:search-suggestions"), lambda subject: subject.code),
}
# Whoever has an album, tags and searches is told of them, also when the picture is gone; members know the album, too.
OF_PICTURES = (own, reaches, reach, thumbnail, kept, listed)
Absent = dict[tuple[Ask, str], Answer]


def answer(person: Person, asked: Ask, subject: Subject) -> Answer:
    address = ROUTES[asked.route].address(subject)
    if asked.query:
        address += f"?{filled(asked.query, subject)}"
    headers = {"Accept": "application/json"} if asked.is_script else {}
    return ask(person, asked.method, address, asked.sent(subject) if asked.sent else None, headers=headers)


def mistakes(world: World, person: Person, state: str, asked: Ask, absent: Absent) -> Iterator[str]:
    """What is wrong with the answer about the picture in this state."""
    subject, nothing = world.subjects[state], world.subjects[ABSENT]
    if asked in LINKS:  # whoever has the key of a link knows that it is there
        nothing = replace(nothing, key=subject.key)
    if (asked, nothing.key) not in absent:
        absent[asked, nothing.key] = answer(person, asked, nothing)
    got, of_nothing = answer(person, asked, subject), absent[asked, nothing.key]
    is_out = person.kind == "deactivated" and asked.route.startswith("api:")
    if got.status >= 500:
        yield f"{got.status}"
    if leaks := world.leaks(person, got, asked=subject):
        yield f"tells of {', '.join(leaks)}"
    if asked.may(person.kind, state) and not is_out:
        if got.status not in (*SUCCESS, asked.also) or "/sign-in/" in got.headers.get("Location", ""):
            yield f"is refused: {got.status} {got.body[:200]}"
        elif asked.route in FINDS and FINDS[asked.route](subject) not in got.body:
            yield "finds nothing"
        return
    knows = person.kind == "owner" and (state == "trashed" or asked.may not in OF_PICTURES)
    if knows or (person.kind == "guest" and asked in ALBUMS):
        return
    told, expected = got.about(subject), of_nothing.about(nothing)
    if told != expected:
        yield f"isn't like what never was:\n{difference(told, expected)}"
    if got.statements != of_nothing.statements:
        again = [answer(person, asked, each).statements for each in (subject, nothing)]  # the first may load something
        if again[0] != again[1]:
            yield f"asks the database {again[0]} times instead of {again[1]}"
    if got.writes - of_nothing.writes:
        yield f"writes to {got.writes}"


def difference(told: str, expected: str) -> str:
    pairs = zip(told.splitlines(), expected.splitlines(), strict=False)
    at = next(((one, other) for one, other in pairs if one != other), (told[-80:], expected[-80:]))
    return f"      {at[0].strip()[:300]}\n   != {at[1].strip()[:300]}"


@pytest.mark.parametrize("kind", PEOPLE)
def test_a_picture(world: World, kind: str) -> None:
    person, absent, wrong = world.people[kind], Absent(), []
    for asked in ASKED:
        for state in STATES:
            wrong += [f"{state}: {asked} {mistake}" for mistake in mistakes(world, person, state, asked, absent)]
    assert not wrong, "\n".join(["", *wrong])


@pytest.mark.parametrize("kind", PEOPLE)
def test_lists(world: World, kind: str) -> None:
    person, wrong = world.people[kind], []
    for route, queries in LISTS.items():
        for query in queries:
            address = ROUTES[route].address(world.subjects["private"]) + filled(query, world.subjects["private"])
            got = ask(person, "get", address)
            if got.status >= 500:
                wrong.append(f"{address}: {got.status}")
            wrong += [f"{address} tells of {leak}" for leak in world.leaks(person, got)]
    assert not wrong, "\n".join(["", *wrong])


@pytest.mark.parametrize("kind", ["anonymous", "other", "superuser"])
def test_lists_are_as_if_it_were_not_there(world: World, kind: str) -> None:
    """Numbers, months, suggestions and groups of copies count nothing that one may not see."""
    person, subject = world.people[kind], world.subjects["private"]

    def told() -> dict[str, str]:
        addresses = [
            ROUTES[route].address(subject) + filled(query, subject)
            for route, queries in LISTS.items()
            for query in queries
            if kind != "superuser" or not (route in OF_THE_SITE or "whose=everyone" in query)
        ]
        return {address: ask(person, "get", address).text for address in addresses}

    with_it = told()
    with transaction.atomic():
        pks = [world.subjects[state].pk for state in ("private", "trashed")]
        images_delete(images=list(Image.with_trash.filter(pk__in=pks)))
        without = told()
        transaction.set_rollback(True)
    index.reset()  # which heard of it
    wrong = [f"{each}:\n{difference(got, without[each])}" for each, got in with_it.items() if got != without[each]]
    assert not wrong, "\n".join(["", *wrong])


@pytest.mark.parametrize("kind", PEOPLE)
def test_deeds_about_nothing(world: World, kind: str) -> None:
    person, wrong = world.people[kind], []
    deeds = [(route, "post", data) for route, data in DEEDS.items()]
    deeds += [(route, method, data) for (route, method), data in API_DEEDS.items()]
    for route, method, data in deeds:
        got = ask(person, method, ROUTES[route].address(world.subjects["private"]), data)
        if got.status >= 500:
            wrong.append(f"{method} {route}: {got.status}")
        wrong += [f"{method} {route} tells of {leak}" for leak in world.leaks(person, got)]
    assert not wrong, "\n".join(["", *wrong])


@pytest.mark.parametrize("kind", METHODS)
def test_by_any_other_method(world: World, kind: str) -> None:
    """Nothing is told of a picture, or done to it, by methods that an address doesn't take, nor by HEAD and OPTIONS."""
    person, subject, nothing = world.people[kind], world.subjects["private"], world.subjects[ABSENT]
    known, wrong = {(asked.route, asked.method) for asked in ASKED}, []
    for route in sorted({asked.route for asked in ASKED if ROUTES[asked.route].parts}):
        for method in METHODS[kind]:
            if (route, method) in known:
                continue
            address = ROUTES[route].address
            got, of_nothing = (ask(person, method, address(each)) for each in (subject, nothing))
            if leaks := world.leaks(person, got, asked=subject):
                wrong.append(f"{method} {route} tells of {leaks}")
            if not route.startswith("link") and got.about(subject) != of_nothing.about(nothing):
                wrong.append(f"{method} {route}:\n{difference(got.about(subject), of_nothing.about(nothing))}")
            if got.writes or got.status >= 500:
                wrong.append(f"{method} {route}: {got.status}, writes to {got.writes}")
    assert not wrong, "\n".join(["", *wrong])
