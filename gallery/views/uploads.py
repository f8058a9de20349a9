"""Uploads in pieces, for the upload page and for anybody who is signed in and speaks tus."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from gallery import tus
from gallery.models import Upload


def uploads(request: HttpRequest) -> HttpResponse:
    """All of one's own that are on their way (GET), and a new one (POST)."""
    return _answer(request, None)


def upload_in_pieces(request: HttpRequest, uuid: UUID) -> HttpResponse:
    """One of one's own: its pieces, how far it is, what became of it."""
    return _answer(request, uuid)


def _answer(request: HttpRequest, uuid: UUID | None) -> HttpResponse:
    if not request.user.is_authenticated:
        return JsonResponse({"message": _("You are signed out. Sign in again to go on.")}, status=401)
    return tus.answer(request, owner=request.user, uuid=uuid, address=_address)


def _address(upload: Upload) -> str:
    return reverse("upload-in-pieces", args=[upload.uuid])
