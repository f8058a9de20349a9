"""Keeps secrets out of logs: tokens, passwords, cookies, and addresses that let in whoever knows them.

Of the whole text of an entry, its traceback included, since nobody knows beforehand who will log a path.
"""

import logging
import re
from typing import Any

from pythonjsonlogger import json
from pythonjsonlogger.core import RESERVED_ATTRS

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


class JsonFormatter(json.JsonFormatter):
    """A line of JSON for each entry, without secrets."""

    def __init__(self) -> None:
        super().__init__(
            ["asctime", "levelname", "name", "message", "request_id", "work"],
            datefmt="%Y-%m-%dT%H:%M:%S%z",
            rename_fields={"asctime": "time", "levelname": "level", "name": "logger"},
            reserved_attrs=[*RESERVED_ATTRS, "context", "request", "status_code", "server_time"],
            json_ensure_ascii=False,
        )

    def process_log_record(self, log_data: dict[str, Any]) -> dict[str, Any]:
        return {
            name: redact(value) if isinstance(value, str) else value
            for name, value in super().process_log_record(log_data).items()
            if value not in ("", None)
        }


class Formatter(logging.Formatter):
    """logging's own, without secrets. Every handler of `settings.LOGGING` and of gunicorn has this one or the other."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
