"""Pictures from addresses on the web, where the site is set to fetch them (settings.URL_IMPORT).

The site then calls machines that strangers name; `outbound` sees to it that none of them is ours, and that none holds
us up. What came is judged as any upload is.
"""

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import PurePosixPath
from time import monotonic
from typing import IO
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.files import File
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery import audit
from gallery.exceptions import UploadRefused
from gallery.intake import Outcome, picture_take
from gallery.models import User
from gallery.wording import grouped
from outbound import Kind, NoAnswer, ask, parse
from outbound.addresses import PORTS

MOST_REDIRECTS = 3
SECONDS = 30.0  # for all of it
PATIENCE = 10.0  # seconds, for the next bytes
AT_ONCE = 2  # in each process: a fetch holds a thread
HEADERS = {"User-Agent": "mmsite", "Accept": "image/*"}

_slots = threading.BoundedSemaphore(AT_ONCE)

_BROKE = gettext_lazy("The connection broke before the picture was here. Try again.")
_TOO_SLOW = gettext_lazy("The machine at this address takes too long.")
_UNREACHABLE = gettext_lazy("The machine at this address could not be reached.")
_WORDS = {
    Kind.BAD_ADDRESS: gettext_lazy("This is no address on the web, such as https://example.com/picture.jpg."),
    Kind.PRIVATE_ADDRESS: gettext_lazy("This address is not a public one on the web."),
    Kind.UNUSUAL_PORT: gettext_lazy("An address with a port of its own is not fetched."),
    Kind.NO_SUCH_HOST: _UNREACHABLE,
    Kind.NO_CONNECTION: _UNREACHABLE,
    Kind.UNSAFE_CONNECTION: _UNREACHABLE,
    Kind.TIMEOUT: _TOO_SLOW,
    Kind.TOO_SLOW: _TOO_SLOW,
    Kind.CONNECTION_BROKE: _BROKE,
    Kind.BAD_ANSWER: _BROKE,
    Kind.TOO_MANY_BYTES: gettext_lazy("The file at this address is too large: the limit is %(limit)s MB."),
}


def picture_fetch(*, owner: User, url: str, visibility: str) -> Outcome:
    """Takes in the picture at an address. What became of it, or why it is not fetched."""
    try:
        if not settings.URL_IMPORT:
            raise UploadRefused(_("This site fetches no pictures from the web."))
        with fetched(url) as (file, name):
            outcome = picture_take(owner=owner, file=File(file), file_name=name, visibility=visibility)
    except UploadRefused as refusal:
        return Outcome(url[:200], "refused", str(refusal))
    audit.record(owner, "url.import", urlsplit(url).hostname or "", outcome=outcome.kind)
    return outcome


@contextmanager
def fetched(url: str) -> Iterator[tuple[IO[bytes], str]]:
    """What lies at an address, in a temporary file, and what it is called there. Raises UploadRefused."""
    if not _slots.acquire(blocking=False):
        raise UploadRefused(_("Other pictures are being fetched just now. Try again in a moment."))
    try:
        with tempfile.TemporaryFile() as file:
            try:
                name = _fetch(url, file, most=settings.GALLERY_LIMITS["bytes"])
            except NoAnswer as none:
                limit = grouped(settings.GALLERY_LIMITS["bytes"] // 1_000_000)
                raise UploadRefused(str(_WORDS[none.kind]) % {"limit": limit}) from none
            file.seek(0)
            yield file, name
    finally:
        _slots.release()


def _fetch(url: str, file: IO[bytes], *, most: int) -> str:
    end = monotonic() + SECONDS
    for __ in range(MOST_REDIRECTS + 1):
        address = parse(url)
        if address.had_user:
            raise UploadRefused(_("An address with a password in it is not fetched."))
        if address.port != PORTS[address.scheme]:  # others belong to services that are no business of a picture's
            raise NoAnswer(Kind.UNUSUAL_PORT)
        with ask(address, headers=HEADERS, within=end - monotonic(), patience=PATIENCE) as answer:
            if answer.leads_to:
                url = answer.leads_to
                continue
            if answer.status != HTTPStatus.OK:
                raise UploadRefused(
                    _("There is nothing to fetch at this address (it answered %(status)s).") % {"status": answer.status}
                )
            file.writelines(answer.pieces(most))
            return unquote(PurePosixPath(address.target.partition("?")[0]).name) or address.host
    raise UploadRefused(_("This address leads on and on to others."))
