"""What every answer carries, as gunicorn gets it."""

from collections.abc import Callable
from typing import Any
from wsgiref.util import FileWrapper, setup_testing_defaults

import pytest
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.test import Client
from django.urls import reverse

from gallery.models import Image, User
from mmsite import worker

pytestmark = pytest.mark.django_db


def answer(client: Client, method: str, path: str) -> tuple[str, dict[str, str], bytes]:
    """(status, headers, body), without what Django's own client does to it."""
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].OutputString()
    environ: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "HTTP_HOST": "testserver",
        "HTTP_COOKIE": cookie,
        "wsgi.file_wrapper": FileWrapper,
    }
    setup_testing_defaults(environ)
    told: list[Any] = []

    def start(status: str, given: list[tuple[str, str]], error: Any = None) -> Callable[[bytes], object]:
        told.extend((status, dict(given)))
        return told.append

    response: Any = get_wsgi_application()(environ, start)
    body = b"".join(response)
    response.close()
    return told[0], told[1], body


def test_head_is_answered_by_the_headers_of_get_alone(
    client: Client, user: User, make_image: Callable[..., Image]
) -> None:
    image = make_image("red")
    worker.work_until_idle()
    client.force_login(user)
    for path in (
        "/",
        "/no-such-page",
        reverse("rendition", args=[image.uuid, "thumbnail"]),
        reverse("original", args=[image.uuid]),
        reverse("download", args=[image.uuid, "small"]),
        reverse("library-archive"),
        "/api/v1/images/",
    ):
        got, asked = (answer(client, method, path) for method in ("GET", "HEAD"))
        assert got[2], path
        assert (asked[0], asked[2]) == (got[0], b""), path
        assert set(asked[1]) == set(got[1]), path
        if "text/html" not in got[1]["Content-Type"]:  # whose tokens are others each time
            assert asked[1].get("Content-Length") == got[1].get("Content-Length"), path
