"""What every answer carries, and what becomes of errors that any view can meet."""

import logging
from collections.abc import Callable

from django.conf import settings
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseNotAllowed, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

from api import problems
from gallery.exceptions import TooOften
from gallery.storage import StoreUnavailable
from mmsite import errors

# Everything from this site, nothing inline: what somebody smuggles into a caption or a file name never runs.
POLICY = (
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
DEBUG_PAGES = (404, 500)

logger = logging.getLogger(__name__)


def head_alone(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Sends nothing after the headers that HEAD asks for. gunicorn would throw it away, and warn of it each time."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.method == "HEAD":
            if isinstance(response, FileResponse):
                response.file_to_stream = None
            if isinstance(response, StreamingHttpResponse):
                response.streaming_content = ()  # what was to come is closed with the response
            else:
                response.content = b""
        return response

    return middleware


def content_security_policy(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Sets Content-Security-Policy, which Django does by itself from 6.0 on."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if not (settings.DEBUG and response.status_code in DEBUG_PAGES):  # Django's tracebacks style themselves inline
            response.headers.setdefault("Content-Security-Policy", POLICY)
        return response

    return middleware


def kept_private(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Keeps what says nothing of it itself out of caches that people share, and asked for anew each time: what somebody
    may see of a page ends with their right to."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Cache-Control", "private, no-cache")
        return response

    return middleware


def not_allowed(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[..., HttpResponse]:
    """Puts a page of ours in the place of the browser's blank one for a method that an address doesn't take."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and not problems.is_api(request):
            return errors.not_allowed(request, response)
        return response

    return middleware


class CompressedPages(GZipMiddleware):
    """Compresses pages, where the browser takes that: a grid of pictures is a tenth of its size then. Nothing else:
    pictures and archives are compressed, static files lie there so, and what the API answers has strong entity tags.

    Django adds a random number of bytes, since lengths tell of secrets (https://www.breachattack.com/).
    """

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        return super().process_response(request, response) if is_page else response


class KnownErrors:
    """Turns what any view can meet into a page that says so: a store of pictures that doesn't answer, a full disk, a
    database that is locked or away, and what was done too often."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Called by Django with whatever a view raised."""
        if isinstance(exception, TooOften):
            return errors.too_often(request, exception)
        if isinstance(exception, StoreUnavailable):
            logger.error("The store of pictures doesn't answer: %s", exception)
            return errors.store_unavailable(request)
        if answer := errors.outage(request, exception):
            logger.error("%s could not be answered: %s", request.path, exception, exc_info=exception)
        return answer
