"""How people order pictures and share them."""

from typing import Any

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from gallery.admin.base import PicturesCountedMixin, ReadOnlyAdmin, thumbnail_of
from gallery.models import Album, AlbumLink, AlbumMember, Tag


@admin.register(Tag)
class TagAdmin(PicturesCountedMixin, ReadOnlyAdmin):
    list_display = ("name", "owner", "pictures")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username")
    ordering = ("key", "pk")
    fields = ("name", "owner", "pictures")
    readonly_fields = ("pictures",)


@admin.register(Album)
class AlbumAdmin(PicturesCountedMixin, ReadOnlyAdmin):
    list_display = ("thumbnail", "title", "owner", "pictures", "created_at", "updated_at")
    list_display_links = ("thumbnail", "title")
    list_select_related = ("owner",)
    search_fields = ("title", "owner__username", "uuid")
    ordering = ("-pk",)
    fields = ("title", "owner", "pictures", "uuid", "created_at", "updated_at")
    readonly_fields = ("pictures",)

    @admin.display(description=_("cover"))
    def thumbnail(self, album: Album) -> SafeString | str:
        return thumbnail_of(album.cover_id) if album.cover_id else ""


@admin.register(AlbumMember)
class AlbumMemberAdmin(ReadOnlyAdmin):
    """Whom albums are shared with."""

    list_display = ("album", "person", "role", "created_at")
    list_filter = ("role", "created_at")
    list_select_related = ("album", "person")
    search_fields = ("album__title", "person__username")
    ordering = ("-pk",)
    fields = ("album", "person", "role", "created_at")


@admin.register(AlbumLink)
class AlbumLinkAdmin(ReadOnlyAdmin):
    """Albums that are shown to whoever has an address. Never the key in it, nor the password: staff don't look in."""

    list_display = ("album", "label", "is_public", "has_password", "allows_download", "expires_at", "created_by")
    list_filter = ("is_public", "allows_download", "expires_at", "created_at")
    list_select_related = ("album", "created_by")
    search_fields = ("album__title", "label", "created_by__username")
    ordering = ("-pk",)
    fields = (*list_display, "created_at")
    readonly_fields = ("has_password",)

    @admin.display(description=_("has password"), boolean=True)
    def has_password(self, link: Any) -> bool:
        return bool(link.password)
