"""What the API says of itself: OpenAPI 3, from the views and their serializers."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from api.permissions import scope_of
from api.problems import MEDIA_TYPE

PROBLEM = {
    "description": "What went wrong.",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
PIECE = "application/offset+octet-stream"
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "Which kind of problem; for programs."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What happened and what to do next; for people."},
        "instance": {"type": "string", "description": "The path that was asked for."},
        "errors": {"type": "object", "additionalProperties": True, "description": "Sentences by field."},
    },
}


IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of what you have seen: 412 where it has changed since. Without it, nothing is checked.",
)


class Schema(AutoSchema):
    """Says of each operation which token it wants, and whether strangers may use it."""

    view: Any  # an api.base.ApiView

    def get_auth(self) -> list[dict[str, Any]]:
        auth = super().get_auth()
        if self.view.session_only:
            auth = [each for each in auth if "token" not in each]
        if self.view.open_to_strangers and self.method == "GET":
            auth.append({})
        return auth

    def get_description(self) -> str:  # type: ignore[override]  # as drf-spectacular has it
        said = super().get_description()
        needs = [] if self.view.session_only else [f"Scope: `{scope_of(self.view, self.method)}`."]
        if self.view.session_only:
            needs.append("With a session alone.")
        if self.view.staff_may:
            needs.append("For staff.")
        return "\n\n".join(part for part in (said, " ".join(needs)) if part)


def say_problems(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Every error is a problem, whatever the operation: the `default` answer."""
    schemas = result["components"].setdefault("schemas", {})
    schemas["Problem"] = PROBLEM_SCHEMA
    for name, schema in schemas.items():
        if name.endswith("Part"):  # what `?fields=` leaves of a thing
            schema.pop("required", None)
    for operations in result["paths"].values():
        for operation in operations.values():
            operation["responses"].setdefault("default", PROBLEM)
            for answer in operation["responses"].values():
                answer.setdefault("description", "")
            body = operation.get("requestBody", {})
            if {PIECE, "text/csv"} & body.get("content", {}).keys():  # which drf-spectacular takes for optional
                body["required"] = True
    return result


def parameters_of(view: Any, method: str) -> list[str] | None:
    """What this method of a view takes behind the question mark, as it is described; None where nothing is."""
    described = getattr(getattr(view, method.lower(), None), "kwargs", {}).get("schema")
    if described is None:
        return None
    schema, names = described(), []
    schema.view = view
    for parameter in schema.get_override_parameters():
        if not isinstance(parameter, OpenApiParameter):
            names += parameter().fields
        elif parameter.location == OpenApiParameter.QUERY:
            names.append(parameter.name)
    return names


class _FieldChoiceSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "api.fields.FieldChoice"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"type": "string", "pattern": self.target.pattern}


class _NameSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "api.fields.Name"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        longest = self.target.max_length
        schema = {"type": "string"} if longest is None else {"type": "string", "maxLength": longest}
        return schema if self.target.allow_blank else {**schema, "pattern": self.target.pattern}


class _TextSchema(_NameSchema):  # type: ignore[no-untyped-call]
    target_class = "api.fields.Text"
    match_subclasses = True


class _MomentSchema(OpenApiSerializerFieldExtension):  # type: ignore[no-untyped-call]
    target_class = "api.fields.Moment"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        return {"type": "string", "format": "date-time", "pattern": "^[1-8]"}


class PageSchema:
    """Makes the schema of a page of something, once each."""

    _made: dict[type[serializers.Serializer[Any]], type[serializers.Serializer[Any]]] = {}  # noqa: RUF012  # a cache

    @classmethod
    def of(cls, serializer: type[serializers.Serializer[Any]]) -> type[serializers.Serializer[Any]]:
        if serializer not in cls._made:
            fields = {
                "next": serializers.URLField(allow_null=True, help_text="The next page."),
                "previous": serializers.URLField(allow_null=True, help_text="The page before."),
                "results": serializer(many=True),
            }
            name = f"{serializer.__name__.removesuffix('Serializer')}Page"
            cls._made[serializer] = type(name, (serializers.Serializer,), {**fields, "__doc__": "A page of a list."})
        return cls._made[serializer]
