"""How large, how slow, how often and how many at once, when pictures are fetched from strangers."""

import argparse
from dataclasses import dataclass, fields

from ml.errors import UsageError
from ml.training.options import add_arguments, option

AGENT = "mmsite-workshop"  #: what robots.txt may call us


@dataclass(frozen=True)
class Limits:
    """The limits of a collection; each is an option of the commands that collect."""

    workers: int = option(32, "pictures fetched at once")
    timeout: float = option(10.0, "seconds to wait for a connection, and for the next bytes")
    total_time: float = option(60.0, "seconds that one request may take in all, however it drips")
    retries: int = option(2, "how often to try again after timeouts, broken connections, 5xx and 429")
    backoff: float = option(1.0, "seconds before the first retry, doubled for each further one, plus or minus half")
    per_host: int = option(2, "requests to one host at once")
    pause: float = option(0.5, "seconds between the end of a request and the next to the same host")
    redirects: int = option(5, "how many redirects to follow")
    max_bytes: int = option(20_000_000, "largest picture, in bytes, also after it is unpacked")
    max_pixels: int = option(50_000_000, "largest picture, in pixels")
    min_side: int = option(64, "smallest width and height, in pixels")
    allow_private: bool = option(False, "also ask private addresses and unusual ports, as in an intranet")

    def __post_init__(self) -> None:
        for name in ("workers", "timeout", "total_time", "per_host", "max_bytes", "max_pixels", "min_side"):
            if not getattr(self, name) > 0:  # also where it is not a number
                raise UsageError(f"--{name.replace('_', '-')} must be more than 0.")
        for name in ("retries", "backoff", "pause", "redirects"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"--{name.replace('_', '-')} must not be negative.")


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Give a parser an option for each limit."""
    add_arguments(parser, Limits)


def parsed_limits(parsed: argparse.Namespace) -> Limits:
    """The limits that were parsed. Raises UsageError for those that make no sense."""
    return Limits(**{each.name: getattr(parsed, each.name) for each in fields(Limits)})
