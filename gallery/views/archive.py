"""Many pictures as one file: the whole library of one's own, an album, a selection."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.views import redirect_to_login
from django.db import transaction
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from gallery import audit
from gallery.downloads import Busy, Download
from gallery.forms import ArchiveForm, mistakes
from gallery.models import AlbumImage, Image, ImageQuerySet, Viewer
from gallery.permissions import album_for
from gallery.validators import clean_file_name
from gallery.views.access import SignedInRequest, came_from

RETRY_SECONDS = 60


@require_safe
@login_required
def library_archive(request: SignedInRequest) -> HttpResponseBase:
    """All pictures of one's own, newest first."""
    images = Image.objects.filter(owner=request.user).newest_first()
    return archive_response(request, list(images.values_list("pk", flat=True)), title=_("My pictures"))


@require_safe
def album_archive(request: HttpRequest, uuid: UUID) -> HttpResponseBase:
    """The pictures of an album, in its order."""
    if not request.user.is_authenticated:
        return redirect_to_login(reverse("album", args=[uuid]))
    album = album_for(viewer=request.user, uuid=uuid)
    places = AlbumImage.objects.filter(album=album, image__in=Image.objects.reachable_by(request.user))
    return archive_response(
        request, list(places.order_by("position").values_list("image_id", flat=True)), title=album.title
    )


@require_POST
def selection_archive(request: HttpRequest) -> HttpResponseBase:
    """The selected pictures, newest first; those that are not there, or not for the caller to see, are left out."""
    if not request.user.is_authenticated:
        return redirect_to_login(came_from(request))
    form = ArchiveForm(request.POST)
    images = Image.objects.none()
    if form.is_valid():
        images = Image.objects.reachable_by(request.user).filter(uuid__in=form.cleaned_data["image"]).newest_first()
    found = list(images.values_list("pk", flat=True))
    if not found:
        messages.error(request, mistakes(form) or _("Select some pictures first."))
        return redirect(came_from(request))
    return archive_response(request, found, title=_("Selected pictures"), form=form)


def archive_response(
    request: HttpRequest,
    image_ids: Sequence[int],
    *,
    title: str,
    form: ArchiveForm | None = None,
    seen: Callable[[], ImageQuerySet] | None = None,
    originals_of: int | None = None,
    columns: Sequence[str] = ("title", "caption", "notes"),
) -> HttpResponseBase:
    """An archive of pictures that the caller has been found to see, as the form of the request wants it.

    `seen`, which is asked again while it is sent: what the caller may see, unless it is what anybody in their place
    does. `originals_of`: whose originals are given away, beside the caller's own. `columns`: of the table of captions.
    While too many are being sent: a page that says so.
    """
    form = form or ArchiveForm(request.GET)
    said: dict[str, Any] = form.cleaned_data if form.is_valid() else {"size": "", "captions": False}
    originals = said["size"] != ArchiveForm.LARGE
    viewer: Viewer = request.user
    if request.method == "HEAD":
        return _with_headers(HttpResponse(content_type="application/zip"), title)
    try:
        with transaction.atomic():  # nothing is recorded of what is not sent
            audit.record(viewer, "archive.download", title, pictures=len(image_ids), originals=originals)
            download = Download(
                image_ids,
                viewer=viewer,
                seen=seen or partial(Image.objects.reachable_by, viewer),
                originals=originals,
                originals_of=originals_of,
                columns=columns if said["captions"] else (),
            )
    except Busy:
        response = render(request, "error.html", BUSY, status=503)
        response["Retry-After"] = str(RETRY_SECONDS)
        return response
    return _with_headers(StreamingHttpResponse(download, content_type="application/zip"), title)


def _with_headers(archive: HttpResponseBase, title: str) -> HttpResponseBase:
    archive["Content-Disposition"] = content_disposition_header(True, f"{_file_name(title)}.zip")
    archive["Cache-Control"] = "private, no-store"
    archive["X-Content-Type-Options"] = "nosniff"
    return archive


def _file_name(title: str) -> str:
    return clean_file_name(title.replace("/", "_").replace("\\", "_"))[:100].strip(". ") or "pictures"


BUSY = {
    "status": 503,
    "heading": gettext_lazy("Too many downloads at once"),
    "sentence": gettext_lazy("The site is sending as many archives as it can. Try again in a minute."),
}
