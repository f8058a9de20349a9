"""What belongs to a picture: its bytes, the work on it, its tags, hearts, and the trash."""

from typing import ClassVar
from uuid import UUID

from django.http import Http404
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from api import pagination
from api.base import ApiView, person_of, viewer_of
from api.fields import PageQuery, read_body, read_query
from api.schema import PageSchema
from api.serializers.image_queries import TagChangesSerializer
from api.serializers.images import (
    AddressSerializer,
    AddressWishSerializer,
    EmptiedSerializer,
    ImageSerializer,
    RenditionSerializer,
    RetriedSerializer,
    TagNamesSerializer,
    WorkSerializer,
    prefetched,
    represent_image,
    represent_images,
    represent_renditions,
    represent_work,
)
from gallery import stages
from gallery.favourites import favourites_add, favourites_remove
from gallery.models import Image
from gallery.permissions import may_change, owned_image, reachable_image
from gallery.purge import trash_empty
from gallery.signed import ORIGINAL, address_sign
from gallery.tags import images_tag, images_untag
from gallery.trash import images_restore, trash_of
from gallery.views import media


class Renditions(ApiView):
    """The smaller files by which a picture is shown."""

    open_to_strangers: ClassVar[bool] = True

    @extend_schema(operation_id="renditions_list", responses=RenditionSerializer(many=True), tags=["images"])
    def get(self, request: Request, uuid: UUID) -> Response:
        """The renditions that the worker has made so far, and where their bytes are."""
        return Response(represent_renditions(request, reachable_image(viewer=viewer_of(request), uuid=uuid)))


class RenditionBytes(ApiView):
    """The bytes of a rendition."""

    open_to_strangers: ClassVar[bool] = True

    @extend_schema(
        operation_id="renditions_bytes", responses={(200, "image/webp"): OpenApiTypes.BINARY}, tags=["images"]
    )
    def get(self, request: Request, uuid: UUID, kind: str) -> HttpResponseBase:
        """A smaller WebP of a picture, without metadata."""
        return media.rendition(request._request, uuid, kind)


class OriginalBytes(ApiView):
    """The bytes of an original."""

    @extend_schema(
        operation_id="originals_bytes",
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
        tags=["images"],
    )
    def get(self, request: Request, uuid: UUID) -> HttpResponseBase:
        """The file exactly as it was uploaded, with what it tells of its place: for the owner."""
        return media.original(request._request, uuid)


class Address(ApiView):
    """An address that opens a file of a picture without a token."""

    scopes: ClassVar[dict[str, str]] = {"post": "share"}

    @extend_schema(
        operation_id="images_address",
        request=AddressWishSerializer,
        responses={201: AddressSerializer},
        tags=["images"],
    )
    def post(self, request: Request, uuid: UUID) -> Response:
        """Gives a file of a picture away for a while: whoever has the address sees it, as long as you may. Of an
        original, to its owner alone."""
        wish, person = read_body(request, AddressWishSerializer), person_of(request)
        find = owned_image if wish["kind"] == ORIGINAL else reachable_image
        signed = address_sign(image=find(viewer=person, uuid=uuid), by=person, **wish)
        data = {"url": request.build_absolute_uri(signed.path), "expires_at": signed.expires_at}
        return Response(AddressSerializer(data).data, status=status.HTTP_201_CREATED)


class Work(ApiView):
    """The work on a picture."""

    open_to_strangers: ClassVar[bool] = True

    @extend_schema(operation_id="images_work", responses=WorkSerializer, tags=["images"])
    def get(self, request: Request, uuid: UUID) -> Response:
        """How far the work on a picture is, step by step. Why a step failed, its owner is told."""
        image = reachable_image(viewer=viewer_of(request), uuid=uuid)
        return Response(represent_work(image, is_owner=may_change(viewer=viewer_of(request), image=image)))


class Retry(ApiView):
    """Work that failed."""

    @extend_schema(operation_id="images_retry", request=None, responses=RetriedSerializer, tags=["images"])
    def post(self, request: Request, uuid: UUID) -> Response:
        """Has what failed on a picture of yours tried again."""
        image = owned_image(viewer=viewer_of(request), uuid=uuid)
        return Response({"retried": stages.retry(image=image)})


class ImageTags(ApiView):
    """The tags of a picture."""

    open_to_strangers: ClassVar[bool] = True

    @extend_schema(operation_id="images_tags", responses=TagNamesSerializer, tags=["images"])
    def get(self, request: Request, uuid: UUID) -> Response:
        """The names of a picture's tags."""
        return _tags(reachable_image(viewer=viewer_of(request), uuid=uuid))

    @extend_schema(
        operation_id="images_tag", request=TagChangesSerializer, responses=TagNamesSerializer, tags=["images"]
    )
    def post(self, request: Request, uuid: UUID) -> Response:
        """Puts tags on a picture of yours, and takes others off; what it has by then."""
        person = person_of(request)
        image = owned_image(viewer=person, uuid=uuid)
        said = read_body(request, TagChangesSerializer)
        images = Image.objects.filter(pk=image.pk)
        if said["add"]:
            images_tag(owner=person, images=images, names=said["add"])
        for name in said["remove"]:
            images_untag(owner=person, images=images, name=name)
        return _tags(image)


def _tags(image: Image) -> Response:
    return Response({"names": list(image.tags.order_by("key").values_list("name", flat=True))})


class Heart(ApiView):
    """Whether one likes a picture."""

    @extend_schema(operation_id="favourites_add", request=None, responses={204: None}, tags=["images"])
    def put(self, request: Request, uuid: UUID) -> Response:
        """Puts your heart on a picture that you may see."""
        image = reachable_image(viewer=viewer_of(request), uuid=uuid)
        favourites_add(person=person_of(request), images=Image.objects.filter(pk=image.pk))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(operation_id="favourites_remove", responses={204: None}, tags=["images"])
    def delete(self, request: Request, uuid: UUID) -> Response:
        """Takes your heart off it."""
        image = reachable_image(viewer=viewer_of(request), uuid=uuid)
        favourites_remove(person=person_of(request), images=Image.objects.filter(pk=image.pk))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Trash(ApiView):
    """One's own trash."""

    @extend_schema(operation_id="trash_list", parameters=[PageQuery], responses=PageSchema.of(ImageSerializer))
    def get(self, request: Request) -> Response:
        """What lies in your trash, the last thrown away first."""
        query = read_query(request, PageQuery)
        return pagination.page(
            request,
            prefetched(trash_of(person_of(request))),
            order=pagination.Order("trashed_at"),
            size=query["limit"],
            represent=lambda images: represent_images(request, images),
        )

    @extend_schema(operation_id="trash_empty", responses={200: EmptiedSerializer})
    def delete(self, request: Request) -> Response:
        """Empties your trash for good; of very many, the oldest first: ask again while some are left."""
        person = person_of(request)
        return Response({"deleted": trash_empty(owner=person), "left": trash_of(person).count()})


class Restore(ApiView):
    """A picture out of the trash."""

    @extend_schema(operation_id="images_restore", request=None, responses=ImageSerializer, tags=["images"])
    def post(self, request: Request, uuid: UUID) -> Response:
        """Takes a picture of yours out of the trash, back to the albums that it was in."""
        person = person_of(request)
        image = Image.with_trash.filter(owner=person, uuid=uuid).first()
        if image is None:
            raise Http404
        images_restore(images=[image], by=person)
        return Response(represent_image(request, image))
