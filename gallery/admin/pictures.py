"""Pictures, and the files by which they are shown."""

from functools import partial
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString

from gallery import audit, services, stages
from gallery.admin.base import (
    AuditedMixin,
    ModelAdmin,
    PicturesGoAlongMixin,
    ReadOnlyAdmin,
    ShownFiltersMixin,
    ThumbnailMixin,
    thumbnail_of,
)
from gallery.admin.pieces import in_pieces
from gallery.models import Image, Rendition, User, Visibility
from gallery.pipeline import get_pipeline
from gallery.trash import images_trash

AGAIN = {
    "renditions": "Make thumbnails again",
    "caption": "Caption again",
    "embedding": "Embed again",
    "text": "Read again",
}
VISIBLE = {
    Visibility.PRIVATE: "Make private…",
    Visibility.LINK: "Show to anyone with the link…",
    Visibility.PUBLIC: "Make public…",
}


@admin.register(Image)
class ImageAdmin(ShownFiltersMixin, PicturesGoAlongMixin, AuditedMixin, ModelAdmin):
    list_display = (
        "thumbnail",
        "file_name",
        "description",
        "owner",
        "visibility",
        "size",
        "uploaded_at",
        "is_in_trash",
    )
    list_display_links = ("thumbnail", "file_name")
    list_filter = (
        "visibility",
        "format",
        "description_unsure",
        "uploaded_at",
        ("trashed_at", admin.EmptyFieldListFilter),
        ("owner", admin.RelatedOnlyFieldListFilter),
    )
    list_select_related = ("owner",)
    search_fields = ("file_name", "description", "owner__username", "uuid", "sha256")
    date_hierarchy = "uploaded_at"
    actions = ("move_to_trash",)
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
        "trashed_at",
        "uuid",
        "sha256",
    )
    fields = (*readonly_fields, "visibility")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # the upload page does it, with all that the worker needs

    def get_queryset(self, request: HttpRequest) -> QuerySet[Image]:
        """The trash too: whoever runs the place has to know what lies on the disk."""
        return Image.with_trash.order_by(*self.ordering)

    @admin.display(description="in trash", boolean=True, ordering="trashed_at")
    def is_in_trash(self, image: Image) -> bool:
        return image.trashed_at is not None

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

    def has_trash_permission(self, request: HttpRequest) -> bool:
        """Whoever may delete a picture for good may also put many where their owners find them again."""
        return self.has_delete_permission(request)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """One for each kind of step that pictures go through, and for who may see them; and instead of deleting many
        for good, the trash."""
        actions: dict[str, Any] = {**super().get_actions(request)}
        actions.pop("delete_selected", None)
        if self.has_change_permission(request):
            for step in dict.fromkeys(step.name for step in get_pipeline().steps()):
                label = AGAIN.get(step, f"Do {step} again")
                actions[f"{step}_again"] = (partial(do_again, step=step), f"{step}_again", label)
            for visibility in Visibility:
                name = f"make_{visibility}"
                actions[name] = (partial(_make, visibility=visibility), name, VISIBLE[visibility])
        return actions

    @admin.action(description="Move to the trash…", permissions=["trash"])
    def move_to_trash(self, request: HttpRequest, images: QuerySet[Image]) -> HttpResponse | None:
        return in_pieces(
            self,
            request,
            images.filter(trashed_at=None),
            do=lambda piece: images_trash(images=piece, by=cast(User, request.user)),
            question="Their owners can take them back from the trash, until it is emptied.",
            done="moved to the trash",
        )


def do_again(
    model_admin: ModelAdmin, request: HttpRequest, images: QuerySet[Image], *, step: str
) -> HttpResponseRedirect:
    """Queues the work, and leads to where one sees it being done."""
    since = timezone.now()
    opened = stages.requeue_all(images=images.filter(trashed_at=None), step=step)
    audit.record(cast(User, request.user), "work.again", step, number=opened)
    model_admin.message_user(request, f"{AGAIN.get(step, step)}: {opened:,} to do.", messages.SUCCESS)
    query = urlencode({"whose": "everyone", "step": step, "since": since.isoformat()})
    return HttpResponseRedirect(f"{reverse('jobs')}?{query}")


def _make(
    model_admin: ImageAdmin, request: HttpRequest, images: QuerySet[Image], *, visibility: Visibility
) -> HttpResponse | None:
    def do(piece: list[Image]) -> None:
        for image in piece:
            services.image_set_visibility(image=image, visibility=visibility)
        audit.record(cast(User, request.user), "image.visibility", visibility, number=len(piece))

    return in_pieces(
        model_admin,
        request,
        images.filter(trashed_at=None).exclude(visibility=visibility),
        do=do,
        question=f"From then on: {visibility.label}.",
        done=f"changed to “{visibility.label}”",
    )


@admin.register(Rendition)
class RenditionAdmin(ThumbnailMixin, ReadOnlyAdmin):
    list_display = ("thumbnail", "image", "kind", "width", "height", "byte_size", "created_at")
    list_filter = ("kind", "created_at")
    list_select_related = ("image",)
    search_fields = ("image__file_name", "image__uuid")
    ordering = ("-pk",)
    fields = ("thumbnail", "image", "kind", "width", "height", "byte_size", "created_at")
    readonly_fields = ("thumbnail",)
