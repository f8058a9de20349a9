"""What is said of pictures, for those who run the place."""

from typing import Any, cast
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from captioning import services
from captioning.again import STEP as CAPTION_STEP
from captioning.again import captions_ask_outdated
from captioning.describers import known_keys
from captioning.models import Caption, CaptionerVersion
from captioning.selectors import caption_coverages
from gallery import audit
from gallery.admin import AuditedMixin, ModelAdmin, ReadOnlyAdmin, ThumbnailMixin, ValuesFilter, do_again
from gallery.models import Image, User
from gallery.wording import grouped


@admin.register(Caption)
class CaptionAdmin(ThumbnailMixin, AuditedMixin, ModelAdmin):
    """A caption that is saved here becomes what its picture is said to show; what was said before is kept."""

    list_display = (
        "thumbnail",
        "text",
        "source",
        "model",
        "how_sure",
        "is_current",
        "author",
        "created_at",
    )
    list_display_links = ("thumbnail", "text")
    list_filter = ("source", "is_current", "unsure", ("model", ValuesFilter), "created_at")
    list_select_related = ("image", "author")
    search_fields = ("text", "image__file_name", "image__uuid", "author__username")
    ordering = ("-pk",)
    autocomplete_fields = ("image",)
    actions = ("caption_again",)
    change_list_template = "admin/captioning/caption/change_list.html"
    fields = (
        "thumbnail",
        "image",
        "text",
        "source",
        "model",
        "author",
        "how_sure",
        "is_current",
        "created_at",
    )

    @admin.display(description=gettext_lazy("confidence"), ordering="confidence")
    def how_sure(self, caption: Caption) -> str:
        """As the picture's page says it; people are not asked."""
        if caption.source != Caption.Source.MODEL:
            return ""
        told = _("not sure: %(percent)s %%") if caption.unsure else _("sure: %(percent)s %%")
        return told % {"percent": round(100 * caption.confidence)}

    @admin.action(
        description=gettext_lazy("Caption their pictures again, by today's captioner"), permissions=["change"]
    )
    def caption_again(self, request: HttpRequest, queryset: QuerySet[Caption]) -> HttpResponse:
        """Filtered by another model, all of what that one captioned. What a person wrote or approved stays current."""
        images = Image.objects.filter(pk__in=queryset.order_by().values("image_id"))
        return do_again(self, request, images, step=CAPTION_STEP)

    def get_urls(self) -> list[URLPattern]:
        outdated = path("outdated/", self.admin_site.admin_view(self.outdated_view), name="captioning_caption_outdated")
        return [outdated, *super().get_urls()]

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        more: dict[str, Any] = {"may_caption": self.has_change_permission(request), "own": settings.CAPTIONER}
        if request.method == "GET":
            more["coverages"] = caption_coverages()
        return super().changelist_view(request, {**more, **(extra_context or {})})

    def outdated_view(self, request: HttpRequest) -> HttpResponse:
        """Has today's captioner describe what another one described, or an earlier version of it; unless people wrote
        or approved it."""
        if request.method != "POST" or not self.has_change_permission(request):
            raise PermissionDenied
        if settings.CAPTIONER not in known_keys():
            told = _("No worker has used %(captioner)s yet. Start one, and try again.") % {
                "captioner": settings.CAPTIONER
            }
            self.message_user(request, told, messages.ERROR)
            return redirect("admin:captioning_caption_changelist")
        since = timezone.now()
        opened = captions_ask_outdated()
        audit.record(cast(User, request.user), "work.again", CAPTION_STEP, number=opened)
        told = _("%(what)s: %(number)s to do.") % {"what": _("Caption again"), "number": grouped(opened)}
        self.message_user(request, told, messages.SUCCESS)
        query = urlencode({"whose": "everyone", "step": CAPTION_STEP, "since": since.isoformat()})
        return redirect(f"{reverse('jobs')}?{query}")

    def get_fields(self, request: HttpRequest, obj: Caption | None = None) -> tuple[str, ...]:
        return ("image", "text") if obj is None else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Caption | None = None) -> tuple[str, ...]:
        return () if obj is None else tuple(name for name in self.fields if name != "text")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # captions are a history; they go with their picture

    def save_model(self, request: HttpRequest, obj: Caption, form: Any, change: bool) -> None:
        kept = services.caption_write_by_person(image_id=obj.image_id, author=cast(User, request.user), text=obj.text)
        obj.pk = kept.pk  # what the admin logs and goes on to show is the person's caption


@admin.register(CaptionerVersion)
class CaptionerVersionAdmin(ReadOnlyAdmin):
    list_display = ("name", "key", "seen_at")
    search_fields = ("name", "key")
    ordering = ("name",)
