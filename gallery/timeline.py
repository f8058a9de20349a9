"""When pictures were taken, month by month: dates to jump along in a long grid."""

import json
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import groupby
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Subquery
from django.db.models.expressions import RawSQL
from django.utils import timezone

from gallery.models import Image, ImageQuerySet, Tally, User

# The first photograph. What claims to be older, or to come from the future, has a wrong clock, and no month here.
FIRST_YEAR = 1826

# People whose timelines a process keeps, each some tens of kilobytes.
KEPT = 100

# SQLite compares dates as the texts that Django writes.
_MONTHS = {
    "postgresql": "unnest(%s::text[], %s::timestamptz[], %s::timestamptz[]) AS month(name, starts, ends)",
    "sqlite": (
        "(SELECT json_extract(value, '$[0]') AS name, json_extract(value, '$[1]') AS starts,"
        " json_extract(value, '$[2]') AS ends FROM json_each(%s)) AS month"
    ),
}


@dataclass(frozen=True)
class Month:
    """`pictures`: how many there are of it."""

    first_day: date
    pictures: int

    @property
    def name(self) -> str:
        """As it stands in addresses: 2023-07."""
        return f"{self.first_day:%Y-%m}"


@dataclass(frozen=True)
class Year:
    """The months of a year that have pictures, latest first."""

    year: int
    months: list[Month]

    @property
    def pictures(self) -> int:
        return sum(month.pictures for month in self.months)


def timeline(images: ImageQuerySet) -> list[Year]:
    """The years and months of `images`, latest first. Two SQL statements, both answered by an index alone.

    Months are those of the site's time zone.
    """
    by_date = images.order_by("sort_date")
    newest = Subquery(images.order_by("-sort_date").values("sort_date")[:1])
    ends = by_date.annotate(newest=newest).values_list("sort_date", "newest").first()
    if ends is None:
        return []
    counted = _count(images, _months_between(*ends))
    months = [Month(first_day, pictures) for first_day, pictures in counted if pictures]
    return [Year(year, list(some)) for year, some in groupby(months, key=lambda month: month.first_day.year)]


def timeline_of(owner: User) -> tuple[Year, ...]:
    """The timeline of a person's own pictures, counted again only after one of them came, went or changed its date, or
    after midnight, which ends it. One SQL statement more or, where it is kept, no other."""
    versions = Tally.objects.filter(owner=owner).order_by("version").values_list("version", flat=True)
    # asked for before the pictures: what changes between the two makes these versions old, not the timeline
    return _timeline_of(owner.pk, tuple(versions), timezone.get_current_timezone_name(), timezone.localdate())


@lru_cache(KEPT)
def _timeline_of(owner_id: int, *_as_of: object) -> tuple[Year, ...]:
    return tuple(timeline(Image.objects.filter(owner=owner_id)))


def month_ends(name: str) -> datetime | None:
    """The moment at which the month called so (2023-07) is over; None where that is no month."""
    try:
        first_day = datetime.strptime(name, "%Y-%m").date()  # noqa: DTZ007  (a date has no zone)
    except ValueError:
        return None
    return _midnight(_next(first_day)) if first_day.year < MAXYEAR else None


def _months_between(oldest: datetime, newest: datetime) -> list[date]:
    """The first days of the months from `newest` back to `oldest`."""
    first = max(timezone.localtime(oldest).date().replace(day=1), date(FIRST_YEAR, 1, 1))
    last = min(timezone.localtime(newest).date(), timezone.localdate() + timedelta(days=366))
    months = []
    while first <= last:
        months.append(first)
        first = _next(first)
    return months[::-1]


def _count(images: ImageQuerySet, months: list[date]) -> list[tuple[date, int]]:
    """How many pictures there are of each month: for each, a look into the index."""
    bounds = [(f"{first:%Y-%m-%d}", _midnight(first), _midnight(_next(first))) for first in months]
    of_month = images.filter(sort_date__gte=RawSQL("month.starts", []), sort_date__lt=RawSQL("month.ends", []))
    try:
        sql, params = of_month.order_by().values("pk").query.sql_with_params()
    except EmptyResultSet:
        return []
    statement = f"SELECT name, (SELECT count(*) FROM ({sql}) AS found) FROM {_MONTHS[connection.vendor]}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [*params, *_parameters(bounds)])
        return [(date.fromisoformat(name), pictures) for name, pictures in cursor.fetchall()]


def _parameters(bounds: list[tuple[str, datetime, datetime]]) -> list[str | list[Any]]:
    if connection.vendor == "postgresql":
        return [list(column) for column in zip(*bounds, strict=True)] or [[], [], []]
    adapt = connection.ops.adapt_datetimefield_value
    return [json.dumps([(name, str(adapt(starts)), str(adapt(ends))) for name, starts, ends in bounds])]


def _next(first_day: date) -> date:
    return (first_day + timedelta(days=32)).replace(day=1)


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min)).astimezone(UTC)
