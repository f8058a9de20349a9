"""Marking hits as right or wrong, by mouse, by keyboard and without JavaScript, and what it says of the models."""

from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from bench.browser import DESKTOP
from tests.e2e.test_main_job import overflows, sign_up
from tests.e2e.waiting import WORK_SECONDS, patiently, scroll_to, sent

pytestmark = [pytest.mark.browser, pytest.mark.models]


def upload(browser: Chrome, site: str, photos: list[Path]) -> None:
    """Upload photos and wait until a search finds them."""
    browser.get(f"{site}/upload/")
    browser.find_element(By.NAME, "pictures").send_keys("\n".join(str(path) for path in photos))

    def found(page: Chrome) -> bool:
        page.get(f"{site}/search/?q=a+cat")
        return len(page.find_elements(By.CSS_SELECTOR, ".score meter")) == len(photos)

    sent(browser, len(photos))
    patiently(browser, WORK_SECONDS).until(found)
    patiently(browser, WORK_SECONDS).until(
        lambda page: not page.find_elements(By.CSS_SELECTOR, "[data-working]") or page.refresh()
    )


def button(browser: Chrome, what: str, hit: int) -> WebElement:
    return browser.find_elements(By.CSS_SELECTOR, f"[data-judge={what}]")[hit]


def pressed(browser: Chrome) -> list[str]:
    """Of each hit, what is pressed: "right", "wrong" or ""."""
    said = []
    for group in browser.find_elements(By.CSS_SELECTOR, ".judge"):
        on = group.find_elements(By.CSS_SELECTOR, "[aria-pressed=true]")
        assert len(on) <= 1
        said.append(str(on[0].get_attribute("data-judge")) if on else "")
    return said


def wait_for(browser: Chrome, expected: list[str]) -> None:
    patiently(browser).until(lambda page: pressed(page) == expected)


def test_mark_hits_and_see_what_it_says(
    browser: Chrome, site: str, sample_photos: dict[str, Path], request: pytest.FixtureRequest
) -> None:
    sign_up(browser, site, f"marker-{request.node.callspec.id}")
    upload(browser, site, [sample_photos[name] for name in ("chelsea.png", "coffee.png")])
    assert pressed(browser) == ["", ""]
    assert not overflows(browser)

    # With JavaScript the page stays, by mouse and by keyboard; the last press is what counts.
    browser.execute_script("window.isSamePage = true")
    right, wrong = button(browser, "right", 0), button(browser, "wrong", 1)
    assert min(right.size.values()) >= 40
    assert str(right.accessible_name).startswith("Right: ")
    right.click()
    wait_for(browser, ["right", ""])
    wrong.send_keys(Keys.ENTER)
    wait_for(browser, ["right", "wrong"])
    assert browser.switch_to.active_element == wrong
    right.click()
    right.click()
    button(browser, "wrong", 0).click()
    wait_for(browser, ["wrong", "wrong"])
    wrong.send_keys(Keys.SPACE)
    wait_for(browser, ["wrong", ""])
    right.click()
    wait_for(browser, ["right", ""])
    assert browser.execute_script("return window.isSamePage")
    browser.refresh()
    assert pressed(browser) == ["right", ""]

    # Without, a form does the same and comes back to the hit.
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.refresh()
    button(browser, "wrong", 1).click()
    patiently(browser).until(lambda page: "#judge-" in page.current_url)
    wait_for(browser, ["right", "wrong"])
    button(browser, "wrong", 1).click()
    wait_for(browser, ["right", ""])
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    link = browser.find_element(By.CSS_SELECTOR, "a[href='/search/golden/']")
    scroll_to(browser, link)
    link.click()
    patiently(browser).until(lambda page: page.find_elements(By.CSS_SELECTOR, ".figures"))
    rows = browser.find_elements(By.CSS_SELECTOR, ".figures tbody th")
    assert [row.text[:11] for row in rows] == ["Whole answe", "Looks alone"]
    assert "100 %" in browser.find_element(By.CSS_SELECTOR, ".figures tbody td").text
    bar = browser.find_element(By.CSS_SELECTOR, ".bar .part")
    assert bar.size["width"] > 50
    assert not overflows(browser)
    browser.find_element(By.CSS_SELECTOR, ".golden-queries a").send_keys(Keys.ENTER)
    wait_for(browser, ["right", ""])


@pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"])
def test_signed_out_meanwhile_one_is_asked_to_sign_in(
    browser: Chrome, site: str, sample_photos: dict[str, Path]
) -> None:
    sign_up(browser, site, "forgetful")
    upload(browser, site, [sample_photos["chelsea.png"]])
    browser.delete_cookie("sessionid")
    button(browser, "right", 0).click()
    patiently(browser).until(lambda page: "/sign-in/" in page.current_url)
    assert "q%3Da" in browser.current_url
