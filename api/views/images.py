"""Pictures: lists, one of them, and its bytes."""

from typing import ClassVar
from uuid import UUID

from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api import pagination
from api.base import ApiView, viewer_of
from api.fields import FieldChoice, PageQuery, only, read_query
from api.schema import PageSchema
from api.serializers.images import ImagePartSerializer, ImageSerializer, prefetched, represent_image, represent_images
from gallery.models import Image
from gallery.permissions import reachable_image
from gallery.views import media


class ImageListQuery(PageQuery):
    """Which pictures, in which order, and what of them."""

    fields = FieldChoice(ImageSerializer)


class Images(ApiView):
    """Pictures that one may see."""

    open_to_strangers: ClassVar[bool] = True

    @extend_schema(
        operation_id="images_list", parameters=[ImageListQuery], responses=PageSchema.of(ImagePartSerializer)
    )
    def get(self, request: Request) -> Response:
        """Your pictures and everybody's public ones, the newest first."""
        query = read_query(request, ImageListQuery)
        return pagination.page(
            request,
            prefetched(Image.objects.listed_for(viewer_of(request))),
            order=pagination.Order("sort_date"),
            size=query["limit"],
            represent=lambda images: only(represent_images(request, images), query.get("fields")),
        )


class OneImage(ApiView):
    """A picture."""

    open_to_strangers: ClassVar[bool] = True

    @extend_schema(operation_id="images_retrieve", responses=ImageSerializer)
    def get(self, request: Request, uuid: UUID) -> Response:
        """A picture that you may see: your own, a public one, or one shared by link."""
        image = reachable_image(viewer=viewer_of(request), uuid=uuid)
        return Response(represent_image(request, image))


class RenditionBytes(ApiView):
    """The bytes of a rendition."""

    open_to_strangers: ClassVar[bool] = True

    @extend_schema(
        operation_id="images_rendition",
        responses={(200, "image/webp"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, uuid: UUID, kind: str) -> HttpResponseBase:
        """A smaller WebP of a picture, without metadata."""
        return media.rendition(request._request, uuid, kind)


class OriginalBytes(ApiView):
    """The bytes of an original."""

    @extend_schema(
        operation_id="images_original",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, uuid: UUID) -> HttpResponseBase:
        """The file exactly as it was uploaded, with what it tells of its place: for the owner."""
        return media.original(request._request, uuid)
