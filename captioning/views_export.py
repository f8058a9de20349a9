"""The captions of one's own pictures, to take elsewhere."""

from collections.abc import Callable, Iterator

from django.contrib.auth.decorators import login_required
from django.http import Http404, StreamingHttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from captioning.sidecars import sidecars_of, zip_of
from captioning.tables import csv_of, jsonl_of
from gallery.models import User
from gallery.views.access import SignedInRequest


def _sidecars(owner: User) -> Iterator[bytes]:
    return zip_of(sidecars_of(owner))


# format -> what makes it, its type and its file name
FORMATS: dict[str, tuple[Callable[[User], Iterator[str] | Iterator[bytes]], str, str]] = {
    "csv": (csv_of, "text/csv; charset=utf-8", "captions.csv"),
    "jsonl": (jsonl_of, "application/jsonl", "captions.jsonl"),
    "xmp": (_sidecars, "application/zip", "captions-xmp.zip"),
}


@require_safe
@never_cache
@login_required
def export(request: SignedInRequest) -> StreamingHttpResponse:
    """All of them as `?format=` csv, jsonl or xmp, sent as they are read."""
    chosen = FORMATS.get(request.GET.get("format", "csv"))
    if chosen is None:
        raise Http404("No such format.")
    make, content_type, file_name = chosen
    disposition = f'attachment; filename="{file_name}"'
    return StreamingHttpResponse(
        make(request.user), content_type=content_type, headers={"Content-Disposition": disposition}
    )
