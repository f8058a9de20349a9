"""The addresses that the resolver knows, and each as it is of a picture."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from tests.access.pictures import Subject


@dataclass(frozen=True)
class Route:
    """An address. `name` is as `reverse` takes it; where it has none, how the address looks."""

    name: str
    pattern: URLPattern

    @property
    def parts(self) -> list[str]:
        """What varies in the address."""
        return list(self.pattern.pattern.converters)

    def address(self, subject: Subject) -> str:
        if self.name == "api:nothing":
            return "/api/v0/"
        if not self.pattern.name:
            return f"/{self.name}"
        return reverse(self.name, kwargs={part: self._part(part, subject) for part in self.parts})

    def _part(self, part: str, subject: Subject) -> Any:
        bare = self.name.removeprefix("api:")
        if part == "uuid":
            kinds = {"album": "album_uuid", "member": "album_uuid", "webhook": "webhook_uuid", "upload": "upload_uuid"}
            if self.name in ("api:link", "api:links"):
                return subject.album_uuid
            return getattr(subject, next((of for kind, of in kinds.items() if bare.startswith(kind)), "uuid"))
        if part == "pk":
            kinds = {"tag": "tag", "token": "token", "saved-search": "search", "judgement": "judgement"}
            kinds |= {"caption-judge": "caption", "link": "link"}
            return getattr(subject, next(of for kind, of in kinds.items() if bare.startswith(kind)))
        if part == "key":
            return "no-such-invitation" if bare.startswith("sign-up") else subject.key
        if part == "username":
            return subject.member if bare == "member" else "owner"
        return {
            "delivery": subject.delivery_uuid,
            "kind": "thumbnail",
            "size": "small",
            "uidb64": "MQ",
            "token": "no-token",
            "name": "nothing",
        }[part]


def routes() -> dict[str, Route]:
    """All of them, by name."""
    found = [*_routes(get_resolver().url_patterns, "", "")]
    assert len({route.name for route in found}) == len(found)
    return {route.name: route for route in found}


def _routes(patterns: Iterable[URLPattern | URLResolver], space: str, above: str) -> Iterator[Route]:
    for each in patterns:
        way = f"{above}{each.pattern}"
        if isinstance(each, URLResolver):
            yield from _routes(each.url_patterns, f"{each.namespace}:" if each.namespace else space, way)
        else:
            yield Route(f"{space}{each.name}" if each.name else way, each)


def filled(query: str, subject: Subject) -> str:
    """A query that names a picture."""
    known = {name: getattr(subject, name) for name in ("uuid", "code", "caption", "album_uuid")}
    return query.format_map({**known, "month": f"{timezone.localdate():%Y-%m}"})
