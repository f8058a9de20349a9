"""Why there is no answer."""

from enum import StrEnum


class Kind(StrEnum):
    """What went wrong; each caller has words of its own for it."""

    BAD_ADDRESS = "bad address"  #: not an http or https address that can be asked
    PRIVATE_ADDRESS = "private address"
    UNUSUAL_PORT = "unusual port"
    NO_SUCH_HOST = "no such host"
    NO_CONNECTION = "no connection"
    UNSAFE_CONNECTION = "unsafe connection"  #: the certificate is not valid for the host
    TIMEOUT = "timeout"  #: nothing came for too long
    TOO_SLOW = "too slow"  #: it took too long in all
    CONNECTION_BROKE = "connection broke"
    BAD_ANSWER = "bad answer"  #: no proper HTTP
    TOO_MANY_BYTES = "too many bytes"  #: as sent or unpacked


class NoAnswer(Exception):
    """An address was not asked, or did not answer, or its answer is not taken."""

    def __init__(self, kind: Kind, detail: str = "", *, again: bool = False) -> None:
        """`detail` is for logs; `again` says that another try may work."""
        super().__init__(kind, detail)
        self.kind = kind
        self.detail = detail
        self.again = again
