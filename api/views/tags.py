"""One's own tags."""

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from api import pagination
from api.base import ApiView, person_of
from api.etags import etag_of, if_match
from api.exceptions import Conflict
from api.fields import PageQuery, read_body, read_query
from api.schema import IF_MATCH, PageSchema
from api.serializers.albums import TagMergeSerializer, TagNameSerializer, TagSerializer
from gallery.models import Tag, User
from gallery.tags import tag_delete, tag_rename, tags_of


class Tags(ApiView):
    """Words on one's own pictures."""

    @extend_schema(operation_id="tags_list", parameters=[PageQuery], responses=PageSchema.of(TagSerializer))
    def get(self, request: Request) -> Response:
        """Your tags that any picture has, by name. A new one comes to be when a picture gets it."""
        query = read_query(request, PageQuery)
        return pagination.page(
            request,
            tags_of(person_of(request)),
            order=pagination.Order("key", descending=False),
            size=query["limit"],
            represent=lambda tags: TagSerializer(tags, many=True).data,
        )


class OneTag(ApiView):
    """One of one's tags."""

    @extend_schema(operation_id="tags_retrieve", responses=TagSerializer)
    def get(self, request: Request, pk: int) -> Response:
        """A tag of yours."""
        return _answer(_own(person_of(request), pk))

    @extend_schema(
        operation_id="tags_rename", parameters=[IF_MATCH], request=TagNameSerializer, responses=TagSerializer
    )
    def patch(self, request: Request, pk: int) -> Response:
        """Gives a tag of yours another name. Where another one has it, the two become that one, which is answered."""
        person = person_of(request)
        tag = _own(person, pk)
        name = read_body(request, TagNameSerializer).get("name", tag.name)
        with if_match(request, tag, lambda: _represent(_own(person, pk))):
            renamed = tag_rename(tag=tag, name=name).tag
        return _answer(_own(person, renamed.pk))

    @extend_schema(operation_id="tags_delete", parameters=[IF_MATCH], responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Takes a tag of yours off all pictures; the pictures stay."""
        person = person_of(request)
        tag = _own(person, pk)
        with if_match(request, tag, lambda: _represent(_own(person, pk))):
            tag_delete(tag=tag)
        return Response(status=status.HTTP_204_NO_CONTENT)


class MergeTag(ApiView):
    """Two tags that mean the same."""

    @extend_schema(operation_id="tags_merge", request=TagMergeSerializer, responses=TagSerializer, tags=["tags"])
    def post(self, request: Request, pk: int) -> Response:
        """Puts another tag of yours on all pictures of this one, which is gone then; the other one is answered."""
        person = person_of(request)
        tag = _own(person, pk)
        into = _own(person, read_body(request, TagMergeSerializer)["into"])
        if into.pk == tag.pk:
            raise Conflict("A tag can't be merged into itself.")
        return _answer(_own(person, tag_rename(tag=tag, name=into.name).tag.pk))


def _own(person: User, pk: int) -> Tag:
    tag = tags_of(person).filter(pk=pk).first()
    if tag is None:
        raise Http404
    return tag


def _represent(tag: Tag) -> dict[str, object]:
    return dict(TagSerializer(tag).data)


def _answer(tag: Tag) -> Response:
    data = _represent(tag)
    return Response(data, headers={"ETag": etag_of(data)})
