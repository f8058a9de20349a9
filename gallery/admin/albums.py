"""How people order pictures and share them."""

from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from gallery.admin.base import FrontMixin, ReadOnlyAdmin
from gallery.albums import front_of
from gallery.models import Album, AlbumLink, AlbumMember, ImageTag, Tag


@admin.register(Tag)
class TagAdmin(FrontMixin, ReadOnlyAdmin):
    """With the newest of its pictures."""

    list_display = ("thumbnail", "name", "owner", "pictures")
    list_display_links = ("thumbnail", "name")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username")
    ordering = ("key", "pk")
    fields = ("thumbnail", "name", "owner", "pictures")
    readonly_fields = ("thumbnail", "pictures")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tag]:
        kept = ImageTag.objects.filter(tag=OuterRef("pk"), image__trashed_at=None)
        tags: QuerySet[Tag] = super().get_queryset(request)
        return tags.annotate(front_id=Subquery(kept.order_by("-image").values("image")[:1]))


@admin.register(Album)
class AlbumAdmin(FrontMixin, ReadOnlyAdmin):
    list_display = ("thumbnail", "title", "owner", "pictures", "created_at", "updated_at")
    view_on_site = False  # it is shown to its members
    list_display_links = ("thumbnail", "title")
    list_select_related = ("owner",)
    search_fields = ("title", "owner__username", "uuid")
    ordering = ("-pk",)
    fields = ("thumbnail", "title", "owner", "pictures", "uuid", "created_at", "updated_at")
    readonly_fields = ("thumbnail", "pictures")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Album]:
        albums: QuerySet[Album] = super().get_queryset(request)
        return albums.annotate(front_id=front_of())


class OfAlbumMixin(FrontMixin):
    """With the picture in front of its album."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]  # a mixin of ModelAdmin
        fronted: QuerySet[Any] = rows.annotate(front_id=front_of("album", "album__cover"))
        return fronted


@admin.register(AlbumMember)
class AlbumMemberAdmin(OfAlbumMixin, ReadOnlyAdmin):
    """Whom albums are shared with."""

    list_display = ("thumbnail", "album", "person", "role", "created_at")
    list_display_links = ("thumbnail", "album")
    list_filter = ("role", "created_at")
    list_select_related = ("album", "person")
    search_fields = ("album__title", "person__username")
    ordering = ("-pk",)
    fields = ("thumbnail", "album", "person", "role", "created_at")
    readonly_fields = ("thumbnail",)


@admin.register(AlbumLink)
class AlbumLinkAdmin(OfAlbumMixin, ReadOnlyAdmin):
    """Albums that are shown to whoever has an address. Never the key in it, nor the password: staff don't look in."""

    list_display = (
        "thumbnail",
        "album",
        "label",
        "is_public",
        "has_password",
        "allows_download",
        "expires_at",
        "created_by",
    )
    list_display_links = ("thumbnail", "album")
    list_filter = ("is_public", "allows_download", "expires_at", "created_at")
    list_select_related = ("album", "created_by")
    search_fields = ("album__title", "label", "created_by__username")
    ordering = ("-pk",)
    fields = (*list_display, "created_at")
    readonly_fields = ("thumbnail", "has_password")

    @admin.display(description=_("has password"), boolean=True)
    def has_password(self, link: Any) -> bool:
        return bool(link.password)
