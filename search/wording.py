"""How models, and the parts of a query, are put into words."""

from datetime import timedelta
from decimal import Decimal

from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from search.models import ModelVersion
from search.query.dates import Period, read_period
from search.query.terms import Filter, Text

STATES = {
    ModelVersion.State.ADDED: _("added"),
    ModelVersion.State.BUILDING: _("building"),
    ModelVersion.State.ACTIVE: _("active"),
    ModelVersion.State.RETIRED: _("retired"),
}

# What a filter lets through, to stand behind "not" as well.
FILTERS = {
    "tag": _("tagged %(value)s"),
    "album": _("in album %(value)s"),
    "by": _("by %(value)s"),
    "camera": _("camera %(value)s"),
    "place": _("place %(value)s"),
    "text": _("text “%(value)s”"),
}
CHOICES = {
    ("by", "me"): _("by me"),
    ("orientation", "portrait"): pgettext_lazy("orientation of a picture", "portrait"),
    ("orientation", "landscape"): pgettext_lazy("orientation of a picture", "landscape"),
    ("orientation", "square"): pgettext_lazy("orientation of a picture", "square"),
    ("is", "unsure"): _("unsurely described"),
    ("is", "animated"): _("animated"),
    ("is", "favourite"): _("my favourites"),
    ("is", "private"): _("private"),
    ("is", "shared"): _("shared by link"),
    ("is", "shared-with-me"): _("shared with me"),
    ("is", "public"): _("public"),
}
DATES = {
    ("on", "day"): _("on %(day)s"),
    ("on", "month"): _("in %(month)s"),
    ("on", "year"): _("in %(year)s"),
    ("before", "day"): _("before %(day)s"),
    ("before", "month"): _("before %(month)s"),
    ("before", "year"): _("before %(year)s"),
    ("after", "day"): _("after %(day)s"),
    ("after", "month"): _("after %(month)s"),
    ("after", "year"): _("after %(year)s"),
}
SEASONS = {  # by the months that they begin with
    3: _("spring %(year)s"),
    6: _("summer %(year)s"),
    9: _("autumn %(year)s"),
    12: _("winter %(year)s"),
}
_YEAR, _SEASON, _MONTH = 12, 3, 1  # months


def state_word(version: ModelVersion) -> str:
    """The state of a version, in a word."""
    return str(STATES[ModelVersion.State(version.state)])


def part_in_words(part: Text | Filter) -> str:
    """A part of a query as people would say it: "landscape", "before June 2024", "not tagged beach"."""
    what = _filter(part) if isinstance(part, Filter) else _text(part)
    if part.sign == "-":
        return gettext("not %(what)s") % {"what": what}
    return gettext("with %(what)s") % {"what": what} if part.sign == "+" and isinstance(part, Text) else what


def weighed(what: str, weight: float) -> str:
    """With how much it counts, where that was said."""
    if weight == 1:
        return what
    return gettext("%(what)s, weight %(weight)s") % {"what": what, "weight": number_format(Decimal(f"{weight:g}"))}


def _text(part: Text) -> str:
    return weighed(gettext("“%(words)s”") % {"words": part.words} if part.exact else part.words, part.weight)


def _filter(part: Filter) -> str:
    period = part.period or read_period(part.value, today=timezone.localdate())
    if part.field in ("on", "before", "after") and period is not None:
        return _date(part.field, period)
    sentence = CHOICES.get((part.field, part.value.lower())) or FILTERS.get(part.field)
    return str(sentence % {"value": part.value}) if sentence else str(part)


def _date(field: str, period: Period) -> str:
    unit, said = _unit(period)
    if unit:
        return str(DATES[field, unit] % {unit: said})
    first, last = period.start, period.end - timedelta(days=1)
    if field == "on":
        days = {"first": date_format(first, "DATE_FORMAT"), "last": date_format(last, "DATE_FORMAT")}
        return gettext("%(first)s to %(last)s") % days
    return str(DATES[field, "day"] % {"day": date_format(first if field == "before" else last, "DATE_FORMAT")})


def _unit(period: Period) -> tuple[str, str]:
    """Which of the units of DATES the period is, and which day, month (a season counts as one) or year; "" if none."""
    start, end = period.start, period.end
    if end - start == timedelta(days=1):
        return "day", date_format(start, "DATE_FORMAT")
    months = (end.year - start.year) * _YEAR + end.month - start.month if start.day == end.day == 1 else 0
    if months == _YEAR and start.month == 1:
        return "year", str(start.year)
    if months == _MONTH:
        return "month", date_format(start, "YEAR_MONTH_FORMAT")
    if months == _SEASON and start.month in SEASONS:
        year = f"{start.year}/{end:%y}" if end.year != start.year else start.year
        return "month", str(SEASONS[start.month] % {"year": year})
    return "", ""
