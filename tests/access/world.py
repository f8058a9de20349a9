"""All people and pictures, and what somebody may hear of."""

import re
from collections.abc import Iterator
from typing import Any

from django.core.cache import cache

from api import throttles
from gallery.models import User
from search import engine, index
from search.versions import model_version_ensure
from tests.access.asking import Answer
from tests.access.people import LOOKING_AFTER, Person, people
from tests.access.pictures import CODES, LATITUDE, OF_ALBUM, SEEN, STATES, Exhibition, Subject

_WORD = re.compile(rf"({'|'.join(CODES[state] for state in STATES)})([a-z]*)")
_STATES = {code: state for state, code in CODES.items()}


def reaches(kind: str, state: str) -> bool:
    """Whether they see the picture at its address."""
    return state in ("shared", "public") or (state == "private" and kind in ("owner", "guest"))


def lists(kind: str, state: str) -> bool:
    """Whether lists and searches give them the picture. One shared by link they have to have marked."""
    if state == "shared":
        return kind in ("owner", "guest", "former")
    return state == "public" or (state == "private" and kind in ("owner", "guest"))


class World:
    """Made once for all of these tests, which take back what they change."""

    def __init__(self) -> None:
        cache.clear()
        throttles.count_again()
        for forget in (index.reset, engine.forget_queries):
            forget()
        self.people = people()
        version = model_version_ensure()
        owner, guest, former = (self._user(kind) for kind in ("owner", "guest", "former"))
        self.exhibition = Exhibition(owner, guest, former, version)
        self.subjects = self.exhibition.subjects
        User.objects.filter(username="deactivated").update(is_active=False)
        self.people["deactivated"].user = None
        self._addresses = {
            value: (state, name)
            for state in STATES
            for name, value in {**self.subjects[state].names, "key": self.subjects[state].key}.items()
        }
        self._address = re.compile("|".join(map(re.escape, self._addresses)))

    def _user(self, kind: str) -> User:
        user = self.people[kind].user
        assert user
        return user

    def leaks(self, person: Person, answer: Answer, *, asked: Subject | None = None) -> list[str]:
        """What the answer tells that they may not hear: of all pictures but the one that they asked for."""
        return sorted(
            f"{state} {name}"
            for state, name in set(self._told(answer.text))
            if (asked is None or state != asked.state) and not self._may_hear(person.kind, state, name, answer.address)
        )

    def told(self, answer: Answer, subject: Subject) -> set[str]:
        """What it tells of a picture and what belongs to it."""
        return {name for state, name in self._told(answer.text) if state == subject.state}

    def _told(self, text: str) -> Iterator[tuple[str, str]]:
        for match in _WORD.finditer(text.lower()):
            yield _STATES[match[1]], match[2]
        for match in self._address.finditer(text):
            yield self._addresses[match[0]]
        for state, latitude in LATITUDE.items():
            if str(latitude) in text:
                yield state, "latitude"

    def _may_hear(self, kind: str, state: str, name: str, address: str) -> bool:
        if address.startswith("/admin/"):
            return kind in LOOKING_AFTER and name not in UNSEEN_BY_STAFF
        if name in (*OF_ALBUM, "album_uuid"):
            return kind in ("owner", "guest")
        if name in (*SEEN, "uuid"):
            return lists(kind, state) or (
                kind == "owner" and (state == "trashed" or HISTORY.match(address) is not None)
            )
        if name == "error" and address.startswith("/jobs/") and kind in LOOKING_AFTER:
            return True
        return kind == "owner" or (kind == "superuser" and name == "query" and SCORES.match(address) is not None)


# Staff need to know what lies there, but not where people live, nor what opens what.
UNSEEN_BY_STAFF = ("notes", "place", "latitude", "original", "key", "hook", "search")
# Whoever chooses among models sees what people expect of searches.
SCORES: Any = re.compile(r"/search/golden/|/api/v1/judgements/scores/")
# What was said of a picture while it was there.
HISTORY: Any = re.compile(r"/account/webhooks/|/api/v1/webhooks/")
