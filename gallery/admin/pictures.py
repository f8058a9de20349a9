"""Pictures, and the files by which they are shown."""

from functools import partial
from typing import Any, cast
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from gallery import audit, services, stages
from gallery.admin.asks import page_asking
from gallery.admin.base import (
    AuditedMixin,
    ModelAdmin,
    PixelsMixin,
    ReadOnlyAdmin,
    ShownFiltersMixin,
    SizeMixin,
    ThumbnailMixin,
    thumbnail_of,
)
from gallery.admin.pieces import in_pieces
from gallery.models import Image, Rendition, User, Visibility
from gallery.pipeline import get_pipeline
from gallery.trash import images_trash
from gallery.wording import grouped

AGAIN = {
    "renditions": gettext_lazy("Make thumbnails again"),
    "caption": gettext_lazy("Caption again"),
    "embedding": gettext_lazy("Embed again"),
    "text": gettext_lazy("Read again"),
}
VISIBLE = {
    Visibility.PRIVATE: gettext_lazy("Make private…"),
    Visibility.LINK: gettext_lazy("Show to anyone with the link…"),
    Visibility.PUBLIC: gettext_lazy("Make public…"),
}


@admin.register(Image)
class ImageAdmin(PixelsMixin, SizeMixin, ShownFiltersMixin, AuditedMixin, ModelAdmin):
    list_display = (
        "thumbnail",
        "file_name",
        "said",
        "owner",
        "visibility",
        "pixels",
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
    actions = ("move_to_trash", "delete_for_good")
    change_form_template = "admin/gallery/image/change_form.html"
    ordering = ("-uploaded_at", "-pk")
    # The original and the place where it was taken are the owner's alone.
    readonly_fields = (
        "thumbnail",
        "file_name",
        "owner",
        "said",
        "pixels",
        "format",
        "frames",
        "size",
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

    @admin.display(description=gettext_lazy("in trash"), boolean=True, ordering="trashed_at")
    def is_in_trash(self, image: Image) -> bool:
        return image.trashed_at is not None

    @admin.display(description=gettext_lazy("picture"))
    def thumbnail(self, image: Image) -> SafeString | str:
        return thumbnail_of(image.pk, image)

    @admin.display(description=gettext_lazy("description"), ordering="description")
    def said(self, image: Image) -> str:
        """As its page has it."""
        return f"{_('maybe:')} {image.description}" if image.description_unsure else image.description

    def view_on_site(self, image: Image) -> str:
        """Its page, which shows staff what it shows everybody."""
        return image.get_absolute_url()

    def get_urls(self) -> list[URLPattern]:
        thumbnail = path(
            "<int:image_id>/thumbnail.webp",
            self.admin_site.admin_view(self.thumbnail_view, cacheable=True),
            name="gallery_image_thumbnail",
        )
        for_good = path(
            "<int:image_id>/delete-for-good/",
            self.admin_site.admin_view(self.delete_for_good_view),
            name="gallery_image_delete_for_good",
        )
        return [thumbnail, for_good, *super().get_urls()]

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

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Without Django's button to delete: its template has two."""
        return super().change_view(request, object_id, form_url, {"show_delete": False, **(extra_context or {})})

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """To the trash, where all go that people delete."""
        image = self._deletable(request, object_id)
        if image.trashed_at is not None:
            self.message_user(request, _("It lies in the trash already."), messages.INFO)
        elif request.method != "POST":
            sentences = [image.file_name, _("Its owner can take it back from the trash, until that is emptied.")]
            return page_asking(self, request, title=_("Move to the trash?"), sentences=sentences)
        else:
            images_trash(images=[image], by=cast(User, request.user))
            self.message_user(request, _moved(1), messages.SUCCESS)
        return redirect("admin:gallery_image_changelist")

    def delete_for_good_view(self, request: HttpRequest, image_id: int) -> HttpResponse:
        """For what mustn't stay: asks, and deletes a picture with all that belongs to it."""
        image = self._deletable(request, str(image_id))
        if request.method != "POST":
            sentences = [image.file_name, _for_good()]
            return page_asking(self, request, title=_("Delete for good?"), sentences=sentences)
        self._delete_for_good(request, [image])
        self.message_user(request, _deleted(1), messages.SUCCESS)
        return redirect("admin:gallery_image_changelist")

    def _deletable(self, request: HttpRequest, object_id: str) -> Image:
        image: Image | None = self.get_object(request, object_id)
        if not self.has_delete_permission(request, image):
            raise PermissionDenied
        if image is None:
            raise Http404
        return image

    def _delete_for_good(self, request: HttpRequest, images: list[Image]) -> None:
        with transaction.atomic():
            self.log_deletions(request, Image.with_trash.filter(pk__in=[image.pk for image in images]))
            services.images_delete(images=images)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """One for each kind of step that pictures go through, and for who may see them; and instead of deleting many
        for good, the trash."""
        actions: dict[str, Any] = {**super().get_actions(request)}
        actions.pop("delete_selected", None)
        if self.has_change_permission(request):
            for step in dict.fromkeys(step.name for step in get_pipeline().steps()):
                label = AGAIN.get(step) or _("Do %(step)s again") % {"step": step}
                actions[f"{step}_again"] = (partial(do_again, step=step), f"{step}_again", label)
            for visibility in Visibility:
                name = f"make_{visibility}"
                actions[name] = (partial(_make, visibility=visibility), name, VISIBLE[visibility])
        return actions

    @admin.action(description=gettext_lazy("Move to the trash…"), permissions=["delete"])
    def move_to_trash(self, request: HttpRequest, images: QuerySet[Image]) -> HttpResponse | None:
        return in_pieces(
            self,
            request,
            images.filter(trashed_at=None),
            do=lambda piece: images_trash(images=piece, by=cast(User, request.user)),
            question=_("Their owners can take them back from the trash, until it is emptied."),
            done=_moved,
        )

    @admin.action(description=gettext_lazy("Delete for good…"), permissions=["delete"])
    def delete_for_good(self, request: HttpRequest, images: QuerySet[Image]) -> HttpResponse | None:
        return in_pieces(
            self,
            request,
            images,
            do=partial(self._delete_for_good, request),
            question=_for_good(),
            done=_deleted,
        )


def _moved(number: int) -> str:
    told = ngettext("%(number)s picture moved to the trash.", "%(number)s pictures moved to the trash.", number)
    return told % {"number": grouped(number)}


def _deleted(number: int) -> str:
    told = ngettext("%(number)s picture deleted for good.", "%(number)s pictures deleted for good.", number)
    return told % {"number": grouped(number)}


def _for_good() -> str:
    return _("The files and all that is known of them go at once, and nobody can bring them back.")


def do_again(
    model_admin: ModelAdmin, request: HttpRequest, images: QuerySet[Image], *, step: str
) -> HttpResponseRedirect:
    """Queues the work, and leads to where one sees it being done."""
    since = timezone.now()
    opened = stages.requeue_all(images=images.filter(trashed_at=None), step=step)
    audit.record(cast(User, request.user), "work.again", step, number=opened)
    told = _("%(what)s: %(number)s to do.") % {"what": AGAIN.get(step, step), "number": grouped(opened)}
    model_admin.message_user(request, told, messages.SUCCESS)
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
        question=_("From then on: %(visibility)s.") % {"visibility": visibility.label},
        done=lambda number: (
            _("Changed to “%(visibility)s”: %(number)s.") % {"visibility": visibility.label, "number": grouped(number)}
        ),
    )


@admin.register(Rendition)
class RenditionAdmin(ThumbnailMixin, PixelsMixin, SizeMixin, ReadOnlyAdmin):
    list_display = ("thumbnail", "image", "kind", "pixels", "size", "created_at")
    list_display_links = ("thumbnail", "image")
    list_filter = ("kind", "created_at")
    list_select_related = ("image",)
    search_fields = ("image__file_name", "image__uuid")
    ordering = ("-pk",)
    fields = list_display
    readonly_fields = ("thumbnail", "pixels", "size")
