"""What was read in pictures, for those who run the place."""

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
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
    fields = ("thumbnail", "image", "words", "model", "created_at")
    readonly_fields = ("thumbnail", "words")

    @admin.display(description=_("text"), ordering="image__text_in_picture")
    def text(self, reading: Reading) -> str:
        return reading.image.text_in_picture

    @admin.display(description=_("text"))
    def words(self, reading: Reading) -> SafeString:
        """Line by line, with how sure the reader was of each."""
        lines = ((line["text"], round(100 * line.get("confidence", 1.0))) for line in reading.lines)
        return format_html_join(mark_safe("<br>"), "{} ({} %)", lines)
