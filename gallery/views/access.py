"""What views share about who asks, and for what."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, cast
from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from gallery.models import Image, User
from gallery.permissions import owned_image

P = ParamSpec("P")


class SignedInRequest(HttpRequest):
    """A request behind `login_required` or a check of its own."""

    user: User


def wants_json(request: HttpRequest) -> bool:
    """A script asks, not a person: `Accept: application/json` comes before any HTML."""
    return request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def owner_page(
    view: Callable[Concatenate[SignedInRequest, Image, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, UUID, P], HttpResponse]:
    """Give the view the caller's own picture. Strangers are asked to sign in and then see the picture's page, since
    coming back to an address that only takes POST would greet them with an error."""

    @wraps(view)
    def guarded(request: HttpRequest, uuid: UUID, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect_to_login(reverse("image", args=[uuid]))
        image = owned_image(viewer=request.user, uuid=uuid)
        return view(cast(SignedInRequest, request), image, *args, **kwargs)

    return guarded
