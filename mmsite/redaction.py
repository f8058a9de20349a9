"""Keeps secrets out of logs: tokens, passwords, cookies, and addresses that let in whoever knows them.

Of the whole text of an entry, its traceback included, since nobody knows beforehand who will log a path.
"""

import logging
import re

HIDDEN = "…"
# What comes before a secret stays, so that one sees what it was.
_SECRETS = [
    re.compile(pattern)
    for pattern in (
        # links to albums, invitations, links for a new password and for an e-mail address
        r"(/s/|/sign-up/|/password/reset/[^/\s]+/)[\w-]{16,}",
        r"(/account/email/)[^/\s\"']+",
        r"(?i)\b((?:bearer|basic)\s+)[\w.~+/=-]{6,}",
        r"\b(mms_|whsec_)[\w+/=-]{6,}",
        r"(://[^\s/:@]*:)[^\s/@]+(?=@)",  # a password in an address
        # by their names: in query strings, forms, cookies, headers and what Python shows of a dict
        r"(?i)((?:password[12]?|passwd|secret|token|api_?key|signature|sessionid|authorization|cookie)"
        r"[\"']?\s*[=:]\s*[\"']?)[^\s\"'&;,)}\]…]+",
    )
]


def redact(text: str) -> str:
    """The text without its secrets."""
    for secret in _SECRETS:
        text = secret.sub(rf"\1{HIDDEN}", text)
    return text


class Formatter(logging.Formatter):
    """logging's own, without secrets. Every handler of `settings.LOGGING` and of gunicorn has one."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
