"""What the pages of the admin share."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from gallery import audit
from gallery.models import User
from gallery.quotas import in_words

if TYPE_CHECKING:  # generic for the type checker alone
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin


class AuditedMixin:
    """Whatever is added, changed or deleted by hand goes into the audit log, beside Django's own log."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        _record(request, "create", [obj])
        return super().log_addition(request, obj, message)  # type: ignore[misc]  # a mixin of ModelAdmin

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        fields = [
            name for each in message if isinstance(each, dict) for name in each.get("changed", {}).get("fields", [])
        ]
        _record(request, "change", [obj], fields=fields)
        return super().log_change(request, obj, message)  # type: ignore[misc]  # as above

    def log_deletions(self, request: HttpRequest, queryset: Iterable[Model]) -> Any:
        _record(request, "delete", queryset)
        return super().log_deletions(request, queryset)  # type: ignore[misc]  # as above


def thumbnail_of(image_id: int | None, row: Model) -> SafeString | str:
    """A picture's thumbnail, also of one that its owner shows to nobody: see ImageAdmin.thumbnail_view. It says which
    row it stands for, since it is often a link to that."""
    if image_id is None:
        return ""
    address = reverse("admin:gallery_image_thumbnail", args=[image_id])
    return format_html('<img src="{}" alt="{}" height="72" loading="lazy">', address, row)


class ThumbnailMixin:
    """For whatever has an `image`: a `thumbnail` column; and nothing at all for those who may not look at pictures, of
    which file names, captions and errors tell, too."""

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may_look(request) and super().has_view_permission(request, obj)  # type: ignore[misc]  # a mixin of ModelAdmin

    def has_add_permission(self, request: HttpRequest) -> bool:
        return _may_look(request) and super().has_add_permission(request)  # type: ignore[misc]  # as above

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may_look(request) and super().has_change_permission(request, obj)  # type: ignore[misc]  # as above

    @admin.display(description=_("picture"))
    def thumbnail(self, obj: Any) -> SafeString | str:
        return thumbnail_of(obj.image_id, obj)


class FrontMixin:
    """A `thumbnail` column for whatever is annotated with the id of a picture to stand for it, `front_id`."""

    @admin.display(description=_("picture"))
    def thumbnail(self, obj: Any) -> SafeString | str:
        return thumbnail_of(obj.front_id, obj)


class SizeMixin:
    """A `size` column for whatever has a `byte_size`."""

    @admin.display(description=_("size"), ordering="byte_size")
    def size(self, obj: Any) -> str:
        return in_words(obj.byte_size)


class PixelsMixin:
    """A `pixels` column for whatever has a `width` and a `height`."""

    @admin.display(description=_("size in pixels"), ordering="width")
    def pixels(self, obj: Any) -> str:
        return f"{obj.width} × {obj.height}"


class ShownFiltersMixin:
    """Lists are filtered by what is shown alone: `?secret__startswith=` would tell letter by letter what is hidden."""

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        model_admin = cast(ModelAdmin, self)
        filters = (each[0] if isinstance(each, tuple) else each for each in model_admin.list_filter)
        shown = {"pk", model_admin.opts.pk.name, *model_admin.list_display, *(model_admin.fields or ()), *filters}
        return lookup.partition("__")[0] in shown and super().lookup_allowed(lookup, value, request)  # type: ignore[misc]  # a mixin of ModelAdmin


class ValuesFilter(admin.AllValuesFieldListFilter):
    """By the values that there are, with a dash for an empty one, which Django leaves without a word."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield {**choice, "display": self.word(str(choice["display"]))}

    def word(self, value: str) -> str:
        return value or "–"


class ReadOnlyAdmin(ShownFiltersMixin, ModelAdmin):
    """For rows that the services alone write: to look at, not to change by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _may_look(request: HttpRequest) -> bool:
    return request.user.has_perm("gallery.view_image")


def _record(request: HttpRequest, verb: str, objects: Iterable[Model], **details: object) -> None:
    """By number: what it says may be private."""
    for each in objects:
        name = str(each._meta.verbose_name_raw)  # in the log's language
        audit.record(cast(User, request.user), f"{name}.{verb}", f"{name} {each.pk}", **details)
