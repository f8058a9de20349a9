"""What a host's robots.txt allows: https://www.rfc-editor.org/rfc/rfc9309."""

from dataclasses import dataclass
from threading import Lock

from protego import Protego

from ml.datasets.collect import request
from ml.datasets.collect.dropped import Dropped
from ml.datasets.collect.limits import AGENT, Limits
from outbound import Address

_MAX_BYTES = 512 * 1024
_LONGEST_DELAY = 60.0  # seconds
_REDIRECTS = 5
_REMEMBERED = 2_000  # hosts


@dataclass
class _Rules:
    lock: Lock
    parsed: Protego | None = None
    why_none: str = ""


class Robots:
    """The robots.txt of every host that was asked, each fetched once while it is remembered."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._rules: dict[str, _Rules] = {}
        self._lock = Lock()

    def check(self, address: Address) -> float:
        """Seconds that the host wants between requests. Raises Dropped where it forbids the address."""
        rules = self._of(address)
        if not rules.can_fetch(str(address), AGENT):
            raise Dropped("robots.txt", f"{address.origin}/robots.txt forbids it")
        delay = float(rules.crawl_delay(AGENT) or 0.0)
        if delay > _LONGEST_DELAY:
            raise Dropped("robots.txt", f"{address.origin}/robots.txt asks for {delay:g} s between requests")
        return delay

    def _of(self, address: Address) -> Protego:
        """The rules. Raises Dropped where they cannot be had: all is forbidden then, as RFC 9309 says."""
        with self._lock:
            rules = self._rules.setdefault(address.origin, _Rules(Lock()))
            if len(self._rules) > _REMEMBERED:
                del self._rules[next(iter(self._rules))]
        with rules.lock:
            if rules.parsed is None and not rules.why_none:
                try:
                    rules.parsed = Protego.parse(self._fetch(address))
                except Dropped as dropped:
                    rules.why_none = f"{address.origin}/robots.txt cannot be had: {dropped.reason}"
        if rules.parsed is None:
            raise Dropped("robots.txt", rules.why_none)
        return rules.parsed

    def _fetch(self, address: Address) -> str:
        where = request.parse(address.origin + "/robots.txt")
        for _ in range(_REDIRECTS + 1):
            answer, body = request.get(where, self._limits, max_bytes=_MAX_BYTES)
            if answer.leads_to:
                where = request.parse(answer.leads_to)
            elif answer.status == 200:
                return body.decode("utf-8", "replace")
            elif 400 <= answer.status < 500 and answer.status != 429:
                return ""
            else:
                raise Dropped(f"status {answer.status}")
        raise Dropped("too many redirects")
