"""The way to a Qdrant server: made when it is first needed, and with errors in our own terms."""

import math
import ssl
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import httpx
from qdrant_client import QdrantClient

from search.backends.exceptions import IndexRefused
from search.backends.qdrant_errors import plain_errors
from search.backends.retries import Retries

Result = TypeVar("Result")

# The client would open a new connection for each request to localhost, and elsewhere after five quiet seconds.
_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=30)


class Connection:
    """Asks a Qdrant server, or the client that is given in its place. Safe to share between threads, not across a fork.

    `timeout` bounds each wait for the network, in seconds. `verify` is False (over HTTP only), or the path of a file
    with the certificates to trust, or True for the public authorities that the client's libraries bring along, which
    may be others than the system's. The key travels as it is: over https, unless the network is trusted.
    """

    def __init__(
        self,
        *,
        url: str,
        api_key: str,
        prefer_grpc: bool,
        grpc_port: int,
        timeout: float,
        verify: bool | str,
        retries: Retries,
        client: QdrantClient | None = None,
    ) -> None:
        if not (api_key.isascii() and api_key.isprintable()) or " " in api_key:
            raise ValueError("The API key of Qdrant holds characters that no key holds: a line end, perhaps?")
        self.address = url.rsplit("@", maxsplit=1)[-1]  # without a password, if it holds one
        self._url = url
        self._api_key = api_key
        self._prefer_grpc = prefer_grpc
        self._grpc_port = grpc_port
        self._timeout = timeout
        self._verify = verify
        self._retries = retries
        self._given = client
        self._making = threading.Lock()

    def ask(self, function: Callable[[QdrantClient], Result]) -> Result:
        """What the function gets from the client. Raises IndexUnavailable."""
        with self._making:
            client = self._client
        with plain_errors():
            return function(client)

    def insist(self, function: Callable[[QdrantClient], Result]) -> Result:
        """The same, again and again for as long as that may help. Only for what is safe to do twice."""
        return self._retries.call(lambda: self.ask(function))

    def close(self) -> None:
        """Give the network connections back. The next question makes new ones."""
        with self._making:
            if "_client" in self.__dict__ and self._given is None:
                self.__dict__.pop("_client").close()

    def __del__(self) -> None:
        if "_making" in self.__dict__:  # made whole
            self.close()

    @cached_property
    def _client(self) -> QdrantClient:
        if self._given is not None:
            return self._given
        # As a header, since the client takes a key by its own name for a wish for https.
        headers = {"api-key": self._api_key} if self._api_key else None
        http_certificates, grpc_options = self._certificates()
        return QdrantClient(
            url=self._url,
            headers=headers,
            prefer_grpc=self._prefer_grpc,
            grpc_port=self._grpc_port,
            grpc_options=grpc_options,
            timeout=math.ceil(self._timeout),
            verify=http_certificates,
            limits=_LIMITS,
            check_compatibility=False,  # it would ask the server from a thread of its own
        )

    def _certificates(self) -> tuple[bool | ssl.SSLContext, dict[str, bytes] | None]:
        """Those to trust, as HTTP and as gRPC take them."""
        if isinstance(self._verify, bool):
            return self._verify, None
        try:
            return ssl.create_default_context(cafile=self._verify), {
                "root_certificates": Path(self._verify).read_bytes()
            }
        except OSError as error:
            raise IndexRefused(f"The certificates in {self._verify} can't be read.") from error
