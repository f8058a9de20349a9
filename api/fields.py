"""Fields that take JSON for what it is: a number is no text, and "yes" is not true. A caller who sends the wrong thing
hears of it, instead of having it turned into another."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework import serializers
from rest_framework.request import Request

from api.pagination import MOST, SIZE
from gallery.names import printable, tidy

# A character that shows, for schemas; what decides is gallery.names.tidy.
HIDDEN = (
    r"\s\u0000-\u001F\u007F-\u009F\u00AD\u0600-\u0605\u061C\u06DD\u070F\u0890\u0891\u08E2\u180E"
    r"\u200B-\u200F\u2028-\u202F\u2060-\u206F\u3000\uFEFF\uFFF9-\uFFFB"
)


class _Words(serializers.CharField):
    pattern = f"[^{HIDDEN}]"  # if it may not be blank

    def check(self, data: Any) -> None:
        """Raises ValidationError for what is no text, or too long a one."""
        if not isinstance(data, str):
            self.fail("invalid")
        if self.max_length is not None and len(data) > self.max_length:  # as it was sent, which is what callers count
            raise serializers.ValidationError(f"At most {self.max_length} characters.")


class Text(_Words):
    """Lines of text, in Unicode NFC and without what can't be printed but line breaks."""

    def to_internal_value(self, data: Any) -> str:
        self.check(data)
        lines = super().to_internal_value(data).replace("\r\n", "\n").split("\n")
        text = "\n".join(printable(line) for line in lines)
        if not self.allow_blank and not text.strip():
            self.fail("blank")
        return text


class WebAddress(Text):
    """Where something may be sent; whether it may, services decide."""

    pattern = r"^[Hh][Tt][Tt][Pp][Ss]?://[^/\s]"


class Name(_Words):
    """A name that people give, as it is kept: see gallery.names.tidy."""

    def to_internal_value(self, data: Any) -> str:
        self.check(data)
        name = tidy(super().to_internal_value(data))
        if not name and not self.allow_blank:
            self.fail("blank")
        return name


class TagName(Name):
    """The name of a tag. Commas part tags where people type several."""

    pattern = f"^[^,]*[^,{HIDDEN}][^,]*$"

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        if "," in name:
            raise serializers.ValidationError("A tag has no comma: commas part tags.")
        return name


class Moment(serializers.DateTimeField):
    """A time as RFC 3339 has it, with its offset from UTC, of the years 1000 to 8999."""

    PATTERN = r"^[1-8]\d{3}-\d\d-\d\d[Tt]\d\d:\d\d:[0-5]\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$"

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or not re.match(self.PATTERN, value, re.ASCII):
            raise serializers.ValidationError("A time is written as 2026-05-04T12:30:00Z, with its offset from UTC.")
        return super().to_internal_value(value)


class Flag(serializers.BooleanField):
    """true or false; in an address too."""

    _WORDS: dict[Any, bool] = {"true": True, "false": False}  # noqa: RUF012  # never changed

    def to_internal_value(self, data: Any) -> bool:
        if isinstance(data, bool):
            return data
        if isinstance(self.parent, Query) and data in self._WORDS:
            return self._WORDS[data]
        self.fail("invalid", input=data)


class Number(serializers.IntegerField):
    """A whole number; in an address as digits."""

    def to_internal_value(self, data: Any) -> int:
        is_query = isinstance(self.parent, Query)
        if isinstance(data, bool) or not isinstance(data, str if is_query else int):
            self.fail("invalid")
        return super().to_internal_value(data)


class Decimal(serializers.FloatField):
    """A number."""

    def to_internal_value(self, data: Any) -> float:
        is_query = isinstance(self.parent, Query)
        if isinstance(data, bool) or not isinstance(data, str if is_query else int | float):
            self.fail("invalid")
        value = super().to_internal_value(data)
        if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124  # NaN
            self.fail("invalid")
        return value


class Id(serializers.UUIDField):
    """A UUID as it is written in addresses."""

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class Query(serializers.Serializer[Any]):
    """What may be said behind the question mark of an address."""

    def to_internal_value(self, data: Any) -> Any:
        # a QueryDict is taken for a form by REST framework, in which what is absent may be false
        single = {name: data.get(name) for name in self.fields if name in data}
        many = {
            name: data.getlist(name)
            for name, field in self.fields.items()
            if name in data and isinstance(field, serializers.ListField | serializers.MultipleChoiceField)
        }
        return super().to_internal_value({**single, **many})


class Form(Query):
    """What the parts of a form say: text as well, but for files. An empty one says nothing, which is not the same as
    to be absent."""


class PageQuery(Query):
    """Which page of a list, and how long it is."""

    cursor = serializers.RegexField(
        r"^[A-Za-z0-9_-]+$", required=False, help_text="From `next` or `previous` of another page."
    )
    limit = Number(required=False, min_value=1, max_value=MOST, default=SIZE, help_text="Results on a page.")


class Choice(serializers.ChoiceField):
    """One of a few words; whoever says another one hears which there are."""

    def __init__(self, choices: Any, **kwargs: Any) -> None:
        super().__init__(choices, **kwargs)
        self.error_messages["invalid_choice"] = f"“{{input}}” is none of these: {', '.join(map(str, self.choices))}."


class FieldChoice(serializers.CharField):
    """Names of fields, separated by commas; each must be one of a serializer's."""

    def __init__(self, serializer: type[serializers.Serializer[Any]], **kwargs: Any) -> None:
        self.names = list(serializer().fields)
        self.pattern = f"^({'|'.join(self.names)})(,({'|'.join(self.names)}))*$"
        kwargs.setdefault("help_text", f"Answer with these alone, separated by commas: {', '.join(self.names)}.")
        super().__init__(required=False, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        names = super().to_internal_value(data).split(",")
        if unknown := [name for name in names if name not in self.names]:
            there_are = ", ".join(self.names)
            raise serializers.ValidationError(f"There is no field called “{unknown[0]}”. There are: {there_are}.")
        return names


def read_query(request: Request, query: type[Query]) -> dict[str, Any]:
    """What the address asks for. Raises ValidationError."""
    serializer = query(data=request.query_params, context={"request": request})
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def read_body(request: Request, serializer: type[serializers.Serializer[Any]], **options: Any) -> dict[str, Any]:
    """What the body says. Raises ValidationError."""
    given = serializer(data=request.data, context={"request": request}, **options)
    given.is_valid(raise_exception=True)
    return dict(given.validated_data)


def only(data: Any, names: Iterable[str] | None) -> Any:
    """The representation with these fields alone; all where none are named."""
    if names is None:
        return data
    if isinstance(data, list):
        return [only(each, names) for each in data]
    return {name: data[name] for name in names if name in data}
