"""Searches of programs: from what they ask to the query, and from the result to what they are told."""

import base64
import binascii
from typing import Any

from django.db.models import prefetch_related_objects
from django.utils import timezone
from rest_framework.exceptions import NotFound
from rest_framework.request import Request

from api.exceptions import Senseless
from api.fields import only
from api.serializers.images import represent_images
from api.serializers.search import SIGNS
from search.query.answer import WORDS_ALONE, SearchHit, SearchResult
from search.query.build import BadPart, box_text, filter_of, query_of, text_of
from search.query.terms import Like, Part, Query

DEEPEST = 100_000  # hits; filters alone list any number


def query_from(wish: dict[str, Any]) -> Query:
    """The query of a wish in parts: see SearchWishSerializer. Raises Senseless."""
    today = timezone.localdate()
    parts: list[Part] = []
    for name, part in [(each, part) for each in _PARTS for part in wish[each]]:
        try:
            parts.append(_PARTS[name](part, today))
        except BadPart as problem:
            raise Senseless({name: [str(problem)]}) from problem
    if not parts:
        raise Senseless("Say what to look for, or what pictures must be.")
    try:
        return query_of(parts)
    except BadPart as problem:
        raise Senseless(str(problem)) from problem


_PARTS: dict[str, Any] = {
    "words": lambda said, today: text_of(said["text"], weight=said["weight"]),
    "phrases": lambda said, today: text_of(said["text"], is_phrase=True, weight=said["weight"]),
    "required": lambda said, today: text_of(said, sign="+"),
    "excluded": lambda said, today: text_of(said, sign="-"),
    "like": lambda said, today: Like(said["uuid"], "", round(said["weight"], 2)),
    "unlike": lambda said, today: Like(said["uuid"], "-", round(said["weight"], 2)),
    "filters": lambda said, today: filter_of(said["field"], said["value"], sign=SIGNS[said["match"]], today=today),
}


def offset_of(cursor: str) -> int:
    """How many hits are before the page; 0 without a cursor. Raises NotFound."""
    if not cursor:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode("ascii")
        kind, _, number = text.partition(":")
        if kind == "hits" and number.isdigit() and len(number) < 7 and int(number) <= DEEPEST:  # noqa: PLR2004  # digits
            return int(number)
    except (UnicodeError, binascii.Error, ValueError):
        pass
    raise NotFound("This page is not one of this search: follow next_cursor.")


def represent(
    request: Request, result: SearchResult, *, offset: int, explain: bool, has_picture: bool, fields: Any = None
) -> dict[str, Any]:
    """A result as SearchSerializer describes it. Four SQL statements more than the search itself took."""
    hits = result.hits
    prefetch_related_objects([hit.image for hit in hits], "owner", "stages", "tags")
    images = only(represent_images(request, [hit.image for hit in hits]), fields)
    query, today = result.query, timezone.localdate()
    following = offset + len(hits)
    is_last = result.is_last or following > DEEPEST
    return {
        "state": result.state,
        "query": box_text(query, today=today),
        "hints": _hints(query),
        "answered_by": _answered_by(result, has_picture=has_picture),
        "notice": result.notice,
        "sentence": result.sentence,
        "total": result.total,
        "is_total_exact": result.is_total_exact,
        "is_judged": result.is_judged,
        "is_last": is_last,
        "nothing_else_matches": is_last or (result.is_total_exact and following >= result.total),
        "next_cursor": None if is_last else _cursor(following),
        "results": [
            {
                "rank": offset + place,
                "score": None if hit.score is None else round(float(hit.score), 6),
                "is_match": hit.is_match,
                "image": image,
                "why": _why(hit) if explain else None,
            }
            for place, (hit, image) in enumerate(zip(hits, images, strict=True), start=1)
        ],
    }


def _cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(f"hits:{offset}".encode()).decode().rstrip("=")


def _answered_by(result: SearchResult, *, has_picture: bool) -> str:
    if str(WORDS_ALONE) in result.notice:
        return "words"
    if result.notice:
        return "fallback"
    return "index" if has_picture or result.query.texts or result.query.pictures else "filters"


def _hints(query: Query) -> list[dict[str, Any]]:
    return [
        {
            "start": hint.start,
            "end": hint.end,
            "sentence": hint.sentence,
            "suggestion": hint.suggestion,
            "corrected": None if hint.suggestion is None else query.corrected(hint),
            "is_mistake": hint.is_mistake,
        }
        for hint in query.hints
    ]


def _why(hit: SearchHit) -> dict[str, Any]:
    said = [piece for piece, is_match in [*hit.caption, *hit.text] if is_match]
    return {
        "legs": [{"leg": leg.name, "rank": rank, "sentence": f"{leg.sentence}."} for leg, rank in hit.why],
        "words": list(dict.fromkeys(word.lower() for word in said)),
        "caption": _pieces(hit.caption),
        "text_in_picture": _pieces(hit.text),
    }


def _pieces(text: list[tuple[str, bool]]) -> list[dict[str, Any]]:
    return [{"text": piece, "is_match": is_match} for piece, is_match in text]
