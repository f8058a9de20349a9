"""Searching: by words, by parts, by a picture; what may be meant, and where in a picture it is."""

from typing import Any, ClassVar
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import ApiView, viewer_of
from api.busy import model_turn
from api.exceptions import Unprocessable
from api.fields import read_body, read_query
from api.searching import offset_of, query_from, represent
from api.sent import sent_picture
from api.serializers.search import (
    GridSerializer,
    HeatQuery,
    SearchByBox,
    SearchByPictureSerializer,
    SearchSerializer,
    SearchWishSerializer,
    SuggestionsSerializer,
    SuggestQuery,
)
from gallery.permissions import reachable_image
from search.exceptions import NoHeat
from search.query.answer import search_images
from search.query.explain import heat_map, question
from search.query.parse import parse
from search.suggest import suggestions


class Search(ApiView):
    """Pictures by words: as one types them, or in parts."""

    open_to_strangers: ClassVar[bool] = True
    scopes: ClassVar[dict[str, str]] = {"post": "read"}
    throttle_scope: ClassVar[str] = "search"

    @extend_schema(operation_id="search", parameters=[SearchByBox], responses=SearchSerializer)
    def get(self, request: Request) -> Response:
        """Pictures that you may see and that fit best, by the text of the search box."""
        query = read_query(request, SearchByBox)
        return Response(_found(request, query, query["q"]))

    @extend_schema(operation_id="search_in_parts", request=SearchWishSerializer, responses=SearchSerializer)
    def post(self, request: Request) -> Response:
        """The same by a query in parts, in which nothing is taken for anything else."""
        wish = read_body(request, SearchWishSerializer)
        return Response(_found(request, wish, query_from(wish)))


class SearchByPicture(ApiView):
    """Pictures like one that is sent along."""

    scopes: ClassVar[dict[str, str]] = {"post": "read"}
    throttle_scope: ClassVar[str] = "search"
    parser_classes = (MultiPartParser,)

    @extend_schema(operation_id="search_by_picture", request=SearchByPictureSerializer, responses=SearchSerializer)
    def post(self, request: Request) -> Response:
        """Pictures that look like one that you send along; it is kept nowhere."""
        wish = read_body(request, SearchByPictureSerializer)
        offset = offset_of(wish.get("cursor", ""))
        with model_turn():
            picture = sent_picture(wish["picture"])
            result = search_images(
                viewer=viewer_of(request), query=wish["q"], limit=wish["limit"], offset=offset, picture=picture
            )
        return Response(represent(request, result, offset=offset, explain=wish["explain"], has_picture=True))


class Suggestions(ApiView):
    """What may be meant while somebody types."""

    open_to_strangers: ClassVar[bool] = True
    throttle_scope: ClassVar[str] = "search"

    @extend_schema(operation_id="search_suggestions", parameters=[SuggestQuery], responses=SuggestionsSerializer)
    def get(self, request: Request) -> Response:
        """Ways to go on from what stands in the box, from what you may see and your own past searches."""
        query = read_query(request, SuggestQuery)
        found = suggestions(viewer=viewer_of(request), text=query["q"])
        names = ("kind", "text", "label", "note", "is_whole")
        return Response({"suggestions": [{name: getattr(each, name) for name in names} for each in found]})


class Heat(ApiView):
    """Where in a picture the words are."""

    throttle_scope: ClassVar[str] = "caption"  # it encodes a picture, as describing one does

    @extend_schema(operation_id="images_heat", parameters=[HeatQuery], responses=GridSerializer)
    def get(self, request: Request, uuid: UUID) -> Response:
        """Where a picture is like the words: it says where, not how much."""
        query = read_query(request, HeatQuery)
        image = reachable_image(viewer=viewer_of(request), uuid=uuid)
        try:
            asked = question(image=image, query=parse(query["q"], today=timezone.localdate()))
            with model_turn():
                grid = heat_map(asked)
        except NoHeat as reason:
            raise Unprocessable(str(reason), code="no_heat") from reason
        rows, columns = grid.shape
        values = [round(float(value), 3) for value in grid.ravel()]
        return Response({"text": asked.text, "rows": rows, "columns": columns, "values": values})


def _found(request: Request, wish: dict[str, Any], query: Any) -> dict[str, Any]:
    offset = offset_of(wish.get("cursor", ""))
    result = search_images(viewer=viewer_of(request), query=query, limit=wish["limit"], offset=offset)
    return represent(
        request, result, offset=offset, explain=wish["explain"], has_picture=False, fields=wish.get("fields")
    )
