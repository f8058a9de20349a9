"""Looking at pictures over the grid: by keys, larger, on its own, and back to where one was."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from bench.browser import DESKTOP
from tests.e2e.viewing import library_of
from tests.e2e.waiting import is_at, patiently, scroll_to

pytestmark = [pytest.mark.browser, pytest.mark.models]


# Opens the first picture and makes it larger while the browser has nothing of it.
LARGER_AT_ONCE = """
document.querySelector("a[data-preview]").click();
for (let times = 0; times < 5; times++) document.dispatchEvent(new KeyboardEvent("keydown", { key: "+" }));
"""


def press(browser: Chrome, *keys: str) -> None:
    ActionChains(browser).send_keys(*keys).perform()


def is_open(browser: Chrome) -> bool:
    return bool(browser.execute_script("return document.querySelector('[data-lightbox]')?.open"))


def is_closed(browser: Chrome, address: str) -> None:
    """Wait until it is, and the address is that of the page below it again: either may come first."""
    patiently(browser).until(lambda page: not is_open(page) and page.current_url == address)


def shown(browser: Chrome) -> str:
    return str(browser.execute_script("return document.querySelector('[data-stage] img')?.src ?? ''"))


def test_look_closely(browser: Chrome, site: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    name = f"viewer{request.node.callspec.id}"
    library_of(browser, site, name, tmp_path, [datetime(2023, month, 1, tzinfo=UTC) for month in (7, 6, 5)])
    links = browser.find_elements(By.CSS_SELECTOR, ".grid .card > a")
    pages = [str(link.get_attribute("href")) for link in links]

    browser.execute_script(LARGER_AT_ONCE)
    patiently(browser).until(lambda page: "/large.jpg" in shown(page))
    press(browser, Keys.ESCAPE)
    is_closed(browser, f"{site}/")

    links[0].click()
    patiently(browser).until(is_open)
    is_at(browser, pages[0])
    assert shown(browser).endswith(str(links[0].get_attribute("data-preview")))

    press(browser, Keys.ARROW_RIGHT)
    is_at(browser, pages[1])
    press(browser, "+", "+", "+", "+")
    picture = browser.find_element(By.CSS_SELECTOR, "[data-zoomed]")
    assert "scale(" in str(picture.get_attribute("style"))
    patiently(browser).until(lambda page: "/large.jpg" in shown(page))  # more pixels than the preview has
    press(browser, "-", "-", "-", "-", "-")
    assert "scale(" not in str(picture.get_attribute("style"))

    for _ in range(20):  # the focus stays within
        press(browser, Keys.TAB)
        assert browser.execute_script(
            "return document.activeElement === document.body || !!document.activeElement.closest('[data-lightbox]')"
        )
    press(browser, Keys.ARROW_RIGHT)
    is_at(browser, pages[2])
    assert not browser.find_element(By.CSS_SELECTOR, "[data-do=next]").is_enabled()

    browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path / "taken")}
    )
    press(browser, "d")
    patiently(browser).until(lambda _: (tmp_path / "taken" / f"{name}-2.jpg").exists())  # the original, by its name
    assert is_open(browser)

    press(browser, Keys.ESCAPE)
    is_closed(browser, f"{site}/")
    assert browser.switch_to.active_element.get_attribute("href") == pages[2]

    browser.find_elements(By.CSS_SELECTOR, ".grid .card > a")[1].click()
    patiently(browser).until(is_open)
    is_at(browser, pages[1])
    browser.refresh()  # what the address says
    patiently(browser).until(lambda page: page.find_elements(By.CSS_SELECTOR, ".viewer"))
    is_at(browser, pages[1])

    closely = browser.find_element(By.CSS_SELECTOR, ".stage-tools a")
    scroll_to(browser, closely)
    closely.click()  # the same from the picture's own page
    patiently(browser).until(is_open)
    press(browser, Keys.ESCAPE)
    is_closed(browser, pages[1])


@pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"])
def test_back_leads_to_the_grid_from_wherever_the_picture_led(browser: Chrome, site: str, tmp_path: Path) -> None:
    library_of(browser, site, "wayfarer", tmp_path, [datetime(2023, 7, day, tzinfo=UTC) for day in (1, 2)])
    pages = [str(link.get_attribute("href")) for link in browser.find_elements(By.CSS_SELECTOR, ".grid .card > a")]
    for leave in (lambda: press(browser, "i"), browser.refresh):
        browser.find_elements(By.CSS_SELECTOR, ".grid .card > a")[0].click()
        patiently(browser).until(is_open)
        is_at(browser, pages[0])
        leave()
        patiently(browser).until(lambda page: page.find_elements(By.CSS_SELECTOR, ".viewer"))
        browser.back()
        patiently(browser).until(lambda page: len(page.find_elements(By.CSS_SELECTOR, ".grid .card > a")) == 2)
        is_closed(browser, f"{site}/")
        browser.forward()
        patiently(browser).until(lambda page: page.find_elements(By.CSS_SELECTOR, ".viewer"))
        browser.back()
        patiently(browser).until(lambda page: len(page.find_elements(By.CSS_SELECTOR, ".grid .card > a")) == 2)
