"""Who did what."""

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.admin.base import ReadOnlyAdmin
from gallery.models import AuditEntry
from gallery.templatetags.activity import entry_words


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what. Nobody changes it, here or anywhere."""

    list_display = ("at", "who", "what", "target", "details")
    list_filter = ("at", "action", ("actor", admin.RelatedOnlyFieldListFilter))
    search_fields = ("actor_name", "action", "target")
    date_hierarchy = "at"
    ordering = ("-at", "-id")
    fields = readonly_fields = ("at", "who", "what", "target", "details")
    show_full_result_count = False

    @admin.display(description=gettext_lazy("what was done"), ordering="action")
    def what(self, entry: AuditEntry) -> str:
        """In words, and as the filter names it."""
        return f"{entry_words(entry)} ({entry.action})"

    @admin.display(description=gettext_lazy("who"), ordering="actor_name")
    def who(self, entry: AuditEntry) -> str:
        return entry.actor_name or _("nobody who signed in")
