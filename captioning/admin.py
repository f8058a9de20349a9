"""What is said of pictures, for those who run the place."""

from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from captioning import services
from captioning.models import Caption
from gallery.admin import AuditedMixin, ModelAdmin, ThumbnailMixin, do_again
from gallery.models import Image, User

CAPTION_STEP = "caption"


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
    actions = ("caption_again",)
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

    @admin.action(description="Caption their pictures again, by today's captioner", permissions=["change"])
    def caption_again(self, request: HttpRequest, queryset: QuerySet[Caption]) -> HttpResponse:
        """Filtered by another model, all of what that one captioned. What a person wrote or approved stays current."""
        images = Image.objects.filter(pk__in=queryset.order_by().values("image_id"))
        return do_again(self, request, images, step=CAPTION_STEP)

    def get_fields(self, request: HttpRequest, obj: Caption | None = None) -> tuple[str, ...]:
        return ("image", "text") if obj is None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Caption | None = None) -> tuple[str, ...]:
        return () if obj is None else tuple(name for name in self.fields if name != "text")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # captions are a history; they go with their picture

    def save_model(self, request: HttpRequest, obj: Caption, form: Any, change: bool) -> None:
        kept = services.caption_write_by_person(image_id=obj.image_id, author=cast(User, request.user), text=obj.text)
        obj.pk = kept.pk  # what the admin logs and goes on to show is the person's caption
