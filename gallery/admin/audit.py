"""Who did what."""

from typing import Any

from django.contrib import admin
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.admin.base import ReadOnlyAdmin
from gallery.models import AuditEntry
from gallery.quotas import in_words
from gallery.templatetags.activity import entry_words
from gallery.wording import grouped, step_name


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what. Nobody changes it, here or anywhere."""

    list_display = ("at", "who", "what", "to", "more")
    list_filter = ("at", "action", ("actor", admin.RelatedOnlyFieldListFilter))
    search_fields = ("actor_name", "action", "target")
    date_hierarchy = "at"
    ordering = ("-at", "-id")
    fields = readonly_fields = ("at", "who", "what", "to", "more")
    show_full_result_count = False

    @admin.display(description=gettext_lazy("what was done"), ordering="action")
    def what(self, entry: AuditEntry) -> str:
        """In words, and as the filter names it."""
        return f"{entry_words(entry)} ({entry.action})"

    @admin.display(description=gettext_lazy("who"), ordering="actor_name")
    def who(self, entry: AuditEntry) -> str:
        return entry.actor_name or _("nobody who signed in")

    @admin.display(description=gettext_lazy("target"), ordering="target")
    def to(self, entry: AuditEntry) -> str:
        return step_name(entry.target) if entry.action.startswith("work.") else entry.target

    @admin.display(description=gettext_lazy("details"))
    def more(self, entry: AuditEntry) -> str:
        """Each by the name that it has in the admin; sorted, since not every database keeps their order."""
        return "; ".join(f"{_name(key)}: {_value(key, value)}" for key, value in sorted(entry.details.items()))


def _name(key: str) -> str:
    return _(NAMES.get(key, key).replace("_", " "))


NAMES = {"quota_bytes": "quota"}  # else the key, of which labels.NAMES has the German


def _value(key: str, value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int):
        return in_words(value) if key.endswith("_bytes") else grouped(value)
    if isinstance(value, list):
        return ", ".join(_name(str(each)) if key == "fields" else str(each) for each in value)
    moment = parse_datetime(value) if key.endswith("_at") and isinstance(value, str) else None
    return date_format(localtime(moment), "DATETIME_FORMAT") if moment else str(value)
