"""What has failed for good, grouped by the reason, and having it tried again."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Count, Max, Min, QuerySet

from gallery import audit, stages
from gallery.chunks import AT_ONCE
from gallery.jobs import Scope
from gallery.models import Image, Stage, User, Viewer

# Sentences that are looked at, the most frequent first: a page is no place for more.
SENTENCES = 2_000
EXAMPLES = 6

# What differs between sentences that say the same: names in quotes, files and folders, numbers.
_PARTICULARS = re.compile(
    r"“[^”]*”|\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)|(?:[A-Za-z]:)?[\w.-]*/[\w./-]+|[\w-]+\.(?:jpe?g|png|webp|gif|avif|hei[cf]|tiff?)\b"
    r"|\b[0-9a-f]{8}[0-9a-f-]*\b|\d[\d.,:]*\d|\d",
    re.IGNORECASE,
)


@dataclass
class Failure:
    """Failed stages of one step for one reason; `examples` are some of their pictures, with renditions."""

    key: str
    step: str
    reason: str
    count: int = 0
    image_ids: set[int] = field(default_factory=set)
    examples: list[Image] = field(default_factory=list)


def reason_of(error: str) -> str:
    """The sentence without its particulars, so that alike ones are one."""
    return _PARTICULARS.sub("…", error.strip()) or "Nobody knows why."


def failures(scope: Scope, *, viewer: Viewer) -> list[Failure]:
    """Why stages in this scope failed, the most frequent reason first, with examples that are listed for the viewer.

    Three SQL statements.
    """
    found: dict[str, Failure] = {}
    rows = _failed(scope).order_by().values_list("step", "error")
    told = rows.annotate(number=Count("pk"), first=Min("image_id"), last=Max("image_id"))
    for step, error, number, first, last in told.order_by("-number", "step", "error")[:SENTENCES]:
        key = _key(step, error)
        if key in found:
            found[key].reason = reason_of(error)
        failure = found.setdefault(key, Failure(key, step, error.strip() or reason_of(error)))
        failure.count += number
        if len(failure.image_ids) < EXAMPLES:
            failure.image_ids |= {first, last}
    wanted = {pk for failure in found.values() for pk in failure.image_ids}
    images = Image.objects.listed_for(viewer).filter(pk__in=wanted).with_renditions().in_bulk()
    for failure in found.values():
        failure.examples = [images[pk] for pk in sorted(failure.image_ids)[:EXAMPLES] if pk in images]
    return sorted(found.values(), key=lambda failure: -failure.count)


def work_retry(*, scope: Scope, person: User, key: str = "") -> int:
    """Try again what failed in this scope (for one reason, by its key); the number of stages."""
    failed = _failed(scope)
    with transaction.atomic():
        if not key:
            tried = stages.retry_these(stages=failed)
        else:
            tried = sum(stages.retry_these(stages=part) for part in _of_reason(failed, key))
        if tried:
            audit.record(person, "work.retry", scope.step or "everything", number=tried)
    return tried


def _failed(scope: Scope) -> QuerySet[Stage]:
    return scope.stages().filter(state=Stage.State.FAILED)


def _of_reason(failed: QuerySet[Stage], key: str) -> Iterator[QuerySet[Stage]]:
    """Those that failed for this reason, some sentences at a time."""
    told = failed.order_by().values_list("step", "error").distinct()
    alike = [(step, error) for step, error in told if _key(step, error) == key]
    for start in range(0, len(alike), AT_ONCE):
        errors = [error for _, error in alike[start : start + AT_ONCE]]
        yield failed.filter(step=alike[0][0], error__in=errors)


def _key(step: str, error: str) -> str:
    return hashlib.sha256(f"{step} {reason_of(error)}".encode()).hexdigest()[:16]
