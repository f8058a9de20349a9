"""Albums, and the pictures in them."""

from typing import Any
from uuid import UUID

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from api import pagination
from api.base import ApiView, person_of, viewer_of
from api.etags import etag_of, if_match
from api.fields import PageQuery, read_body, read_query
from api.schema import IF_MATCH, PageSchema
from api.selectors import album_places, albums_with_front
from api.serializers.albums import (
    ALBUM_ORDERS,
    AddedSerializer,
    AlbumChangeSerializer,
    AlbumSerializer,
    AlbumsQuery,
    AlbumTitleSerializer,
    MoveSerializer,
    PicturesSerializer,
)
from api.serializers.images import ImageSerializer, represent_images
from gallery.albums import (
    album_add,
    album_create,
    album_place,
    album_remove,
    album_rename,
    album_set_cover,
)
from gallery.albums_deleted import album_delete
from gallery.models import Album, Image
from gallery.permissions import ADD, MANAGE, album_for, owned_album


class Albums(ApiView):
    """Albums that one may see."""

    @extend_schema(operation_id="albums_list", parameters=[AlbumsQuery], responses=PageSchema.of(AlbumSerializer))
    def get(self, request: Request) -> Response:
        """Your albums and those shared with you, the last changed first unless told otherwise."""
        query = read_query(request, AlbumsQuery)
        return pagination.page(
            request,
            albums_with_front(viewer=viewer_of(request)),
            order=ALBUM_ORDERS[query["order"]],
            size=query["limit"],
            represent=lambda albums: AlbumSerializer(albums, many=True, context={"request": request}).data,
        )

    @extend_schema(operation_id="albums_create", request=AlbumTitleSerializer, responses={201: AlbumSerializer})
    def post(self, request: Request) -> Response:
        """Makes an album. Two of them may have one title."""
        album = album_create(owner=person_of(request), title=read_body(request, AlbumTitleSerializer)["title"])
        data = _represent(request, album)
        return Response(data, status=status.HTTP_201_CREATED, headers={"Location": data["url"]})


class OneAlbum(ApiView):
    """An album."""

    @extend_schema(operation_id="albums_retrieve", responses=AlbumSerializer)
    def get(self, request: Request, uuid: UUID) -> Response:
        """An album of yours, or one shared with you."""
        return _answer(request, album_for(viewer=viewer_of(request), uuid=uuid))

    @extend_schema(
        operation_id="albums_update", parameters=[IF_MATCH], request=AlbumChangeSerializer, responses=AlbumSerializer
    )
    def patch(self, request: Request, uuid: UUID) -> Response:
        """Gives an album another title, or another picture in front. Of yours, or one that you may manage."""
        album = album_for(viewer=viewer_of(request), uuid=uuid, at_least=MANAGE)
        said = read_body(request, AlbumChangeSerializer)
        cover = _in_album(album, said["cover"]) if "cover" in said else None
        with if_match(request, album, lambda: _represent(request, album)):
            if "title" in said:
                album_rename(album=album, title=said["title"], by=viewer_of(request))
            if cover is not None:
                album_set_cover(album=album, image=cover, by=viewer_of(request))
        return _answer(request, album)

    @extend_schema(operation_id="albums_delete", parameters=[IF_MATCH], responses={204: None})
    def delete(self, request: Request, uuid: UUID) -> Response:
        """Moves an album of yours to the trash; its pictures stay."""
        album = owned_album(viewer=viewer_of(request), uuid=uuid)
        with if_match(request, album, lambda: _represent(request, album)):
            album_delete(album=album, by=viewer_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class AlbumImages(ApiView):
    """The pictures in an album."""

    @extend_schema(
        operation_id="albums_images", parameters=[PageQuery], responses=PageSchema.of(ImageSerializer), tags=["albums"]
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        """The pictures of an album, in its order."""
        query = read_query(request, PageQuery)
        album = album_for(viewer=viewer_of(request), uuid=uuid)
        return pagination.page(
            request,
            album_places(album=album),
            order=pagination.Order("position", descending=False),
            size=query["limit"],
            represent=lambda places: represent_images(request, [place.image for place in places]),
        )

    @extend_schema(operation_id="albums_add", request=PicturesSerializer, responses=AddedSerializer, tags=["albums"])
    def post(self, request: Request, uuid: UUID) -> Response:
        """Puts pictures of yours at the end of an album that you may add to, the oldest first."""
        person = person_of(request)
        album = album_for(viewer=person, uuid=uuid, at_least=ADD)
        images = Image.objects.filter(owner=person, uuid__in=read_body(request, PicturesSerializer)["images"])
        return Response({"changed": len(album_add(album=album, images=images, by=person))})


class RemoveFromAlbum(ApiView):
    """Pictures out of an album."""

    @extend_schema(operation_id="albums_remove", request=PicturesSerializer, responses=AddedSerializer, tags=["albums"])
    def post(self, request: Request, uuid: UUID) -> Response:
        """Takes pictures out of an album: any of one that you may manage, else your own. They stay in the library."""
        person = person_of(request)
        album = album_for(viewer=person, uuid=uuid, at_least=ADD)
        images = Image.objects.filter(uuid__in=read_body(request, PicturesSerializer)["images"])
        return Response({"changed": len(album_remove(album=album, images=images, by=person).positions)})


class MoveInAlbum(ApiView):
    """The order of an album."""

    @extend_schema(operation_id="albums_move", request=MoveSerializer, responses={204: None}, tags=["albums"])
    def post(self, request: Request, uuid: UUID) -> Response:
        """Puts a picture of an album where another is, which makes room."""
        person = person_of(request)
        album = album_for(viewer=person, uuid=uuid, at_least=MANAGE)
        said = read_body(request, MoveSerializer)
        image, other = _in_album(album, said["image"]), _in_album(album, said["place_of"])
        album_place(album=album, image=image, other=other, by=person)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _in_album(album: Album, uuid: UUID) -> Image:
    image = Image.objects.filter(albums=album, uuid=uuid).first()
    if image is None:
        raise Http404
    return image


def _represent(request: Request, album: Album) -> dict[str, Any]:
    found = albums_with_front(viewer=viewer_of(request)).filter(pk=album.pk).first()
    if found is None:  # deleted meanwhile
        raise Http404
    return dict(AlbumSerializer(found, context={"request": request}).data)


def _answer(request: Request, album: Album) -> Response:
    data = _represent(request, album)
    return Response(data, headers={"ETag": etag_of(data)})
