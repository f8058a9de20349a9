"""Captions: their history, writing and judging them, and all of them as a table."""

from contextlib import closing
from typing import Any, ClassVar
from uuid import UUID

from django.conf import settings
from django.http import Http404, StreamingHttpResponse
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from api import pagination
from api.base import ApiView, person_of
from api.exceptions import Conflict, TooLarge, Unprocessable
from api.fields import PageQuery, read_body, read_query
from api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from api.idempotency import once
from api.parsers import CsvParser, JsonLinesParser, ZipParser
from api.schema import PageSchema
from api.serializers.captions import (
    CaptionSerializer,
    CaptionWishSerializer,
    ImportQuery,
    ImportSerializer,
    JudgementOfCaptionSerializer,
    RecaptionSerializer,
    RequeuedSerializer,
    TableQuery,
    TableSerializer,
)
from captioning import services
from captioning.again import STEP, captions_ask
from captioning.describers import describer_called, labels
from captioning.exceptions import BadCaption, BadTable, CaptionChanged
from captioning.imports import captions_import
from captioning.models import Caption
from captioning.tables import csv_of, jsonl_of
from gallery import stages
from gallery.models import Image, Stage, User
from gallery.permissions import owned_image

TABLES: dict[str, tuple[Any, str]] = {
    "csv": (csv_of, "text/csv; charset=utf-8"),
    "jsonl": (jsonl_of, "application/jsonl"),
}
IMPORT_EXAMPLES = [
    OpenApiExample(
        "CSV", "file_name,caption\nboat.jpg,Our boat in the harbour\n", media_type="text/csv", request_only=True
    ),
    OpenApiExample(
        "JSON Lines",
        '{"file_name": "boat.jpg", "caption": "Our boat in the harbour"}\n',
        media_type="application/jsonl",
        request_only=True,
    ),
]


class Captions(ApiView):
    """What was said of one of one's own pictures."""

    @extend_schema(operation_id="captions_list", parameters=[PageQuery], responses=PageSchema.of(CaptionSerializer))
    def get(self, request: Request, uuid: UUID) -> Response:
        """Everything that was said of a picture of yours, the newest first."""
        query = read_query(request, PageQuery)
        image = owned_image(viewer=person_of(request), uuid=uuid)
        return _page(request, Caption.objects.filter(image=image), size=query["limit"])

    @extend_schema(operation_id="captions_create", request=CaptionWishSerializer, responses={201: CaptionSerializer})
    def post(self, request: Request, uuid: UUID) -> Response:
        """Says what a picture of yours shows; no model replaces that. A model's own words, sent back, are approved."""
        wish = read_body(request, CaptionWishSerializer)
        image = owned_image(viewer=person_of(request), uuid=uuid)
        try:
            caption = services.caption_write_by_person(
                image_id=image.pk, author=person_of(request), text=wish["text"], before=wish["before"]
            )
        except BadCaption as problem:
            raise ValidationError({"text": [str(problem)]}) from problem
        except CaptionChanged as problem:
            raise Conflict(f"{problem} Read it again.", code="caption_changed") from problem
        except Image.DoesNotExist:
            raise Http404 from None
        return Response(_one(caption), status=status.HTTP_201_CREATED)


class OneCaption(ApiView):
    """A caption of the history of one of one's own pictures."""

    @extend_schema(operation_id="captions_judge", request=JudgementOfCaptionSerializer, responses=CaptionSerializer)
    def post(self, request: Request, uuid: UUID, pk: int) -> Response:
        """Chooses, approves, rejects or reopens a caption."""
        wish = read_body(request, JudgementOfCaptionSerializer)
        image = owned_image(viewer=person_of(request), uuid=uuid)
        caption = Caption.objects.filter(image=image, pk=pk).first()
        if caption is None:
            raise Http404
        if wish["do"] != "choose" and caption.source != Caption.Source.MODEL:
            raise Conflict("People's captions are not judged: choose another one, or write one.", code="not_a_models")
        try:
            _judge(caption, person_of(request), wish)
        except CaptionChanged as problem:
            raise Conflict(f"{problem} Read it again.", code="caption_changed") from problem
        except (Image.DoesNotExist, Caption.DoesNotExist):
            raise Http404 from None
        return Response(_one(caption))


class CaptionsToReview(ApiView):
    """What models say of one's own pictures, where nobody has judged it."""

    @extend_schema(
        operation_id="captions_to_review", parameters=[PageQuery], responses=PageSchema.of(CaptionSerializer)
    )
    def get(self, request: Request) -> Response:
        """Captions of your pictures that nobody has judged yet, the unsure ones first."""
        query = read_query(request, PageQuery)
        captions = Caption.objects.to_review().filter(image__owner=person_of(request), image__trashed_at=None)
        return _page(request, captions, size=query["limit"], order=pagination.Order("unsure"))


class CaptionTable(ApiView):
    """All captions of one's own."""

    @extend_schema(
        operation_id="captions_export",
        parameters=[TableQuery],
        responses={(200, "text/csv"): OpenApiTypes.STR, (200, "application/jsonl"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> StreamingHttpResponse:
        """The captions of all your pictures as CSV or JSON Lines, sent as they are read: see docs/captions.md."""
        table = read_query(request, TableQuery)["table"]
        make, content_type = TABLES[table]
        disposition = f'attachment; filename="captions.{table}"'
        return StreamingHttpResponse(
            make(person_of(request)), content_type=content_type, headers={"Content-Disposition": disposition}
        )


class CaptionImport(ApiView):
    """Captions of one's own pictures, out of a table or sidecars."""

    parser_classes = (MultiPartParser, CsvParser, JsonLinesParser, ZipParser)
    throttle_scope: ClassVar[str] = "upload"

    @extend_schema(
        operation_id="captions_import",
        parameters=[ImportQuery, IDEMPOTENCY_KEY],
        request={
            "multipart/form-data": TableSerializer,
            "text/csv": OpenApiTypes.STR,
            "application/jsonl": OpenApiTypes.STR,
            "application/zip": OpenApiTypes.BINARY,
        },
        responses=ImportSerializer,
        examples=IMPORT_EXAMPLES,
    )
    def post(self, request: Request) -> Response:
        """Takes the captions of a table, CSV or JSON Lines, or of a ZIP archive of XMP sidecars for yours: see
        docs/captions.md. What you wrote or approved stays, unless `replace`; what was said before stands in the
        history. A request writes so many at most: where some are `left`, send the same again."""
        query = read_query(request, ImportQuery)
        table = read_body(request, TableSerializer)["table"]

        def take() -> Response:
            try:
                report = captions_import(
                    owner=person_of(request),
                    file=table,
                    replace=query["replace"],
                    most=settings.GALLERY_LIMITS["table_captions"],
                )
            except BadTable as problem:
                raise Unprocessable(str(problem), code="no_table") from problem
            return Response(ImportSerializer(report).data)

        with closing(table):
            if table.size > settings.GALLERY_LIMITS["bytes"]:
                raise TooLarge("This file is too large. Part it.")
            return once(request, [table, query["replace"]], take)


class Recaption(ApiView):
    """Having one's own picture described again."""

    throttle_scope: ClassVar[str] = "caption"

    @extend_schema(operation_id="captions_regenerate", request=RecaptionSerializer, responses={202: RequeuedSerializer})
    def post(self, request: Request, uuid: UUID) -> Response:
        """Has the worker describe a picture of yours again, by today's model; what people said of it stays. Another
        `model` says it beside what was said, to choose from, and so does any that is to `begin` with words of yours."""
        wish = read_body(request, RecaptionSerializer)
        image = owned_image(viewer=person_of(request), uuid=uuid)
        describer = describer_called(wish.get("model") or labels()[0], begin=wish.get("begin", ""))
        if describer is None:
            raise Unprocessable(f"There is no such captioner. There are: {', '.join(labels())}.", code="model_unknown")
        priority = Stage.Priority.INTERACTIVE
        if describer.is_own and not describer.begin:
            opened = stages.requeue(image_ids=[image.pk], step=STEP, priority=priority)
        else:
            opened = captions_ask(image_ids=[image.pk], describer=describer, priority=priority)
        look_at = reverse("api:captions", args=[image.uuid])
        return Response(
            {"steps": opened, "model": describer.label, "captions": request.build_absolute_uri(look_at)},
            status=status.HTTP_202_ACCEPTED,
            headers={"Location": look_at},
        )


def _judge(caption: Caption, person: User, wish: dict[str, Any]) -> None:
    """Raises CaptionChanged, or what the services raise where it is gone."""
    before = wish["before"]
    if wish["do"] == "reject":
        services.caption_reject(caption=caption, person=person, before=before)
    elif wish["do"] == "reopen":
        services.caption_reopen(caption=caption, before=before)
    else:
        services.caption_choose(caption=caption, person=person, before=before)


def _one(caption: Caption) -> Any:
    with_all = Caption.objects.select_related("image", "author", "reviewed_by")
    return CaptionSerializer(with_all.get(pk=caption.pk)).data


def _page(request: Request, captions: Any, *, size: int, order: pagination.Order = pagination.NEWEST) -> Response:
    return pagination.page(
        request,
        captions.select_related("image", "author", "reviewed_by"),
        order=order,
        size=size,
        represent=lambda rows: CaptionSerializer(rows, many=True).data,
    )
