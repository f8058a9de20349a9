"""The bytes of pictures, for those who may have them."""

import io
import logging
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils.cache import get_conditional_response
from django.utils.http import http_date, quote_etag
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from gallery.exceptions import RendererBusy, UploadRefused
from gallery.models import Image, Rendition, User
from gallery.permissions import may_change, owned_image, reachable_image
from gallery.signed import ORIGINAL, signer_of
from gallery.sized import QUALITY, jpeg_of, name_of, sizes_of

logger = logging.getLogger(__name__)

RETRY_SECONDS = 3
# Vary on the cookie: when somebody signs out, the next person at this browser doesn't see what its cache holds.
CACHING = {"Cache-Control": "private, max-age=3600", "Vary": "Cookie"}
# Of other people's pictures, which may be shared no longer a moment later: kept, but asked for anew each time.
SHARED = CACHING | {"Cache-Control": "private, no-cache"}


@require_safe
def rendition(request: HttpRequest, uuid: UUID, kind: str) -> HttpResponseBase:
    """A picture as it is shown."""
    signer = _signer(request, uuid, kind)
    images = Image.objects.reachable_by(signer or request.user)
    if kind == Rendition.Kind.THUMBNAIL and request.user.is_authenticated and signer is None:
        images |= Image.with_trash.filter(owner=request.user)  # the page of the trash shows them
    renditions = Rendition.objects.select_related("image")
    found = get_object_or_404(renditions, image__in=images, image__uuid=uuid, kind=kind)
    return _not_kept(answer_rendition(request, found)) if signer else answer_rendition(request, found)


def answer_rendition(request: HttpRequest, found: Rendition) -> HttpResponseBase:
    """A rendition that the caller was found to be allowed to see."""
    return _answer(
        request,
        found.file,
        etag=f"{found.pk}-{found.created_at.timestamp():.0f}-{found.byte_size}",
        last_modified=found.created_at,
        content_type="image/webp",
        caching=caching_of(request, found.image),
    )


@require_safe
def original(request: HttpRequest, uuid: UUID) -> HttpResponseBase:
    """The file exactly as it was uploaded, to download; metadata and place included, hence for the owner alone."""
    signer = _signer(request, uuid, ORIGINAL)
    answer = answer_original(request, owned_image(viewer=signer or request.user, uuid=uuid))
    return _not_kept(answer) if signer else answer


def _signer(request: HttpRequest, uuid: UUID, kind: str) -> User | None:
    """Who gave away the address that was called, where it carries a signature. Raises Http404 where that holds not."""
    signature = request.GET.get("signature")
    if signature is None:
        return None
    signer = signer_of(signature, uuid=uuid, kind=kind)
    if signer is None:
        raise Http404("This signature doesn't hold.")
    return signer


def _not_kept(response: HttpResponseBase) -> HttpResponseBase:
    """No cache shows it once its address has run out."""
    response["Cache-Control"] = "no-store"
    return response


def answer_original(request: HttpRequest, image: Image) -> HttpResponseBase:
    """The original of a picture, which the caller was found to be allowed to have."""
    return _answer(
        request,
        image.original,
        etag=image.sha256,
        last_modified=image.uploaded_at,
        content_type="application/octet-stream",  # never rendered by the browser, whatever it holds
        download_as=image.file_name,
        caching=caching_of(request, image),
    )


def caching_of(request: HttpRequest, image: Image) -> dict[str, str]:
    """How long whoever asks may keep what shows the picture."""
    return CACHING if may_change(viewer=request.user, image=image) else SHARED


@require_safe
def download(request: HttpRequest, uuid: UUID, size: str) -> HttpResponseBase:
    """A JPEG without metadata, in one of the sizes of gallery.sized, for whoever may look at the picture."""
    return sized(request, reachable_image(viewer=request.user, uuid=uuid), size)


def sized(request: HttpRequest, image: Image, name: str) -> HttpResponseBase:
    """The picture, which the caller was found to be allowed to see, in the size called `name`."""
    size = next((each for each in sizes_of(image) if each.name == name), None)
    if size is None:
        raise Http404("There is no such size of this picture.")
    etag = f"{image.uuid}-{size.name}-{QUALITY}"  # the hash of an original is its owner's
    modified = image.uploaded_at

    def make() -> HttpResponseBase:
        jpeg = io.BytesIO(jpeg_of(image, size=size))
        return FileResponse(jpeg, as_attachment=True, filename=name_of(image, size), content_type="image/jpeg")

    try:
        return _conditional(request, make, etag=etag, last_modified=modified, caching=caching_of(request, image))
    except RendererBusy as busy:
        response = render(
            request, "error.html", {"status": 503, "heading": _("One moment"), "sentence": busy}, status=503
        )
        response["Retry-After"] = str(RETRY_SECONDS)
        response["Cache-Control"] = "no-store"
        return response
    except (UploadRefused, FileNotFoundError):
        logger.exception("%s can't be made smaller", image.original.name)
        raise Http404("This file is missing.") from None


def _answer(
    request: HttpRequest,
    file: FieldFile,
    *,
    etag: str,
    last_modified: datetime,
    content_type: str,
    caching: dict[str, str],
    download_as: str = "",
) -> HttpResponseBase:
    return _conditional(
        request,
        lambda: _stream(file, content_type=content_type, download_as=download_as),
        etag=etag,
        last_modified=last_modified,
        caching=caching,
    )


def _conditional(
    request: HttpRequest,
    make: Callable[[], HttpResponseBase],
    *,
    etag: str,
    last_modified: datetime,
    caching: dict[str, str],
) -> HttpResponseBase:
    """What `make` answers, unless the browser has it already."""
    modified = int(last_modified.timestamp())
    response = get_conditional_response(request, etag=quote_etag(etag), last_modified=modified) or make()
    response["X-Content-Type-Options"] = "nosniff"
    response["ETag"] = quote_etag(etag)
    response["Last-Modified"] = http_date(modified)
    for header, value in caching.items():
        response[header] = value
    return response


def _stream(file: FieldFile, *, content_type: str, download_as: str) -> HttpResponseBase:
    try:
        opened = file.open("rb")
    except FileNotFoundError:
        logger.error("%s is in the database, but not in the storage", file.name)
        raise Http404("This file is missing.") from None
    return FileResponse(opened, as_attachment=bool(download_as), filename=download_as, content_type=content_type)
