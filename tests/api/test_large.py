"""Large files don't go through memory, whichever way they come."""

import io
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from gallery.models import Image
from tests.api.conftest import Api

MEGABYTE = 1 << 20
SIZE = 48 * MEGABYTE
MOST = SIZE // 3  # pieces that are made durable at once, a small picture, and what a request takes anyway
BOUNDARY = "between-the-parts"


class Stream(io.RawIOBase):
    """A body that is nowhere as a whole."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self.parts, self.rest = parts, b""

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "all of it at once"
        if not self.rest:
            self.rest = next(self.parts, b"")
        piece, self.rest = self.rest[:size], self.rest[size:]
        return piece


def body(start: bytes, end: bytes = b"") -> Iterator[bytes]:
    yield start
    nothing = bytes(MEGABYTE // 16)
    for _ in range(SIZE // len(nothing)):
        yield nothing
    yield end


def peak_of(api: Api, method: str, path: str, start: bytes, end: bytes = b"", **said: str) -> tuple[Any, int]:
    """The answer, and how many bytes were held for it at once."""
    asked = {
        "REQUEST_METHOD": method,
        "PATH_INFO": f"/api/v1/{path}",
        "CONTENT_LENGTH": str(len(start) + SIZE + len(end)),
        "HTTP_AUTHORIZATION": api.headers["Authorization"],
        "wsgi.input": Stream(body(start, end)),
        **said,
    }
    api.get("me/")  # what is imported with the first request isn't its body
    tracemalloc.start()
    try:
        return api.client.request(**asked), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("path", "name"),
    [("images/", "file"), ("caption/", "picture"), ("embed/picture/", "picture"), ("search/picture/", "picture")],
)
def test_a_form(api: Api, ready: Any, make_jpeg: Any, path: str, name: str) -> None:
    ready("blue")
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="sea.jpg"\r\n\r\n'
    answer, peak = peak_of(
        api,
        "POST",
        path,
        head.encode() + make_jpeg("red"),  # a picture, with much behind it
        f"\r\n--{BOUNDARY}--\r\n".encode(),
        CONTENT_TYPE=f"multipart/form-data; boundary={BOUNDARY}",
        HTTP_IDEMPOTENCY_KEY="one",
    )
    assert answer.status_code in (200, 201), answer.content
    assert peak < MOST


def test_a_file_in_one_piece_of_many(api: Api, make_jpeg: Any) -> None:
    picture = make_jpeg("red")
    tus = {"Tus-Resumable": "1.0.0"}
    opened = api.post("uploads/", headers={**tus, "Upload-Length": str(len(picture) + SIZE)})
    answer, peak = peak_of(
        api,
        "PATCH",
        opened["Location"].partition("/api/v1/")[2],
        picture,
        CONTENT_TYPE="application/offset+octet-stream",
        HTTP_TUS_RESUMABLE="1.0.0",
        HTTP_UPLOAD_OFFSET="0",
    )
    assert (answer.status_code, answer["Upload-Offset"]) == (204, str(len(picture) + SIZE))
    assert Image.objects.get().byte_size == len(picture) + SIZE
    assert peak < MOST


def test_json_is_not_read_where_it_is_too_long(api: Api) -> None:
    answer, peak = peak_of(api, "POST", "albums/", b'{"title": "', b'"}', CONTENT_TYPE="application/json")
    assert answer.status_code == 413
    assert peak < MOST
