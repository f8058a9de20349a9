"""What a browser has to load before it shows a page, and that what it shows keeps its place. No times: those depend on
the machine, and what is counted here makes them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.e2e.viewing import library_of
from tests.e2e.waiting import patiently

pytestmark = [pytest.mark.browser, pytest.mark.models]

PICTURES = 4
BYTES = 150_000  # of a page and all that it draws in, beside pictures; tests/mmsite/test_static_files.py fills a page
REQUESTS = 28  # likewise
BLOCKING = 5  # stylesheets, which are loaded at once; nothing else holds a page up
# The sum of layout shifts that Lighthouse and Core Web Vitals call good (https://web.dev/articles/cls); we have none
# but what rounding makes.
SHIFT = 0.1
# What was loaded, what moved since, and what the largest thing painted is.
MEASURE = """
const done = arguments[arguments.length - 1];
const seen = (type) => new Promise((resolve) => {
    new PerformanceObserver((list) => resolve(list.getEntries())).observe({ type, buffered: true });
    setTimeout(() => resolve([]), 1000);
});
(async () => {
    const [paints, shifts] = await Promise.all([seen("largest-contentful-paint"), seen("layout-shift")]);
    const largest = paints.at(-1);
    const loaded = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    done({
        largest: largest && (largest.element?.outerHTML ?? "gone"),
        shift: shifts.filter((one) => !one.hadRecentInput).reduce((sum, one) => sum + one.value, 0),
        loaded: loaded.map(({ name, encodedBodySize, renderBlockingStatus }) =>
            ({ name, bytes: encodedBodySize, isBlocking: renderBlockingStatus === "blocking" })),
        unsized: [...document.images].filter((one) => one.checkVisibility() && !one.hasAttribute("width"))
            .map((one) => one.outerHTML),
    });
})();
"""
SCROLL = """
const done = arguments[arguments.length - 1];
scrollTo(0, document.body.scrollHeight);
requestAnimationFrame(() => requestAnimationFrame(done));
"""


def is_picture(address: str) -> bool:
    return address.endswith(("/thumbnail.webp", "/preview.webp"))


def faults(browser: Chrome, address: str) -> list[str]:
    """What is over the budget of the page, opened by a browser that has seen nothing of the site."""
    browser.execute_cdp_cmd("Network.clearBrowserCache", {})
    browser.get(address)
    patiently(browser).until(lambda page: page.execute_script("return document.readyState") == "complete")
    found: dict[str, Any] = browser.execute_async_script(MEASURE)
    loaded = [each for each in found["loaded"] if not is_picture(each["name"])]
    size = sum(each["bytes"] for each in loaded)
    blocking = [each["name"] for each in loaded if each["isBlocking"]]
    wrong = {
        "nothing is the largest": not found["largest"],
        f"bytes: {size:,}": not 0 < size < BYTES,
        f"requests: {len(loaded)}": len(loaded) > REQUESTS,
        f"blocking: {blocking}": len(blocking) > BLOCKING or not all(".css" in name for name in blocking),
        f"without a size: {found['unsized']}": found["unsized"],
        # which would wait until the page is laid out
        f"the largest is lazy: {found['largest']}": 'loading="lazy"' in (found["largest"] or ""),
        f"shift: {found['shift']}": found["shift"] >= SHIFT,
    }
    browser.execute_async_script(SCROLL)
    later = browser.execute_async_script(MEASURE)["shift"]
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
