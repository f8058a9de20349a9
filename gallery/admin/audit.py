"""Who did what."""

from django.contrib import admin

from gallery.admin.base import ReadOnlyAdmin
from gallery.models import AuditEntry


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what. Nobody changes it, here or anywhere."""

    list_display = ("at", "who", "action", "target", "details")
    list_filter = ("at", "action", ("actor", admin.RelatedOnlyFieldListFilter))
    search_fields = ("actor_name", "action", "target")
    date_hierarchy = "at"
    ordering = ("-at", "-id")
    fields = readonly_fields = ("at", "who", "action", "target", "details")
    show_full_result_count = False

    @admin.display(description="who", ordering="actor_name")
    def who(self, entry: AuditEntry) -> str:
        return entry.actor_name or "nobody who signed in"
