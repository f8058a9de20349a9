"""What views share about who asks, and for what."""

from collections.abc import Callable
from functools import wraps
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Concatenate, ParamSpec, cast
from uuid import UUID

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
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


def address_of(request: HttpRequest) -> str:
    """The network address that the request came from, as the outermost of our own proxies saw it; of IPv6 the network,
    since whoever has one address there has them all. What callers say of themselves before that counts for nothing."""
    said = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    proxies: int = settings.PROXIES
    address = said[-min(proxies, len(said))] if said and proxies else request.META.get("REMOTE_ADDR", "")
    try:
        number = ip_address(address)
    except ValueError:
        return str(address)
    if isinstance(number, IPv6Address) and number.ipv4_mapped is None:
        return str(ip_network((number, 64), strict=False))
    return str(address)


def came_from(request: HttpRequest, default: str = "library") -> str:
    """The page of this site that a form was on, as its field `next` says; else the page of that name."""
    address = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(address, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        return address
    return reverse(default)


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
