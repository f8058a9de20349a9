"""Dates as people write them: each is a period of whole days, [start, end).

Seasons are the meteorological ones of the northern hemisphere: spring begins on 1 March, summer on 1 June, autumn on
1 September, winter on 1 December (so that winter 2023 ends with February 2024). Weeks begin on Monday. "Last" is the
latest that is over: in July, "last summer" is the summer of the year before.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

FIRST_PHOTOGRAPH = 1826  # View from the Window at Le Gras
LONGEST_DATE = 3  # words: "14 July 2023"

_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_SEASONS = {"spring": 3, "summer": 6, "autumn": 9, "fall": 9, "winter": 12}  # the month each begins with
_MONTH_NUMBERS = {name[:length]: number for number, name in enumerate(_MONTHS, 1) for length in (3, len(name))}
_MONTH_NUMBERS["sept"] = 9
_DAYS_OF_WEEK = 7
_MONTHS_OF_YEAR = 12
_MONTHS_OF_SEASON = 3

_YEAR = r"(?P<year>[12]\d{3})"
_DAY = r"(?P<day>\d{1,2})"
_NUMBERS = re.compile(rf"{_YEAR}(?:([-/.])(?P<month>\d{{1,2}})(?:\2{_DAY})?)?", re.ASCII)
_NAMED_DAY = re.compile(rf"(?:{_DAY}(?:st|nd|rd|th)? )?(?P<name>[a-z]+) {_YEAR}", re.ASCII)
_NAMED_DAY_AMERICAN = re.compile(rf"(?P<name>[a-z]+) {_DAY}(?:st|nd|rd|th)? {_YEAR}", re.ASCII)
_FULL = re.compile(r"[12]\d{3}-\d\d-\d\d", re.ASCII)

# What may stand before a date in a sentence, and the filter that it means.
_PREPOSITIONS = {"in": "on", "on": "on", "from": "on", "before": "before", "after": "after"}
# After these, the date is more than a day or a month to be within; rather leave it to the person.
_OPEN_ENDED = {"since", "until", "till", "to", "by", "than", "and", "or", "not", "except", "through"}


@dataclass(frozen=True)
class Period:
    """The days from `start` on, up to but without `end`."""

    start: date
    end: date


@dataclass(frozen=True)
class Trailing:
    """A date that ends some words: how many of them it takes, and the filter that says the same."""

    words: int
    field: str
    value: str
    period: Period


def read_period(text: str, *, today: date) -> Period | None:
    """The days that a text means, None where it isn't a date that we can read."""
    words = re.sub(r"[\s,_]+", " ", text).strip().lower()
    if numbers := _NUMBERS.fullmatch(words):
        month, day = (int(numbers[part]) if numbers[part] else None for part in ("month", "day"))
        return _from_numbers(int(numbers["year"]), month, day)
    words = words.replace("-", " ")
    named = _NAMED_DAY.fullmatch(words) or _NAMED_DAY_AMERICAN.fullmatch(words)
    if not named:
        return _relative(words, today)
    name, year = named["name"], int(named["year"])
    if not named["day"]:
        return _named(name, year)
    return _from_numbers(year, _MONTH_NUMBERS[name], int(named["day"])) if name in _MONTH_NUMBERS else None


def trailing_date(words: Sequence[str], *, today: date) -> Trailing | None:
    """The date at the end of free words, only where it can hardly be anything else.

    That is a month's name with a year, with or without a day, or a full date in numbers; since the first photograph
    and not in the future. "In" and "from" before it belong to it; "before" and "after" say which filter it is.
    """
    for count in range(min(LONGEST_DATE, len(words)), 0, -1):
        text = " ".join(words[-count:])
        period = read_period(text, today=today)
        if period is None or period.start > today or period.start.year < FIRST_PHOTOGRAPH:
            continue
        if not (_FULL.fullmatch(text) or _names_month_and_year(text)):
            continue
        before = words[-count - 1].lower() if len(words) > count else ""
        if before in _OPEN_ENDED:
            return None
        is_day = period.end - period.start == timedelta(days=1)
        value = period.start.isoformat() if is_day else f"{period.start:%Y-%m}"
        return Trailing(count + (before in _PREPOSITIONS), _PREPOSITIONS.get(before, "on"), value, period)
    return None


def _names_month_and_year(text: str) -> bool:
    parts = re.split(r"[\s,_-]+", text.lower())
    return parts[-1].isdecimal() and any(part in _MONTH_NUMBERS for part in parts)


def _from_numbers(year: int, month: int | None, day: int | None) -> Period | None:
    if month is None:
        return _months(year, 1, _MONTHS_OF_YEAR)
    if not 1 <= month <= _MONTHS_OF_YEAR:
        return None
    if day is None:
        return _months(year, month, 1)
    try:
        return _days(date(year, month, day), 1)
    except ValueError:
        return None


def _named(name: str, year: int) -> Period | None:
    """A month, a season or Christmas of a year."""
    if name in _MONTH_NUMBERS:
        return _months(year, _MONTH_NUMBERS[name], 1)
    if name in _SEASONS:
        return _months(year, _SEASONS[name], _MONTHS_OF_SEASON)
    if name in ("christmas", "xmas"):
        return _days(date(year, 12, 24), 3)
    return None


def _relative(words: str, today: date) -> Period | None:
    """Today, yesterday, and "last" or "this" of something."""
    if words in ("today", "yesterday"):
        return _days(today - timedelta(days=words == "yesterday"), 1)
    which, _, name = words.partition(" ")
    return _recent(name, today, is_last=which == "last") if which in ("last", "this") else None


def _recent(name: str, today: date, *, is_last: bool) -> Period | None:
    """The last one that is over, or the one that today is in, or else the one of this year."""
    if name == "week":
        return _days(today - timedelta(days=today.weekday() + is_last * _DAYS_OF_WEEK), _DAYS_OF_WEEK)
    if name == "month":
        day = today.replace(day=1) - timedelta(days=is_last)
        return _months(day.year, day.month, 1)
    if name == "year":
        return _months(today.year - is_last, 1, _MONTHS_OF_YEAR)
    candidates = [period for back in range(3) if (period := _named(name, today.year - back))]
    if is_last:
        return next((period for period in candidates if period.end <= today), None)
    running = (period for period in candidates if period.start <= today < period.end)
    return next(running, candidates[0] if candidates else None)


def _days(start: date, count: int) -> Period:
    return Period(start, start + timedelta(days=count))


def _months(year: int, month: int, count: int) -> Period:
    years, last = divmod(month - 1 + count, _MONTHS_OF_YEAR)
    return Period(date(year, month, 1), date(year + years, last + 1, 1))
