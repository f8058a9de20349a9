"""Pictures: lists of them, new ones, and one of them."""

from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from api import pagination
from api.base import ApiView, person_of, viewer_of
from api.etags import etag_of, if_match
from api.exceptions import Conflict
from api.fields import only, read_body, read_query
from api.idempotency import PARAMETER as IDEMPOTENCY_KEY
from api.idempotency import once
from api.schema import IF_MATCH, PageSchema
from api.selectors import images_filtered
from api.serializers.image_queries import (
    ORDERS,
    DeleteQuery,
    ImageChangeSerializer,
    ImageFilters,
    NewImageSerializer,
    OneImageQuery,
)
from api.serializers.images import (
    ImagePartSerializer,
    ImageSerializer,
    prefetched,
    represent_image,
    represent_images,
)
from gallery import services
from gallery.details import image_set_place, image_set_taken
from gallery.favourites import favourites_add, favourites_remove
from gallery.models import Image, User
from gallery.permissions import owned_image, reachable_image
from gallery.purge import trash_purge
from gallery.trash import images_trash, trash_of
from gallery.tries import uploads_check


class Images(ApiView):
    """Pictures that one may see."""

    open_to_strangers: ClassVar[bool] = True
    parser_classes = (MultiPartParser,)
    throttle_scope: ClassVar[str] = "upload"
    throttled_methods: ClassVar[tuple[str, ...]] = ("POST",)

    @extend_schema(operation_id="images_list", parameters=[ImageFilters], responses=PageSchema.of(ImagePartSerializer))
    def get(self, request: Request) -> Response:
        """Your pictures, everybody's public ones and those shared with you; the newest first unless told otherwise."""
        query = read_query(request, ImageFilters)
        viewer = viewer_of(request)
        images = images_filtered(images=Image.objects.listed_for(viewer), viewer=viewer, wanted=query)
        return pagination.page(
            request,
            prefetched(images),
            order=ORDERS[query["order"]],
            size=query["limit"],
            represent=lambda found: only(represent_images(request, found), query.get("fields")),
        )

    @extend_schema(
        operation_id="images_create",
        parameters=[IDEMPOTENCY_KEY],
        request={"multipart/form-data": NewImageSerializer},
        responses={201: ImageSerializer, 200: ImageSerializer},
    )
    def post(self, request: Request) -> Response:
        """Takes a picture in. 201: it is new; 200: you had a picture of the very same bytes, which is answered.

        Captions and vectors come later: `state` says when.
        """
        said = read_body(request, NewImageSerializer)
        file = said["file"]

        def create() -> Response:
            uploads_check(owner=person_of(request))
            creation = services.image_create(
                owner=person_of(request), file=file, file_name=file.name, visibility=said["visibility"]
            )
            data = represent_image(request, creation.image)
            code = status.HTTP_201_CREATED if creation.created else status.HTTP_200_OK
            return Response(data, status=code, headers={"Location": data["url"]})

        return once(request, [file, file.name, said["visibility"]], create)


class OneImage(ApiView):
    """A picture."""

    open_to_strangers: ClassVar[bool] = True

    @extend_schema(operation_id="images_retrieve", parameters=[OneImageQuery], responses=ImagePartSerializer)
    def get(self, request: Request, uuid: UUID) -> Response:
        """A picture that you may see: your own, a public one, or one shared with you or by link."""
        query = read_query(request, OneImageQuery)
        data = represent_image(request, reachable_image(viewer=viewer_of(request), uuid=uuid))
        fields = query.get("fields")
        return Response(only(data, fields), headers={"ETag": etag_of(data, fields)})

    @extend_schema(
        operation_id="images_update",
        parameters=[IF_MATCH],
        request=ImageChangeSerializer,
        responses=ImageSerializer,
    )
    def patch(self, request: Request, uuid: UUID) -> Response:
        """Changes what you say of a picture of yours; what isn't named stays."""
        image = owned_image(viewer=viewer_of(request), uuid=uuid)
        said = read_body(request, ImageChangeSerializer)
        with if_match(request, image, lambda: represent_image(request, image)), transaction.atomic():
            _change(image, person_of(request), said)
        data = represent_image(request, image)
        return Response(data, headers={"ETag": etag_of(data)})

    @extend_schema(operation_id="images_delete", parameters=[DeleteQuery, IF_MATCH], responses={204: None})
    def delete(self, request: Request, uuid: UUID) -> Response:
        """Moves a picture of yours to the trash; with `permanent=true`, takes it from there for good."""
        person = person_of(request)
        if read_query(request, DeleteQuery)["permanent"]:
            _purge(request, uuid)
        else:
            image = owned_image(viewer=person, uuid=uuid)
            with if_match(request, image, lambda: represent_image(request, image)):
                images_trash(images=[image], by=person)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _change(image: Image, person: User, said: dict[str, Any]) -> None:
    if "title" in said or "notes" in said:
        services.image_set_words(
            image=image, title=said.get("title", image.title), notes=said.get("notes", image.notes)
        )
    if "place" in said:
        image_set_place(image=image, place=said["place"])
    if "taken_at" in said:
        image_set_taken(image=image, taken_at=said["taken_at"])
    if "visibility" in said:
        services.image_set_visibility(image=image, visibility=said["visibility"])
    if "favourite" in said:
        change = favourites_add if said["favourite"] else favourites_remove
        change(person=person, images=Image.objects.filter(pk=image.pk))


def _purge(request: Request, uuid: UUID) -> None:
    person = person_of(request)
    image = Image.with_trash.filter(owner=person, uuid=uuid).first()
    if image is None:
        raise Http404
    with if_match(request, image, lambda: represent_image(request, image)):
        if not trash_purge(owner=person, images=trash_of(person).filter(pk=image.pk)):
            raise Conflict("Only what lies in the trash is deleted for good. Delete it first without permanent=true.")
