"""What views share about who asks, and for what."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.translation import gettext as _

from gallery.models import Album, Image, User
from gallery.permissions import album_for, owned_image

P = ParamSpec("P")


class SignedInRequest(HttpRequest):
    """A request behind `login_required` or a check of its own."""

    user: User


def wants_json(request: HttpRequest) -> bool:
    """A script asks, not a person: `Accept: application/json` comes before any HTML."""
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def sign_in_required(
    view: Callable[Concatenate[SignedInRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """As `login_required`, but a script gets a sentence instead of being led to a page."""

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if request.user.is_authenticated:
            return view(cast(SignedInRequest, request), *args, **kwargs)
        if wants_json(request):
            return JsonResponse({"message": _("You are signed out. Sign in again to go on.")}, status=401)
        return redirect_to_login(request.get_full_path())

    return guarded


def owner_page(
    view: Callable[[SignedInRequest, Image], HttpResponse],
) -> Callable[[HttpRequest, UUID], HttpResponse]:
    """Give the view the caller's own picture. Strangers are asked to sign in and then see the picture's page, since
    coming back to an address that only takes POST would greet them with an error."""

    @wraps(view)
    def guarded(request: HttpRequest, uuid: UUID) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(reverse("image", args=[uuid]))
        return view(cast(SignedInRequest, request), owned_image(viewer=request.user, uuid=uuid))

    return guarded


def album_page(
    *, at_least: str
) -> Callable[[Callable[[SignedInRequest, Album], HttpResponse]], Callable[[HttpRequest, UUID], HttpResponse]]:
    """Give the view the album at the address, to which the caller is so much (see gallery.permissions.ROLES). Strangers
    are asked to sign in and then see the album's page."""

    def decorated(
        view: Callable[[SignedInRequest, Album], HttpResponse],
    ) -> Callable[[HttpRequest, UUID], HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, uuid: UUID) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(reverse("album", args=[uuid]))
            album = album_for(viewer=request.user, uuid=uuid, at_least=at_least)
            return view(cast(SignedInRequest, request), album)

        return guarded

    return decorated
