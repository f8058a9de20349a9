"""Why a picture is not kept."""

from http import HTTPStatus

MEANING = {
    "bad row": "the row is not a caption, a tab and an address",
    "no caption": "the row's caption is empty",
    "bad address": "not an http or https address that can be asked",
    "private address": "the host, or a redirect, leads to a private network or to this machine",
    "unusual port": "another port than 80, 443, 8080 or 8443",
    "robots.txt": "the host's robots.txt forbids it, or cannot be had",
    "no such host": "the host's name leads nowhere",
    "no connection": "the host refuses the connection or is out of reach",
    "unsafe connection": "the host's certificate is not valid for it",
    "timeout": "the host sent nothing for too long",
    "too slow": "the request took too long in all",
    "connection broke": "the connection ended before the picture did",
    "bad answer": "the host does not speak proper HTTP",
    "redirect loop": "a redirect leads back to where it was before",
    "too many redirects": "too many redirects",
    "too many bytes": "more bytes than --max-bytes, as sent or unpacked",
    "not a picture": "a web page or a text in place of a picture",
    "unknown format": "neither JPEG, PNG, WebP nor GIF",
    "broken picture": "cut short or damaged: it cannot be decoded",
    "too many pixels": "more pixels than --max-pixels",
    "too small": "a side shorter than --min-side",
    "unforeseen": "an error of this program, which its log tells; please report it",
    "same address": "an address that another row has",
    "same picture": "byte for byte a picture that is kept from another address",
}
"""Every reason but the statuses, and what it means."""


class Dropped(Exception):
    """This picture will not be kept, or not yet; never leaves this package."""

    def __init__(self, reason: str, detail: str = "", *, again: bool = False, wait: float | None = None) -> None:
        """`again` says that another try may work, `wait` the seconds for which the host asked before it."""
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
        self.again = again
        self.wait = wait


def meaning(reason: str) -> str:
    """A reason in words."""
    if reason.startswith("status "):
        code = int(reason.removeprefix("status "))
        known = code in HTTPStatus._value2member_map_
        return f"the host answered: {HTTPStatus(code).phrase.lower() if known else 'an unknown status'}"
    return MEANING[reason]
