"""Headless Chromium, for the end-to-end tests and for the screenshots of the README."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

PHONE = (390, 844)
DESKTOP = (1280, 900)
SCRIPT_SECONDS = 180.0  # for a script that waits for something, such as axe on a long page while the machine is busy
# A script that opens all that can be opened on a page, but for menus over it.
OPEN = "for (const part of document.querySelectorAll('main details:not(.menu)')) part.open = true"


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
