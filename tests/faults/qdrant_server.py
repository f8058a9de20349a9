"""A Qdrant server to break at will: real HTTP and real sockets before the client's in-memory mode.

It stands in for Qdrant's own binary, which can't be had where these tests run. It speaks as much of the REST interface
as `search.backends.qdrant` uses, and keeps points in memory; what a cluster does to them, it can't show.

    with QdrantServer() as server:
        index = QdrantIndex(url=server.url, ...)
        server.fault = Answer(503)
        ...
        server.fault = None
        assert server.calls["query"] == 1
"""

import json
import re
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from pydantic import BaseModel
from qdrant_client.http import models

from tests.faults.local_qdrant import LocalQdrant

Do = Callable[[LocalQdrant, str, Any], Any]


@dataclass(frozen=True)
class Refused:
    """Nobody listens; connections that were open are torn down."""


@dataclass(frozen=True)
class Slow:
    """What was asked is done at once, as Qdrant's log keeps the order of writes, but every answer takes that long, in
    seconds. An end of the fault ends the waiting too."""

    seconds: float = 5.0


@dataclass(frozen=True)
class Answer:
    """Nothing is done, and this is the answer. `retry_after`: the header, for 429."""

    status: int
    retry_after: str | None = None
    body: str = '{"status": {"error": "by order of the test"}}'


@dataclass(frozen=True)
class CutShort:
    """What was asked is done, but only half of the answer arrives."""


Fault = Refused | Slow | Answer | CutShort


class QdrantServer:
    """Listens on a port of its own, from the start of the `with` block to its end.

    `fault` is what goes wrong with each request, None for nothing; `fail_next` lets only some of the next ones fail.
    `calls` counts the requests that arrived, by what they asked for: exists, create, get, change, drop, aliases, index,
    upsert, delete, query, scroll, count. `api_key`: the only one that is let in, if given. `tls`: speak https.
    """

    def __init__(self, *, api_key: str = "", tls: ssl.SSLContext | None = None) -> None:
        self.calls: Counter[str] = Counter()
        self.local = LocalQdrant()
        self._api_key = api_key
        self._tls = tls
        self._fault: Fault | None = None
        self._failing: int | None = None  # how many more requests meet it; None for all
        self._passing = 0  # how many come through before it begins
        self._changed = threading.Event()
        self._lock = threading.Lock()
        self._port = 0
        self._http: _Http | None = None

    @property
    def url(self) -> str:
        """Its address, which stays the same through all faults."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self._port}"

    @property
    def fault(self) -> Fault | None:
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        with self._lock:
            self._set(fault)
        if isinstance(fault, Refused):
            self._stop()
        elif self._http is None:
            self._listen()

    def fail_next(self, times: int, fault: Slow | Answer | CutShort, *, after: int = 0) -> None:
        """Let the next `after` requests through, the `times` after them meet this fault, and the others through."""
        with self._lock:
            self._set(fault, times, after)

    def __enter__(self) -> "QdrantServer":
        self._listen()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._set(None)
        self._stop()

    def refuses(self, key: str | None) -> bool:
        """Whether a request with this key is turned away."""
        return bool(self._api_key) and key != self._api_key

    def next_fault(self, endpoint: str) -> Fault | None:
        """What goes wrong with the request that has just arrived."""
        with self._lock:
            self.calls[endpoint] += 1
            if self._passing:
                self._passing -= 1
                return None
            fault = self._fault
            if self._failing is not None:
                self._failing -= 1
                if not self._failing:
                    self._set(None)
            return fault

    def wait(self, seconds: float) -> None:
        """Wait, at most for as long as the fault lasts."""
        self._changed.wait(seconds)

    def _set(self, fault: Fault | None, times: int | None = None, after: int = 0) -> None:
        self._changed.set()
        self._changed = threading.Event()
        self._fault, self._failing, self._passing = fault, times, after

    def _listen(self) -> None:
        self._http = _Http(self, self._port)
        if self._tls:
            self._http.socket = self._tls.wrap_socket(self._http.socket, server_side=True)
        self._port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def _stop(self) -> None:
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
            self._http.hang_up()
            self._http = None


class _Http(ThreadingHTTPServer):
    """Knows its open connections, so that they can be torn down."""

    def __init__(self, owner: QdrantServer, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.owner = owner
        self._open: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for request in list(self._open):
            try:
                request.shutdown(socket.SHUT_RDWR)
            except OSError:  # the client was faster
                self._open.discard(request)


class _Handler(BaseHTTPRequestHandler):
    protocol_version: ClassVar[str] = "HTTP/1.1"
    disable_nagle_algorithm: ClassVar[bool] = True
    server: _Http

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:  # the client hung up, or was hung up on
            self.close_connection = True

    def respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        owner = self.server.owner
        endpoint, name, do = _route(self.command, self.path)
        fault = owner.next_fault(endpoint)
        if isinstance(fault, Answer):
            self._send(fault.status, fault.body, retry_after=fault.retry_after)
        elif owner.refuses(self.headers.get("api-key")):
            self._send(401, "Must provide an API key")
        else:
            status, result = _done(do, owner.local, name, json.loads(body or "null"))
            if isinstance(fault, Slow):
                owner.wait(fault.seconds)
            self._send(status, json.dumps(result), cut=isinstance(fault, CutShort))

    do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = respond

    def _send(self, status: int, text: str, *, retry_after: str | None = None, cut: bool = False) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        if cut:
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Say nothing: the tests look at `calls`."""


def _done(do: Do, local: LocalQdrant, name: str, body: Any) -> tuple[int, dict[str, Any]]:
    """Status and answer. The in-memory mode has one exception for all that the server answers with 4xx."""
    try:
        result = do(local, name, body)
    except ValueError as error:
        status = 404 if "not found" in str(error) else 409 if "already exists" in str(error) else 400
        return status, {"status": {"error": str(error)}, "time": 0.0}
    plain = result.model_dump(mode="json") if isinstance(result, BaseModel) else result
    return 200, {"result": plain, "status": "ok", "time": 0.0}


def _route(method: str, path: str) -> tuple[str, str, Do]:
    """What a request asks for, of which collection, and how it is done."""
    for verb, pattern, endpoint, do in _ROUTES:
        if verb == method and (found := re.fullmatch(pattern, path.partition("?")[0])):
            return endpoint, found.groupdict().get("name", ""), do
    raise AssertionError(f"The server of the tests knows no {method} {path}.")


def _create(local: LocalQdrant, name: str, body: Any) -> bool:
    asked = models.CreateCollection.model_validate(body)
    return local.create_collection(
        name,
        vectors_config=asked.vectors,
        quantization_config=asked.quantization_config,
        hnsw_config=asked.hnsw_config,
    )


def _change(local: LocalQdrant, name: str, body: Any) -> bool:
    asked = models.UpdateCollection.model_validate(body)
    return local.update_collection(
        name,
        vectors_config=asked.vectors,
        quantization_config=asked.quantization_config,
        hnsw_config=asked.hnsw_config,
    )


def _move_aliases(local: LocalQdrant, _: str, body: Any) -> bool:
    moved: bool = local.update_collection_aliases(models.ChangeAliasesOperation.model_validate(body).actions)
    return moved


def _index_field(local: LocalQdrant, name: str, body: Any) -> models.UpdateResult:
    asked = models.CreateFieldIndex.model_validate(body)
    return local.create_payload_index(name, asked.field_name, asked.field_schema)


def _upsert(local: LocalQdrant, name: str, body: Any) -> Any:
    return local.upsert(name, models.PointsList.model_validate(body).points)


def _query(local: LocalQdrant, name: str, body: Any) -> models.QueryResponse:
    asked = models.QueryRequest.model_validate(body)
    return local.query_points(
        name, query=asked.query, query_filter=asked.filter, limit=asked.limit, with_payload=asked.with_payload
    )


def _scroll(local: LocalQdrant, name: str, body: Any) -> dict[str, Any]:
    asked = models.ScrollRequest.model_validate(body)
    records, following = local.scroll(name, limit=asked.limit, offset=asked.offset, with_vectors=True)
    return {"points": [record.model_dump(mode="json") for record in records], "next_page_offset": following}


_NAME = "/collections/(?P<name>[^/]+)"
_ROUTES: list[tuple[str, str, str, Do]] = [
    ("POST", "/collections/aliases", "aliases", _move_aliases),
    ("GET", f"{_NAME}/exists", "exists", lambda local, name, _: {"exists": local.collection_exists(name)}),
    ("PUT", _NAME, "create", _create),
    ("GET", _NAME, "get", lambda local, name, _: local.get_collection(name)),
    ("PATCH", _NAME, "change", _change),
    ("DELETE", _NAME, "drop", lambda local, name, _: local.delete_collection(name)),
    ("PUT", f"{_NAME}/index", "index", _index_field),
    ("PUT", f"{_NAME}/points", "upsert", _upsert),
    (
        "POST",
        f"{_NAME}/points/delete",
        "delete",
        lambda local, name, body: local.delete(name, models.PointIdsList.model_validate(body)),
    ),
    ("POST", f"{_NAME}/points/query", "query", _query),
    ("POST", f"{_NAME}/points/scroll", "scroll", _scroll),
    ("POST", f"{_NAME}/points/count", "count", lambda local, name, _: local.count(name)),
]
