"""What was read in pictures, for those who run the place."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from gallery.admin import ReadOnlyAdmin, ThumbnailMixin
from reading.models import Reading


@admin.register(Reading)
class ReadingAdmin(ThumbnailMixin, ReadOnlyAdmin):
    """Another reading comes from the worker: "Read again" in the list of pictures."""

    list_display = ("thumbnail", "text", "model", "created_at")
    list_display_links = ("thumbnail", "text")
    list_filter = ("model", "created_at")
    list_select_related = ("image",)
    search_fields = ("image__text_in_picture", "image__file_name", "image__uuid")
    ordering = ("-pk",)
    fields = ("thumbnail", "image", "text", "lines", "model", "created_at")

    @admin.display(description=_("text"), ordering="image__text_in_picture")
    def text(self, reading: Reading) -> str:
        return reading.image.text_in_picture
