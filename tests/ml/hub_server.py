"""The few endpoints of the model hub that fetching a model needs, served from a folder on this machine."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubServer(ThreadingHTTPServer):
    """Serves one model, `repo`, from `folder`, and remembers which files were asked for."""

    def __init__(self, repo: str, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repo = repo
        self.folder = folder
        self.fetched: set[str] = set()
        self.breaks_off = False  # in the middle of every file

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    @cached_property
    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}


class _Handler(BaseHTTPRequestHandler):
    server: HubServer

    def do_HEAD(self) -> None:
        self._answer(*self._route(), body=False)

    def do_GET(self) -> None:
        self._answer(*self._route(), body=True)

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""

    def _route(self) -> tuple[int, bytes, dict[str, str]]:
        path = urlsplit(self.path).path
        files = self.server.files
        if path in (f"/api/models/{self.server.repo}/revision/{revision}" for revision in ("main", "v1", COMMIT)):
            siblings = [{"rfilename": name} for name in files]
            return _json({"id": self.server.repo, "sha": COMMIT, "siblings": siblings})
        if path == f"/api/models/{self.server.repo}/tree/{COMMIT}":
            return _json([_entry(name, content) for name, content in files.items()])
        name = path.removeprefix(f"/{self.server.repo}/resolve/{COMMIT}/")
        if name in files:
            if self.command == "GET":
                self.server.fetched.add(name)
            return 200, files[name], {"ETag": f'"{_etag(name, files[name])}"', "X-Repo-Commit": COMMIT}
        return 404, b"", {"X-Error-Code": "RepoNotFound"}

    def _answer(self, status: int, content: bytes, headers: dict[str, str], *, body: bool) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body and self.server.breaks_off and "ETag" in headers:
            self.wfile.write(content[: len(content) // 2])
            self.close_connection = True
        elif body:
            self.wfile.write(content)


@contextmanager
def serve(repo: str, folder: Path) -> Iterator[HubServer]:
    """A hub that has one model, until the block ends."""
    with HubServer(repo, folder) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def _json(content: Any) -> tuple[int, bytes, dict[str, str]]:
    return 200, json.dumps(content).encode(), {"Content-Type": "application/json"}


def _entry(name: str, content: bytes) -> dict[str, Any]:
    entry = {"type": "file", "path": name, "size": len(content), "oid": _git_hash(content)}
    if _is_large(name):
        entry["lfs"] = {"oid": _etag(name, content), "size": len(content), "pointerSize": 134}
    return entry


def _is_large(name: str) -> bool:
    return name.endswith((".safetensors", ".bin"))


def _etag(name: str, content: bytes) -> str:
    return hashlib.sha256(content).hexdigest() if _is_large(name) else _git_hash(content)


def _git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
