"""What every answer carries."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

# Everything from this site, nothing inline: what somebody smuggles into a caption or a file name never runs.
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
DEBUG_PAGES = (404, 500)


def content_security_policy(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Sets Content-Security-Policy, which Django does by itself from 6.0 on."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not (settings.DEBUG and response.status_code in DEBUG_PAGES):  # Django's tracebacks style themselves inline
            response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return middleware
