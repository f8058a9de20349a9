"""What is said of pictures, for those who run the place."""

from typing import Any, cast

from django.contrib import admin
from django.http import HttpRequest

from captioning import services
from captioning.models import Caption
from gallery.admin import AuditedMixin, ModelAdmin, ThumbnailMixin
from gallery.models import User


@admin.register(Caption)
class CaptionAdmin(ThumbnailMixin, AuditedMixin, ModelAdmin):
    """A caption that is saved here becomes what its picture is said to show; what was said before is kept."""

    list_display = (
        "thumbnail",
        "text",
        "source",
        "model",
        "confidence",
        "unsure",
        "is_current",
        "author",
        "created_at",
    )
    list_display_links = ("thumbnail", "text")
    list_filter = ("source", "is_current", "unsure", "model", "created_at")
    list_select_related = ("image", "author")
    search_fields = ("text", "image__file_name", "image__uuid", "author__username")
    ordering = ("-pk",)
    autocomplete_fields = ("image",)
    fields = (
        "thumbnail",
        "image",
        "text",
        "source",
        "model",
        "author",
        "confidence",
        "unsure",
        "is_current",
        "created_at",
    )

    def get_fields(self, request: HttpRequest, obj: Caption | None = None) -> tuple[str, ...]:
        return ("image", "text") if obj is None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Caption | None = None) -> tuple[str, ...]:
        return () if obj is None else tuple(name for name in self.fields if name != "text")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # captions are a history; they go with their picture

    def save_model(self, request: HttpRequest, obj: Caption, form: Any, change: bool) -> None:
        kept = services.caption_write_by_person(image_id=obj.image_id, author=cast(User, request.user), text=obj.text)
        obj.pk = kept.pk  # what the admin logs and goes on to show is the person's caption
