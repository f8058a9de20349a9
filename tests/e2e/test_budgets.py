"""What a browser has to load before it shows a page, and that what it shows keeps its place. No times: those depend on
the machine, and what is counted here makes them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from bench.browser import is_rendition, observe
from tests.e2e.viewing import library_of

pytestmark = [pytest.mark.browser, pytest.mark.models]

PICTURES = 4
BYTES = 150_000  # of a page and all that it draws in, beside pictures; tests/mmsite/test_static_files.py fills a page
REQUESTS = 28  # likewise
BLOCKING = 5  # stylesheets, which are loaded at once; nothing else holds a page up
# The sum of layout shifts that Lighthouse and Core Web Vitals call good (https://web.dev/articles/cls); we have none
# but what rounding makes.
SHIFT = 0.1
UNSIZED = """
return [...document.images].filter((one) => one.checkVisibility() && !one.hasAttribute("width"))
    .map((one) => one.outerHTML);
"""
SCROLL = """
const done = arguments[arguments.length - 1];
scrollTo(0, document.body.scrollHeight);
requestAnimationFrame(() => requestAnimationFrame(done));
"""


def faults(browser: Chrome, address: str) -> list[str]:
    """What is over the budget of the page, opened by a browser that has seen nothing of the site."""
    browser.execute_cdp_cmd("Network.clearBrowserCache", {})
    browser.get(address)
    found = observe(browser)
    unsized = browser.execute_script(UNSIZED)
    loaded = [each for each in found["loaded"] if not is_rendition(each["name"])]
    requests = len({each["name"] for each in loaded})  # a page of what is in work asks for its state again and again
    size = sum(each["size"] for each in loaded)
    blocking = [each["name"] for each in loaded if each["is_blocking"]]
    wrong = {
        "nothing is the largest": not found["element"],
        f"bytes: {size:,}": not 0 < size < BYTES,
        f"requests: {requests}": requests > REQUESTS,
        f"blocking: {blocking}": len(blocking) > BLOCKING or not all(".css" in name for name in blocking),
        f"without a size: {unsized}": unsized,
        # which would wait until the page is laid out
        f"the largest is lazy: {found['element']}": 'loading="lazy"' in found["element"],
        f"shift: {found['shift']}": found["shift"] >= SHIFT,
    }
    browser.execute_async_script(SCROLL)
    later = observe(browser)["shift"]
    wrong[f"shift after scrolling: {later}"] = later >= SHIFT
    return [f"{address}: {fault}" for fault, holds in wrong.items() if holds]


def test_pages_are_light_and_keep_still(
    browser: Chrome, site: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    name = f"light{request.node.callspec.id}"
    newest = datetime(2024, 5, 1, tzinfo=UTC)
    library_of(browser, site, name, tmp_path, [newest - timedelta(days=3 * number) for number in range(PICTURES)])
    picture = browser.find_element(By.CSS_SELECTOR, ".grid .card > a").get_attribute("href")
    found = [
        fault
        for address in (f"{site}/", picture, f"{site}/search/?q=a+colour", f"{site}/albums/", f"{site}/upload/")
        for fault in faults(browser, str(address))
    ]
    assert not found, "\n".join(found)
