"""Which request, or which work on pictures, an entry of the log belongs to."""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import monotonic
from uuid import uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from mmsite import instruments

HEADER = "X-Request-ID"
_SANE = re.compile(r"[\w.-]{8,64}", re.ASCII)
_request: ContextVar[str] = ContextVar("request", default="")
_work: ContextVar[str] = ContextVar("work", default="")

logger = logging.getLogger("mmsite.requests")


class Context(logging.Filter):
    """Gives each entry `request_id` and `work`, "" where there is none, and `context`, which has them in a line."""

    def filter(self, record: logging.LogRecord) -> bool:
        request, work = _request.get(), _work.get()
        context = "".join(f" [{name} {value}]" for name, value in (("request", request), ("work", work)) if value)
        vars(record).update(request_id=request, work=work, context=context)
        return True


def request_id() -> str:
    """Of the request that is being answered, "" for none."""
    return _request.get()


@contextmanager
def working_on(step: str, images: Iterable[object]) -> Iterator[None]:
    """What is logged in the block is of this step of these pictures."""
    token = _work.set(f"{step} of {', '.join(map(str, images))}")
    try:
        yield
    finally:
        _work.reset(token)


def traced(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: gives each request an id, which its entries of the log and its answer have, and counts it.

    What a proxy in front of the site calls the request is its id, if that can be one; strangers name none.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        token = _request.set(given if settings.PROXIES and _SANE.fullmatch(given) else uuid4().hex)
        started = monotonic()
        try:
            response = get_response(request)
            seconds = monotonic() - started
            instruments.REQUESTS.labels(status=f"{response.status_code // 100}xx").observe(seconds)
            if settings.LOG_REQUESTS:
                logger.info("%s %s %d in %.3f s", request.method, request.path, response.status_code, seconds)
            response.headers[HEADER] = _request.get()
            return response
        finally:
            _request.reset(token)

    return middleware
