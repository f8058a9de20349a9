"""One HTTP request for something that is collected; what does not come is dropped, and why."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import outbound
from ml.datasets.collect.dropped import Dropped
from ml.datasets.collect.limits import AGENT, Limits
from outbound import Address, Answer, NoAnswer

_HEADERS = {
    "User-Agent": f"{AGENT}/1.0 (collects pictures and captions for a data set)",
    "Accept": "image/webp,image/png,image/jpeg,image/gif;q=0.9,*/*;q=0.1",
}


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
def get(address: Address, limits: Limits, *, max_bytes: int) -> tuple[Answer, bytes]:
    """Ask once: no redirect is followed, no error tried again. The body is only that of a 200. Raises Dropped."""
    within, patience, allow_private = limits.total_time, limits.timeout, limits.allow_private
    with outbound.ask(
        address, headers=_HEADERS, within=within, patience=patience, allow_private=allow_private
    ) as answer:
        return answer, b"".join(answer.pieces(max_bytes)) if answer.status == HTTPStatus.OK else b""
