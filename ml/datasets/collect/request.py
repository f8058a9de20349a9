"""One HTTP request for something that is collected; what does not come is dropped, and why."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

import outbound
from ml.datasets.collect.dropped import Dropped
from ml.datasets.collect.limits import AGENT, Limits
from outbound import Address, NoAnswer

_HEADERS = {
    "User-Agent": f"{AGENT}/1.0 (collects pictures and captions for a data set)",
    "Accept": "image/webp,image/png,image/jpeg,image/gif;q=0.9,*/*;q=0.1",
}


@dataclass(frozen=True)
class Answer:
    """What a host answered; the body only of a 200."""

    status: int
    headers: Mapping[str, str]
    leads_to: str  #: the address to which a redirect leads; empty for any other answer
    body: bytes


@contextmanager
def _dropping() -> Iterator[None]:
    try:
        yield
    except NoAnswer as none:
        raise Dropped(none.kind.value, none.detail, again=none.again) from none


@_dropping()
def parse(text: str) -> Address:
    """Read an address. Raises Dropped."""
    return outbound.parse(text)


@_dropping()
def get(address: Address, limits: Limits, *, max_bytes: int) -> Answer:
    """Ask for an address once: no redirect is followed, no error tried again. Raises Dropped."""
    within, patience, allow_private = limits.total_time, limits.timeout, limits.allow_private
    with outbound.ask(
        address, headers=_HEADERS, within=within, patience=patience, allow_private=allow_private
    ) as answer:
        body = b"".join(answer.pieces(max_bytes)) if answer.status == HTTPStatus.OK else b""
        return Answer(answer.status, answer.headers, answer.leads_to, body)
