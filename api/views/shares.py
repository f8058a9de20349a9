"""With whom an album is shared: members, who have an account, and links, for whoever has them."""

from typing import Any, ClassVar
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import ErrorDetail, Throttled
from rest_framework.request import Request
from rest_framework.response import Response

from api import pagination
from api.base import ApiView, person_of
from api.exceptions import Conflict
from api.fields import PageQuery, read_body, read_query
from api.schema import PageSchema
from api.serializers.shares import (
    LinkChangeSerializer,
    LinkSerializer,
    LinkWishSerializer,
    MemberSerializer,
    MemberWishSerializer,
    RoleSerializer,
)
from gallery.exceptions import NotShared, TriedTooOften
from gallery.links import link_change, link_create, link_revoke, links_of
from gallery.models import Album, AlbumLink, AlbumMember
from gallery.permissions import MANAGE, album_for
from gallery.sharing import member_add, member_remove, member_set_role, members_of

SHARE = {"get": "share", "post": "share", "patch": "share", "delete": "share"}


class _OfAlbum(ApiView):
    scopes: ClassVar[dict[str, str]] = SHARE

    def album(self, request: Request, uuid: UUID) -> Album:
        """Of one's own, or to be managed. Raises Http404."""
        return album_for(viewer=person_of(request), uuid=uuid, at_least=MANAGE)


class Members(_OfAlbum):
    """Who sees an album."""

    @extend_schema(
        operation_id="members_list", parameters=[PageQuery], responses=PageSchema.of(MemberSerializer), tags=["shares"]
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        """The members of an album that you may manage, by when they came."""
        query = read_query(request, PageQuery)
        return pagination.page(
            request,
            members_of(self.album(request, uuid)),
            order=pagination.Order("pk", descending=False),
            size=query["limit"],
            represent=lambda members: MemberSerializer(members, many=True).data,
        )

    @extend_schema(
        operation_id="members_add", request=MemberWishSerializer, responses={201: MemberSerializer}, tags=["shares"]
    )
    def post(self, request: Request, uuid: UUID) -> Response:
        """Shares an album with somebody who has an account. 409 where nobody is called so, or they see it already."""
        album, wish = self.album(request, uuid), read_body(request, MemberWishSerializer)
        try:
            member = member_add(album=album, by=person_of(request), **wish)
        except TriedTooOften as refusal:
            error = Throttled()
            error.detail = ErrorDetail(str(refusal), code="throttled")
            raise error from refusal
        except NotShared as refusal:
            raise Conflict(str(refusal)) from refusal
        return Response(MemberSerializer(member).data, status=status.HTTP_201_CREATED)


class OneMember(_OfAlbum):
    """Somebody who sees an album."""

    @extend_schema(operation_id="members_update", request=RoleSerializer, responses=MemberSerializer, tags=["shares"])
    def patch(self, request: Request, uuid: UUID, username: str) -> Response:
        """Lets a member do more or less."""
        member = _member(self.album(request, uuid), username)
        role = read_body(request, RoleSerializer).get("role", member.role)
        member_set_role(member=member, by=person_of(request), role=role)
        return Response(MemberSerializer(_member(member.album, username)).data)

    @extend_schema(operation_id="members_remove", responses={204: None}, tags=["shares"])
    def delete(self, request: Request, uuid: UUID, username: str) -> Response:
        """Shares the album with them no longer; their pictures leave it with them."""
        member_remove(member=_member(self.album(request, uuid), username), by=person_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


class Links(_OfAlbum):
    """Addresses by which whoever has them sees an album."""

    @extend_schema(
        operation_id="links_list", parameters=[PageQuery], responses=PageSchema.of(LinkSerializer), tags=["shares"]
    )
    def get(self, request: Request, uuid: UUID) -> Response:
        """The links of an album that you may manage which still hold, the newest first."""
        query = read_query(request, PageQuery)
        return pagination.page(
            request,
            links_of(self.album(request, uuid)),
            size=query["limit"],
            represent=lambda links: LinkSerializer(links, many=True, context={"request": request}).data,
        )

    @extend_schema(
        operation_id="links_create", request=LinkWishSerializer, responses={201: LinkSerializer}, tags=["shares"]
    )
    def post(self, request: Request, uuid: UUID) -> Response:
        """Makes a link to an album."""
        album, wish = self.album(request, uuid), read_body(request, LinkWishSerializer)
        _check_end(wish)
        link = link_create(album=album, by=person_of(request), **wish)
        return Response(LinkSerializer(link, context={"request": request}).data, status=status.HTTP_201_CREATED)


class OneLink(_OfAlbum):
    """A link to an album."""

    @extend_schema(operation_id="links_update", request=LinkChangeSerializer, responses=LinkSerializer, tags=["shares"])
    def patch(self, request: Request, uuid: UUID, pk: int) -> Response:
        """Says something else of a link that you made; its address stays. 409 where it would have expired already."""
        link, wish = _link(self.album(request, uuid), pk), read_body(request, LinkChangeSerializer)
        _check_end(wish)
        if "password" in wish:
            wish["password"] = wish["password"] or ""
        link_change(link=link, by=person_of(request), **wish)
        changed = _link(link.album, pk)
        return Response(LinkSerializer(changed, context={"request": request}).data)

    @extend_schema(operation_id="links_revoke", responses={204: None}, tags=["shares"])
    def delete(self, request: Request, uuid: UUID, pk: int) -> Response:
        """Revokes a link: nobody sees the album by it any more."""
        link_revoke(link=_link(self.album(request, uuid), pk), by=person_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)


def _check_end(wish: dict[str, Any]) -> None:
    if wish.get("expires_at") and wish["expires_at"] <= timezone.now():
        raise Conflict("The link would have expired already.")


def _link(album: Album, pk: int) -> AlbumLink:
    link = album.links.select_related("album", "created_by").filter(pk=pk).first()
    if link is None:
        raise Http404
    return link


def _member(album: Album, username: str) -> AlbumMember:
    member = members_of(album).filter(person__username=username).select_related("person", "album").first()
    if member is None:
        raise Http404
    return member
