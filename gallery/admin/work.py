"""The work on pictures, what is paused of it, and files on their way in."""

from typing import cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery import audit, stages
from gallery.admin.base import ReadOnlyAdmin, ThumbnailMixin, ValuesFilter
from gallery.models import Pause, Stage, Upload, User
from gallery.quotas import in_words
from gallery.wording import STEP_LABELS, grouped, step_name


class StepFilter(ValuesFilter):
    """By the names that people give to steps."""

    def word(self, value: str) -> str:
        return str(STEP_LABELS.get(value, value))


@admin.register(Stage)
class StageAdmin(ThumbnailMixin, ReadOnlyAdmin):
    list_display = ("thumbnail", "image", "what", "model", "state", "attempts", "due_at", "error")
    list_display_links = ("thumbnail", "image")
    list_filter = ("state", ("step", StepFilter), ("model", ValuesFilter), "priority")
    list_select_related = ("image",)
    search_fields = ("image__file_name", "image__uuid", "error")
    ordering = ("-pk",)
    fields = (
        "thumbnail",
        "image",
        "what",
        "model",
        "state",
        "priority",
        "due_at",
        "attempts",
        "claimed_by",
        "claimed_until",
        "error",
        "created_at",
        "finished_at",
    )
    readonly_fields = ("thumbnail", "what")
    actions = ("retry_failed",)

    @admin.display(description=gettext_lazy("step"), ordering="step")
    def what(self, stage: Stage) -> str:
        return step_name(stage.step)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Stages are not changed by hand, but whoever might may have them tried again."""
        return request.user.has_perm("gallery.change_stage")

    @admin.action(description=gettext_lazy("Retry failed work"), permissions=["retry"])
    def retry_failed(self, request: HttpRequest, queryset: QuerySet[Stage]) -> None:
        opened = stages.retry_these(stages=Stage.objects.filter(pk__in=queryset.order_by().values("pk")))
        audit.record(cast(User, request.user), "work.retry", "selected", number=opened)
        self.message_user(request, _("%(number)s to try again.") % {"number": grouped(opened)}, messages.SUCCESS)


@admin.register(Pause)
class PauseAdmin(ReadOnlyAdmin):
    """Pausing and resuming is done on the page of the work."""

    list_display = ("what", "paused_by", "paused_at")
    list_select_related = ("paused_by",)
    search_fields = ("step",)
    ordering = ("step",)
    fields = readonly_fields = ("what", "paused_by", "paused_at")

    @admin.display(description=gettext_lazy("step"), ordering="step")
    def what(self, pause: Pause) -> str:
        return str(pause)


@admin.register(Upload)
class UploadAdmin(ThumbnailMixin, ReadOnlyAdmin):
    """Files that come piece by piece, and what became of them."""

    list_display = ("thumbnail", "file_name", "owner", "state", "size", "outcome", "updated_at")
    list_display_links = ("thumbnail", "file_name")
    list_filter = ("state", "created_at", ("owner", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("owner",)
    search_fields = ("file_name", "owner__username", "uuid", "outcome")
    ordering = ("-pk",)
    fields = (*list_display, "visibility", "uuid", "created_at")
    readonly_fields = ("thumbnail", "size")

    @admin.display(description=gettext_lazy("size"), ordering="byte_size")
    def size(self, upload: Upload) -> str:
        """Of one that is still coming, how much is there already."""
        size = in_words(upload.byte_size)
        if upload.state != Upload.State.RECEIVING:
            return size
        return _("%(done)s of %(total)s") % {"done": in_words(upload.received), "total": size}
