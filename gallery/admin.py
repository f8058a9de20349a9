"""Pictures and the work on them, for those who run the place."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Model, Q, QuerySet
from django.http import FileResponse, Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from gallery import services, stages
from gallery.models import Album, Image, Rendition, Stage, Tag
from gallery.pipeline import get_pipeline

if TYPE_CHECKING:  # generic for the type checker alone
    ModelAdmin = admin.ModelAdmin[Any]
else:
    ModelAdmin = admin.ModelAdmin

AGAIN = {
    "renditions": "Make thumbnails again",
    "caption": "Caption again",
    "embedding": "Embed again",
    "text": "Read again",
}


def thumbnail_of(image_id: int) -> SafeString:
    """A picture's thumbnail, also of one that its owner shows to nobody: see ImageAdmin.thumbnail_view."""
    address = reverse("admin:gallery_image_thumbnail", args=[image_id])
    return format_html('<img src="{}" alt="" height="72" loading="lazy">', address)


class ThumbnailMixin:
    """A `thumbnail` column for whatever has an `image`."""

    @admin.display(description="picture")
    def thumbnail(self, obj: Any) -> SafeString:
        return thumbnail_of(obj.image_id)


class PicturesCountedMixin:
    """A `pictures` column for whatever has `images`: how many."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)  # type: ignore[misc]  # a mixin of ModelAdmin
        counted: QuerySet[Any] = rows.annotate(number=Count("images", filter=Q(images__trashed_at=None)))
        return counted

    @admin.display(ordering="number")
    def pictures(self, row: Any) -> int:
        return int(row.number)


class ReadOnlyAdmin(ModelAdmin):
    """For rows that the services alone write: to look at, not to change by hand."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class PicturesGoAlongMixin:
    """What belongs to a picture goes with it, so that deleting the picture needs no permission for each part."""

    def get_deleted_objects(
        self, objs: Sequence[Model] | QuerySet[Model], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        found: Any = super().get_deleted_objects(objs, request)  # type: ignore[misc]  # a mixin of ModelAdmin
        to_delete, counts, _, images = found
        # A person's pictures are protected from everything but services.users_delete, which is what comes next.
        if images:
            to_delete, counts = [*to_delete, images], {**counts, "images": len(images)}
        return to_delete, counts, set(), []


@admin.register(Image)
class ImageAdmin(PicturesGoAlongMixin, ModelAdmin):
    list_display = ("thumbnail", "file_name", "description", "owner", "visibility", "format", "size", "uploaded_at")
    list_display_links = ("thumbnail", "file_name")
    list_filter = (
        "visibility",
        "format",
        "description_unsure",
        "uploaded_at",
        ("owner", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("owner",)
    search_fields = ("file_name", "description", "owner__username", "uuid", "sha256")
    date_hierarchy = "uploaded_at"
    ordering = ("-uploaded_at", "-pk")
    # The original and the place where it was taken are the owner's alone.
    readonly_fields = (
        "thumbnail",
        "file_name",
        "owner",
        "description",
        "description_unsure",
        "size",
        "format",
        "frames",
        "byte_size",
        "taken_at",
        "camera_make",
        "camera_model",
        "uploaded_at",
        "uuid",
        "sha256",
    )
    fields = (*readonly_fields, "visibility")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # the upload page does it, with all that the worker needs

    @admin.display(description="picture")
    def thumbnail(self, image: Image) -> SafeString:
        return thumbnail_of(image.pk)

    @admin.display(description="size in pixels")
    def size(self, image: Image) -> str:
        return f"{image.width} × {image.height}"

    def get_urls(self) -> list[URLPattern]:
        thumbnail = path(
            "<int:image_id>/thumbnail.webp",
            self.admin_site.admin_view(self.thumbnail_view, cacheable=True),
            name="gallery_image_thumbnail",
        )
        return [thumbnail, *super().get_urls()]

    def thumbnail_view(self, request: HttpRequest, image_id: int) -> FileResponse:
        """Any picture's thumbnail, for staff that may look at pictures; the public rule stays as simple as it is."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        found = get_object_or_404(Rendition, image_id=image_id, kind=Rendition.Kind.THUMBNAIL)
        try:
            file = found.file.open("rb")
        except FileNotFoundError:
            raise Http404 from None
        headers = {"Cache-Control": "private, max-age=60", "Vary": "Cookie", "X-Content-Type-Options": "nosniff"}
        return FileResponse(file, content_type="image/webp", headers=headers)

    def save_model(self, request: HttpRequest, obj: Image, form: Any, change: bool) -> None:
        services.image_set_visibility(image=obj, visibility=obj.visibility)

    def delete_model(self, request: HttpRequest, obj: Image) -> None:
        services.images_delete(images=[obj])

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Image]) -> None:
        services.images_delete(images=queryset)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Django's own, and one for each kind of step that pictures go through."""
        actions: dict[str, Any] = {**super().get_actions(request)}
        if self.has_change_permission(request):
            for step in dict.fromkeys(step.name for step in get_pipeline().steps()):
                label = AGAIN.get(step, f"Do {step} again")
                actions[f"{step}_again"] = (partial(_do_again, step=step), f"{step}_again", label)
        return actions


def _do_again(model_admin: ImageAdmin, request: HttpRequest, images: QuerySet[Image], *, step: str) -> None:
    opened = stages.requeue_all(images=images, step=step)
    model_admin.message_user(request, f"{AGAIN.get(step, step)}: {opened} to do.", messages.SUCCESS)


@admin.register(Rendition)
class RenditionAdmin(ThumbnailMixin, ReadOnlyAdmin):
    list_display = ("thumbnail", "image", "kind", "width", "height", "byte_size", "created_at")
    list_filter = ("kind", "created_at")
    list_select_related = ("image",)
    search_fields = ("image__file_name", "image__uuid")
    ordering = ("-pk",)
    fields = ("thumbnail", "image", "kind", "width", "height", "byte_size", "created_at")
    readonly_fields = ("thumbnail",)


@admin.register(Tag)
class TagAdmin(PicturesCountedMixin, ReadOnlyAdmin):
    list_display = ("name", "owner", "pictures")
    list_select_related = ("owner",)
    search_fields = ("name", "owner__username")
    ordering = ("key", "pk")
    fields = ("name", "owner", "pictures")
    readonly_fields = ("pictures",)


@admin.register(Album)
class AlbumAdmin(PicturesCountedMixin, ReadOnlyAdmin):
    list_display = ("title", "owner", "pictures", "created_at", "updated_at")
    list_select_related = ("owner",)
    search_fields = ("title", "owner__username", "uuid")
    ordering = ("-pk",)
    fields = ("title", "owner", "pictures", "uuid", "created_at", "updated_at")
    readonly_fields = ("pictures",)


@admin.register(Stage)
class StageAdmin(ThumbnailMixin, ReadOnlyAdmin):
    list_display = ("thumbnail", "image", "step", "model", "state", "priority", "attempts", "due_at", "error")
    list_filter = ("state", "step", "model", "priority")
    list_select_related = ("image",)
    search_fields = ("image__file_name", "image__uuid", "error")
    ordering = ("-pk",)
    readonly_fields = ("thumbnail",)
    actions = ("retry_failed",)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Stages are not changed by hand, but whoever might may have them tried again."""
        return request.user.has_perm("gallery.change_stage")

    @admin.action(description="Retry failed work", permissions=["retry"])
    def retry_failed(self, request: HttpRequest, queryset: QuerySet[Stage]) -> None:
        failed = queryset.filter(state=Stage.State.FAILED)
        opened = sum(stages.retry(image=image) for image in Image.objects.filter(stages__in=failed).distinct())
        self.message_user(request, f"{opened} to try again.", messages.SUCCESS)


from gallery import admin_people  # noqa: E402, F401  (registers more, and builds on what stands above)
