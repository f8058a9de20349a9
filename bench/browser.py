"""Headless Chromium, for the end-to-end tests, the screenshots of the README, and what is measured in a browser."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

PHONE = (390, 844)
DESKTOP = (1280, 900)
SCRIPT_SECONDS = 180.0  # for a script that waits for something, such as axe on a long page while the machine is busy
# A script that opens all that can be opened on a page, but for menus over it.
OPEN = "for (const part of document.querySelectorAll('main details:not(.menu)')) part.open = true"

QUIET_SECONDS = 1.0
# Times are ms since the page was asked for; those of paints are null where nothing was painted.
OBSERVE = """
const seen = (type) => {
    const observer = new PerformanceObserver(() => {});
    observer.observe({ type, buffered: true });
    return observer.takeRecords();
};
const largest = seen("largest-contentful-paint").at(-1);
return {
    first: seen("paint").find((one) => one.name === "first-contentful-paint")?.startTime ?? null,
    largest: largest?.startTime ?? null,
    element: largest ? largest.element?.outerHTML ?? "gone" : "",
    shift: seen("layout-shift").filter((one) => !one.hadRecentInput).reduce((sum, one) => sum + one.value, 0),
    loaded: [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")].map((one) => ({
        name: one.name,
        size: one.encodedBodySize,
        sent: one.transferSize,
        is_blocking: one.renderBlockingStatus === "blocking",
    })),
};
"""


class Loaded(TypedDict):
    """Bytes of a body as it came, compressed, and of what came over the network for it: 0 from the cache."""

    name: str
    size: int
    sent: int
    is_blocking: bool


class Seen(TypedDict):
    """What a page did so far: ms until its first and largest paint, the HTML of what was painted then, the sum of its
    layout shifts, and what it loaded."""

    first: float | None
    largest: float | None
    element: str
    shift: float
    loaded: list[Loaded]


class NoBrowser(Exception):
    """Chromium or its driver is not installed."""


@contextmanager
def chromium(profile: Path, size: tuple[int, int], *, scheme: str = "light") -> Iterator[Chrome]:
    """A browser with a fresh profile in `profile`, a window of `size` in CSS pixels, and a preferred colour scheme.

    Raises NoBrowser.
    """
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver is None:
        raise NoBrowser("chromium and chromedriver are not installed here (`make browser` installs them as root)")
    options = ChromeOptions()
    options.binary_location = binary
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    chrome = Chrome(options=options, service=Service(driver))
    try:
        chrome.set_script_timeout(SCRIPT_SECONDS)
        width, height = size
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": size == PHONE}
        chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        scheme_feature = {"name": "prefers-color-scheme", "value": scheme}
        chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme_feature]})
        yield chrome
    finally:
        chrome.quit()


def observe(chrome: Chrome) -> Seen:
    """Once nothing more has come, or was painted first, for QUIET_SECONDS."""
    count, since = -1, time.monotonic()
    while time.monotonic() < since + QUIET_SECONDS:
        now = chrome.execute_script("return performance.getEntries().length")
        if now != count:
            count, since = now, time.monotonic()
        time.sleep(0.05)
    seen: Seen = chrome.execute_script(OBSERVE)
    return seen


def is_rendition(address: str) -> bool:
    """Whether it is a picture of the library's, rather than a part of the page."""
    return address.endswith(("/thumbnail.webp", "/preview.webp"))
