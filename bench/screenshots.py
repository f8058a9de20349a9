"""`python -m bench.screenshots`: the pictures of the README, taken of a fresh installation with the sample album."""

import argparse
import itertools
import tempfile
import time
from pathlib import Path

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from bench import installation
from bench.browser import DESKTOP, PHONE, chromium

FOLDER = installation.ROOT / "docs" / "screenshots"
WAIT_SECONDS = 60


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.screenshots", description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--all", action="store_true", help="phone and desktop, light and dark, to look at")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    views = itertools.product([DESKTOP, PHONE], ["light", "dark"]) if options.all else [(DESKTOP, "light")]
    with tempfile.TemporaryDirectory(prefix="mmsite-screenshots-") as folder:
        data = Path(folder)
        with installation.running(installation.environment(data) | {"MMSITE_SAMPLES": "1"}) as site:
            for size, scheme in views:
                suffix = f"-{size[0]}-{scheme}" if options.all else ""
                with chromium(data / f"profile{suffix}", size, scheme=scheme) as browser:
                    take(browser, site.url, options.folder, suffix)


def take(browser: Chrome, url: str, folder: Path, suffix: str) -> None:
    """Every page that matters, as PNG."""
    browser.get(f"{url}/sign-in/")
    browser.find_element(By.NAME, "username").send_keys(installation.ADMIN)
    browser.find_element(By.NAME, "password").send_keys(installation.PASSWORD)
    browser.find_element(By.CSS_SELECTOR, "main form button").click()
    save(browser, folder / f"library{suffix}.png", f"{url}/")
    save(browser, folder / f"search{suffix}.png", f"{url}/search/?q=a+cat&show=12")
    browser.find_element(By.CSS_SELECTOR, ".card a").click()
    save(browser, folder / f"image{suffix}.png", browser.current_url)
    save(browser, folder / f"upload{suffix}.png", f"{url}/upload/")
    if suffix:
        save(browser, folder / f"nothing{suffix}.png", f"{url}/search/?q=dogs+playing+poker&show=12")
        save(browser, folder / f"describe{suffix}.png", f"{url}/describe/")
        save(browser, folder / f"admin{suffix}.png", f"{url}/admin/gallery/image/")


def save(browser: Chrome, path: Path, address: str) -> None:
    """Take a page once nothing on it is being worked on any more."""
    browser.get(address)
    deadline = time.monotonic() + WAIT_SECONDS
    while browser.find_elements(By.CSS_SELECTOR, "[data-working]") and time.monotonic() < deadline:
        time.sleep(0.5)
    browser.refresh()
    time.sleep(0.5)  # pictures decode after the page is loaded
    browser.save_screenshot(str(path))


if __name__ == "__main__":
    main()
