"""A real browser before a search page: it agrees to the consent dialogue, scrolls, and tells the pictures it sees."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urljoin

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from urllib3.exceptions import HTTPError

from ml.datasets.collect.dropped import Dropped
from ml.datasets.collect.request import parse
from ml.datasets.collect.robots import Robots
from ml.datasets.collect.sites import Site
from ml.errors import DatasetError

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_PAGE_LOAD = 30  # seconds
_POLL = 0.1  # seconds
_SHORTEST_DATA = 500  # letters; a shorter data: URI is what stands there until the picture comes
_SRCSET = re.compile(r"([^\s,]\S*[^\s,])(?:\s+([\d.]+)[wx])?\s*(?:,|$)")

# The results whose attributes are not those of the last call: a page has hundreds, whose data: URIs are megabytes.
_RESULTS = """
const [result, picture, link, attributes] = arguments;
const seen = (window.mmsiteSeen ??= new Set());
const found = [];
for (const element of document.querySelectorAll(result)) {
  const image = picture && !element.matches(picture) ? element.querySelector(picture) : element;
  if (!image) continue;
  const anchor = (link && (element.querySelector(link) ?? element.closest(link))) || null;
  const values = attributes.map((name) => image.getAttribute(name) ?? element.getAttribute(name) ?? "");
  const key = JSON.stringify(values);
  if (seen.has(key)) continue;
  seen.add(key);
  found.push({values, page: anchor?.href ?? "", base: document.baseURI});
}
return found;
"""
_SHOWN = """
const shown = (element) => element.checkVisibility({checkVisibilityCSS: true}) && !element.disabled;
const element = [...document.querySelectorAll(arguments[0])].find(shown);
if (element && arguments[1]) element.click();
return Boolean(element);
"""
_SCROLL = """
const before = scrollY;
scrollBy({top: innerHeight * 0.8, behavior: "instant"});
if (scrollY === before) [...document.querySelectorAll(arguments[0])].at(-1)?.scrollIntoView({block: "end"});
return scrollY > before;
"""
_STATE = "return [performance.getEntriesByType('navigation')[0]?.responseStatus ?? 0, location.protocol]"


@dataclass(frozen=True)
class Find:
    """A picture on a search page."""

    address: str  #: http, https or data:
    page: str  #: the page that it comes from, or an empty text


@contextmanager
def chromium(*, headful: bool) -> Iterator[Chrome]:
    """A browser with a fresh profile. Raises DatasetError where none is installed or it does not start."""
    binary = next(filter(None, map(shutil.which, _BROWSERS)), None)
    driver = shutil.which("chromedriver")
    if binary is None or driver is None:
        raise DatasetError("Chromium and chromedriver are needed to look at search pages; install both.")
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = binary
        arguments = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]
        arguments += ["--window-size=1280,1000", f"--user-data-dir={profile}"]
        arguments += [] if headful else ["--headless=new"]
        arguments += ["--no-sandbox"] if os.geteuid() == 0 else []  # root has none to offer
        for argument in arguments:
            options.add_argument(argument)
        try:
            # A group of its own: Ctrl-C ends this program, which then ends the browser.
            chrome = Chrome(options=options, service=Service(driver, popen_kw={"start_new_session": True}))
        except WebDriverException as error:
            raise DatasetError(f"The browser does not start: {_first_line(error)}.") from error
        with _ended_with_us(chrome.service.process.pid):
            try:
                chrome.set_page_load_timeout(_PAGE_LOAD)
                yield chrome
            finally:
                with suppress(WebDriverException, HTTPError, OSError):
                    chrome.quit()


@contextmanager
def _ended_with_us(group: int) -> Iterator[None]:
    """Have a group of processes killed at the end, also where this process is killed: its end of a pipe closes then."""
    command = ["/bin/sh", "-c", 'read _; kill -s KILL -- "-$1" 2>/dev/null', "sh", str(group)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True):  # noqa: S603 - our own words
        yield


class SearchPage:
    """A site's results for one query, as far as they are scrolled."""

    def __init__(self, chrome: Chrome, site: Site, rate: float, robots: Robots | None) -> None:
        """`rate` is in seconds between two actions, where `robots` does not ask for more."""
        self._chrome = chrome
        self._site = site
        self._rate = rate
        self._robots = robots
        self._address = ""
        self._next_action = 0.0
        self._told: set[str] = set()

    def finds(self, query: str) -> Iterator[Find]:
        """The pictures for a query; scrolls on only as further ones are asked for.

        Raises DatasetError where the site forbids or blocks it, the page cannot be opened, or a selector is none.
        """
        with _sentences(self._site):
            self._told.clear()
            self._open(self._site.address(query))
            new = self._await_new()
            while new:
                yield from new
                new = self._further()

    def _open(self, address: str) -> None:
        self._check(address)
        self._address = address
        self._pause()
        self._chrome.get(address)

    def _further(self) -> list[Find]:
        """Scroll to the end, then press for more; what that brought."""
        while True:
            self._pause()
            moved = self._chrome.execute_script(_SCROLL, self._site.result)
            if new := self._await_new(0.5 if moved else self._site.wait):
                return new
            if not moved:
                break
        if self._is_over() or not self._site.more or not self._shown(self._site.more):
            return []
        self._pause()
        self._shown(self._site.more, click=True)
        return self._await_new()

    def _await_new(self, seconds: float | None = None) -> list[Find]:
        """Finds that were not told yet, as soon as there are some; none where the time is over or the page ends."""
        until = time.monotonic() + (self._site.wait if seconds is None else seconds)
        while True:
            self._look_around()
            if new := self._new():
                return new
            if time.monotonic() > until or self._is_over():
                return self._new()
            time.sleep(_POLL)

    def _look_around(self) -> None:
        """Agree to what asks for it; raise DatasetError where we are blocked."""
        site, address = self._site, self._chrome.current_url
        if site.blocked_address and site.blocked_address in address:
            raise self._blocked(f"it led to {address[:100]}")
        if site.blocked and self._shown(site.blocked):
            raise self._blocked("it shows a test for machines")
        status, protocol = self._chrome.execute_script(_STATE)
        if protocol == "chrome-error:":
            raise DatasetError(f"The search page of {site.name} cannot be read: nothing answers at {address[:100]}.")
        if status >= 400:
            raise self._blocked(f"it answered with status {status}")
        if site.consent and self._shown(site.consent, click=True):
            time.sleep(_POLL)
        elif address != self._address:
            self._address = address
            self._check(address)

    def _blocked(self, why: str) -> DatasetError:
        return DatasetError(f"The site {self._site.name} blocks us: {why}. Try it later and slower, or another --site.")

    def _check(self, address: str) -> None:
        """Ask the site's robots.txt for a page. Raises DatasetError where it forbids it."""
        if self._robots is not None:
            try:
                self._rate = max(self._rate, self._robots.check(parse(address)))
            except Dropped as dropped:
                advice = "Name another --site, or --ignore-robots where you may."
                raise DatasetError(
                    f"The site {self._site.name} is not for programs: {dropped.detail}. {advice}"
                ) from dropped

    def _is_over(self) -> bool:
        return bool(self._site.end) and self._shown(self._site.end)

    def _shown(self, selector: str, *, click: bool = False) -> bool:
        """Whether something that can be seen fits a selector; the first is clicked on demand."""
        return bool(self._chrome.execute_script(_SHOWN, selector, click))

    def _new(self) -> list[Find]:
        site = self._site
        results = self._chrome.execute_script(_RESULTS, site.result, site.picture, site.link, list(site.attributes))
        new = []
        for result in results:
            address = choose(site.attributes, result["values"])
            if address:
                find = Find(_join(result["base"], address), result["page"])
                if find.address not in self._told:
                    self._told.add(find.address)
                    new.append(find)
        return new

    def _pause(self) -> None:
        """Wait until the next action is due."""
        time.sleep(max(self._next_action - time.monotonic(), 0.0))
        self._next_action = time.monotonic() + self._rate


def choose(names: tuple[str, ...], values: list[str]) -> str:
    """The best address among a picture's attributes: the first; one of a data: URI only where there is no other."""
    addresses = []
    for name, value in zip(names, values, strict=True):
        address = largest(value) if name.endswith("srcset") else value.strip()
        if address and not (address.startswith("data:") and len(address) < _SHORTEST_DATA):
            addresses.append(address)
    return min(addresses, key=lambda address: address.startswith("data:"), default="")


def largest(srcset: str) -> str:
    """The address of a srcset's largest picture (https://html.spec.whatwg.org/#srcset-attributes)."""
    found = [(float(size or 1), address) for address, size in _SRCSET.findall(srcset)]
    return max(found, key=lambda pair: pair[0])[1] if found else ""


def _join(base: str, address: str) -> str:
    try:
        return address if address.startswith("data:") else urljoin(base, address)
    except ValueError:
        return address


@contextmanager
def _sentences(site: Site) -> Iterator[None]:
    """Say in a sentence what selenium says in a stack trace."""
    try:
        yield
    except (WebDriverException, HTTPError) as error:
        why = _first_line(error)
        if "not a valid selector" in why:
            raise DatasetError(f"A selector of the site {site.name} is none: {why}.") from error
        raise DatasetError(f"The search page of {site.name} cannot be read: {why}.") from error


def _first_line(error: Any) -> str:
    return str(getattr(error, "msg", None) or error).strip().splitlines()[0].rstrip(".")
