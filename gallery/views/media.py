"""The bytes of pictures, for those who may have them."""

import logging
from datetime import datetime
from uuid import UUID

from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.utils.cache import get_conditional_response
from django.utils.http import http_date, quote_etag
from django.views.decorators.http import require_safe

from gallery.models import Image, Rendition
from gallery.permissions import owned_image

logger = logging.getLogger(__name__)

# Vary on the cookie: when somebody signs out, the next person at this browser doesn't see what its cache holds.
CACHING = {"Cache-Control": "private, max-age=3600", "Vary": "Cookie"}


@require_safe
def rendition(request: HttpRequest, uuid: UUID, kind: str) -> HttpResponseBase:
    """A picture as it is shown."""
    images = Image.objects.reachable_by(request.user)
    found = get_object_or_404(Rendition, image__in=images, image__uuid=uuid, kind=kind)
    return _answer(
        request,
        found.file,
        etag=f"{found.pk}-{found.created_at.timestamp():.0f}-{found.byte_size}",
        last_modified=found.created_at,
        content_type="image/webp",
    )


@require_safe
def original(request: HttpRequest, uuid: UUID) -> HttpResponseBase:
    """The file exactly as it was uploaded, to download; metadata and place included, hence for the owner alone."""
    image = owned_image(viewer=request.user, uuid=uuid)
    return _answer(
        request,
        image.original,
        etag=image.sha256,
        last_modified=image.uploaded_at,
        content_type="application/octet-stream",  # never rendered by the browser, whatever it holds
        download_as=image.file_name,
    )


def _answer(
    request: HttpRequest,
    file: FieldFile,
    *,
    etag: str,
    last_modified: datetime,
    content_type: str,
    download_as: str = "",
) -> HttpResponseBase:
    modified = int(last_modified.timestamp())
    unchanged = get_conditional_response(request, etag=quote_etag(etag), last_modified=modified)
    response = unchanged or _stream(file, content_type=content_type, download_as=download_as)
    response["X-Content-Type-Options"] = "nosniff"
    response["ETag"] = quote_etag(etag)
    response["Last-Modified"] = http_date(modified)
    for header, value in CACHING.items():
        response[header] = value
    return response


def _stream(file: FieldFile, *, content_type: str, download_as: str) -> HttpResponseBase:
    try:
        opened = file.open("rb")
    except FileNotFoundError:
        logger.error("%s is in the database, but not in the storage", file.name)
        raise Http404("This file is missing.") from None
    return FileResponse(opened, as_attachment=bool(download_as), filename=download_as, content_type=content_type)
