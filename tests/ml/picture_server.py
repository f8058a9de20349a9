"""A web server on this machine that serves pictures, and misbehaves in the ways that hosts of pictures do."""

import functools
import gzip
import io
import socket
import struct
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Condition, Event, Semaphore, Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

from PIL import Image as PILImage
from PIL import ImageDraw

FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "gif": "GIF"}


@functools.cache
def picture(number: int = 0, kind: str = "jpg", size: tuple[int, int] = (80, 72)) -> bytes:
    """A picture like no other number's."""
    image = PILImage.new("RGB", size, (number * 37 % 256, number * 91 % 256, number * 13 % 256))
    ImageDraw.Draw(image).text((4, 4), str(number), "white")
    buffer = io.BytesIO()
    image.save(buffer, FORMATS[kind])
    return buffer.getvalue()


def pixel_bomb(width: int = 60_000, height: int = 60_000) -> bytes:
    """A PNG of few bytes, whose header promises 3.6 thousand million pixels."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(bytes(10_000))), (b"IEND", b""))
    body = b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def canvas_bomb() -> bytes:
    """A WebP of few bytes, whose header promises a canvas of 268 million pixels."""
    frames = [PILImage.new("RGB", (80, 80), colour) for colour in ("red", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "WEBP", save_all=True, append_images=frames[1:], duration=100)
    body = bytearray(buffer.getvalue())
    sides = body.index(b"VP8X") + 12  # two of 24 bits, less one
    body[sides : sides + 6] = (16_382).to_bytes(3, "little") * 2
    return bytes(body)


class PictureServer(ThreadingHTTPServer):
    """`/NUMBER.jpg` (png, webp, gif) is a good picture, other paths are not; see `Handler`."""

    daemon_threads = True

    def __init__(self, handler: type["Handler"] | None = None) -> None:
        super().__init__(("127.0.0.1", 0), handler or Handler)
        _zeros()  # takes a moment, so not when it is asked for
        self.asked: Counter[str] = Counter()  #: how often each path was asked for
        self.headers: list[dict[str, str]] = []
        self.robots: str | None = None
        self.delay = 0.0  #: seconds before a good picture
        self.hold: Semaphore | None = None  #: what releases the good pictures, one by one
        self.held = self.most_held = 0  #: how many requests wait for that, and the most that ever did
        self.over = Event()
        self.lock = Condition()

    def wait_for_held(self, number: int) -> None:
        """Wait until so many requests are held."""
        with self.lock:
            assert self.lock.wait_for(lambda: self.held == number, timeout=60), f"{self.held} are held"

    def wait_for_asked(self, path: str, number: int) -> None:
        """Wait until a path was asked for so often: who loses patience may do so before the request is read."""
        with self.lock:
            assert self.lock.wait_for(lambda: self.asked[path] == number, timeout=60), self.asked[path]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: Any) -> None:
        """A client that breaks off is no error here."""


class Handler(BaseHTTPRequestHandler):
    """`do_NAME` answers `/NAME`; everything else is a picture or a 404."""

    server: PictureServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.close_connection = True
        url = urlsplit(self.path)
        with self.server.lock:
            self.server.asked[url.path] += 1
            self.server.headers.append(dict(self.headers))
            self.server.lock.notify_all()
        name = url.path.strip("/").replace("-", "_").replace(".", "_").partition("/")[0]
        misbehave = getattr(self, f"do_{name}", None)
        if misbehave is not None:
            misbehave(parse_qs(url.query))
        else:
            self._picture(url.path)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def _picture(self, path: str) -> None:
        number, _, kind = path.rpartition("/")[2].partition(".")
        if kind in FORMATS and number.isdigit():
            time.sleep(self.server.delay)
            if self.server.hold is not None:
                self._wait(self.server.hold)
            self._answer(picture(int(number), kind), type=f"image/{FORMATS[kind].lower()}")
        else:
            self._answer(b"no such thing", 404, type="text/plain")

    def _wait(self, hold: Semaphore) -> None:
        """Whoever asked may ask again once it has its answer, so this is over before."""
        server = self.server
        with server.lock:
            server.held += 1
            server.most_held = max(server.held, server.most_held)
            server.lock.notify_all()
        hold.acquire(timeout=60)
        with server.lock:
            server.held -= 1
            server.lock.notify_all()

    def do_robots_txt(self, _: Any) -> None:
        if self.server.robots is None:
            self._answer(b"", 404)
        else:
            self._answer(self.server.robots.encode(), type="text/plain")

    def do_status(self, query: dict[str, list[str]]) -> None:
        """Another status, with the headers that the query names: `/status?code=429&Retry-After=1`."""
        code = int(query.pop("code")[0])
        self._answer(b"sorry", code, **{name: values[0] for name, values in query.items()})

    def do_first(self, query: dict[str, list[str]]) -> None:
        """That, but only the first time it is asked for."""
        if self.server.asked["/first"] > 1:
            self._answer(picture(1))
        else:
            self.do_status(query)

    def do_hang(self, _: Any) -> None:
        self.server.over.wait(60)

    def do_drip(self, _: Any) -> None:
        """A byte each time before the client loses patience."""
        self._head(200, {"Content-Length": "100000"})
        self._drip(bytes(100))

    def do_drip_headers(self, _: Any) -> None:
        self._drip(b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 1000)

    def do_drip_without_length(self, _: Any) -> None:
        self._head(200, {})
        self._drip(bytes(1000))

    def _drip(self, content: bytes) -> None:
        for byte in content:
            self.wfile.write(bytes([byte]))
            if self.server.over.wait(0.05):
                return

    def do_reset(self, _: Any) -> None:
        """Half a picture, then a TCP reset."""
        body = picture(2)
        self._head(200, {"Content-Length": str(len(body))})
        self.wfile.write(body[: len(body) // 2])
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def do_short(self, _: Any) -> None:
        """A Content-Length that is more than what comes."""
        body = picture(3)
        self._head(200, {"Content-Length": str(len(body) + 1000)})
        self.wfile.write(body)

    def do_cut(self, query: dict[str, list[str]]) -> None:
        """A picture that lacks its end, though all is sent that was announced."""
        kind = query["kind"][0]
        body = picture(4, kind, (400, 300))
        self._answer(body[: len(body) * 2 // 3], type=f"image/{kind}")

    def do_html(self, _: Any) -> None:
        self._answer(b"\n<!DOCTYPE html><title>Picture gone</title>", type="image/jpeg")

    def do_text(self, _: Any) -> None:
        self._answer(b"BM this is no picture", type="image/png")

    def do_empty(self, _: Any) -> None:
        self._answer(b"", type="image/png")

    def do_loop(self, _: Any) -> None:
        self._answer(b"", 302, Location="/loop-back")

    def do_loop_back(self, _: Any) -> None:
        self._answer(b"", 301, Location="/loop")

    def do_hops(self, query: dict[str, list[str]]) -> None:
        """So many redirects before the picture."""
        left = int(query["left"][0])
        self._answer(b"", 307, Location=f"/hops?left={left - 1}" if left > 1 else "/5.jpg")

    def do_to(self, query: dict[str, list[str]]) -> None:
        self._answer(b"", 302, Location=query["address"][0])

    def do_announced(self, _: Any) -> None:
        self._head(200, {"Content-Length": "999999999999"})

    def do_endless(self, _: Any) -> None:
        """A body without an announced length, and without an end."""
        self._head(200, {})
        while not self.server.over.is_set():
            self.wfile.write(bytes(64 * 1024))

    def do_chunked(self, _: Any) -> None:
        self._head(200, {"Transfer-Encoding": "chunked"})
        body = picture(6)
        for start in range(0, len(body), 100):
            part = body[start : start + 100]
            self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def do_gzip(self, _: Any) -> None:
        """A good picture, compressed though nobody asked for it."""
        self._answer(gzip.compress(picture(7)), **{"Content-Encoding": "gzip"})

    def do_gzip_bomb(self, _: Any) -> None:
        """100 KB that unpack to 100 MB."""
        self._answer(_zeros(), **{"Content-Encoding": "gzip"})

    def do_gzip_broken(self, _: Any) -> None:
        self._answer(b"not gzip at all", **{"Content-Encoding": "gzip"})

    def do_pixel_bomb(self, _: Any) -> None:
        self._answer(pixel_bomb(), type="image/png")

    def do_canvas_bomb(self, _: Any) -> None:
        self._answer(canvas_bomb(), type="image/webp")

    def do_tiny(self, _: Any) -> None:
        self._answer(picture(8, "gif", (1, 1)), type="image/gif")

    def do_garbage(self, _: Any) -> None:
        self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n" * 3)

    def _answer(self, body: bytes, code: int = 200, *, type: str = "image/jpeg", **headers: str) -> None:
        self._head(code, {"Content-Type": type, "Content-Length": str(len(body)), **headers})
        self.wfile.write(body)

    def _head(self, code: int, headers: dict[str, str]) -> None:
        self.send_response(code)
        for name, value in {**headers, "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()


@functools.cache
def _zeros() -> bytes:
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(1_000_000)
    return b"".join(packer.compress(zeros) for _ in range(100)) + packer.flush()


@contextmanager
def serve(server: PictureServer | None = None) -> Iterator[PictureServer]:
    """Such a server, until the block ends."""
    with server or PictureServer() as running:
        thread = Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield running
        finally:
            running.over.set()
            running.shutdown()
            thread.join()
