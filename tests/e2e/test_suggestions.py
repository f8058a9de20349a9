"""The search box completes what one types, by keyboard, mouse and finger; searches are kept and found again."""

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from bench.browser import DESKTOP
from tests.e2e.test_main_job import overflows, sign_up
from tests.e2e.waiting import patiently, says, scroll_to

pytestmark = [pytest.mark.browser, pytest.mark.models]

# The answer to "is:" comes when it is let go, although nobody wants it any more.
HELD = """
const real = window.fetch;
window.fetch = async (address, options) => {
    if (!String(address).endsWith("is%3A")) return real(address, options);
    const said = await (await real(address, { ...options, signal: undefined })).json();
    await new Promise((resolve) => { window.letGo = resolve; });
    return { ok: true, json: async () => said };
};
"""
OPTIONS = ".suggestions:not([hidden]) [role=option]"


def box_of(browser: Chrome) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, "form[role=search] input[name=q]")


def enter(browser: Chrome, text: str) -> WebElement:
    """All of it at once into the box, as an input method does: the site is asked once, and no answer comes later."""
    box = box_of(browser)
    browser.execute_script("arguments[0].focus()", box)
    browser.execute_cdp_cmd("Input.insertText", {"text": text})
    return box


def options(browser: Chrome) -> list[str]:
    return [option.text.split("\n")[0] for option in browser.find_elements(By.CSS_SELECTOR, OPTIONS)]


def offered(browser: Chrome, label: str) -> WebElement:
    """The option that begins so, once it is there."""

    def find(page: Chrome) -> WebElement | None:
        found = page.find_elements(By.CSS_SELECTOR, OPTIONS)
        return next((option for option in found if option.text.startswith(label)), None)

    return patiently(browser).until(find)


def heights(browser: Chrome) -> list[float]:
    """Where what lies below the box begins."""
    script = "return [...document.querySelectorAll('main, main > *')].map((each) => each.getBoundingClientRect().top)"
    return list(browser.execute_script(script))


def test_the_keyboard_completes_fields_and_values(browser: Chrome, site: str) -> None:
    browser.get(f"{site}/search/")
    box = box_of(browser)
    assert box.get_attribute("role") == "combobox"
    before = heights(browser)
    enter(browser, "a dog orien")
    first = offered(browser, "orientation:")
    assert box.get_attribute("aria-expanded") == "true"
    assert box.get_attribute("aria-activedescendant") is None
    assert heights(browser) == before
    assert not overflows(browser)
    box.send_keys(Keys.ARROW_DOWN)
    assert box.get_attribute("aria-activedescendant") == first.get_attribute("id")
    assert first.get_attribute("aria-selected") == "true"
    box.send_keys(Keys.ENTER)
    assert box.get_property("value") == "a dog orientation:"
    offered(browser, "orientation:portrait")
    box.send_keys(Keys.ARROW_UP, Keys.ENTER)  # up from the box is the last one
    assert box.get_property("value") == "a dog orientation:square "
    assert box.get_attribute("aria-expanded") == "false"
    enter(browser, "is:")
    offered(browser, "is:unsure")
    box.send_keys(Keys.ESCAPE)
    assert options(browser) == []
    assert box.get_property("value") == "a dog orientation:square is:"
    box.send_keys(Keys.BACKSPACE * 3, Keys.ENTER)  # with nothing chosen, Enter searches
    patiently(browser).until(lambda page: "q=a+dog" in page.current_url)


def test_a_press_on_a_suggestion_takes_it(browser: Chrome, site: str) -> None:
    browser.get(f"{site}/public/")
    box = enter(browser, "red cam")
    offered(browser, "camera:").click()
    assert box.get_property("value") == "red camera:"
    assert browser.switch_to.active_element == box
    box.send_keys(Keys.HOME)
    browser.find_element(By.ID, "main").click()
    assert options(browser) == []


@pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"])
def test_the_middle_of_a_text_is_completed_too(browser: Chrome, site: str) -> None:
    browser.get(f"{site}/search/")
    box = enter(browser, "cam  beach")
    box.send_keys(Keys.ARROW_LEFT * 7, "e")
    offered(browser, "camera:").click()
    assert box.get_property("value") == "camera:  beach"
    assert box.get_property("selectionEnd") == len("camera:")


@pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"])
def test_an_answer_that_comes_too_late_is_not_shown(browser: Chrome, site: str) -> None:
    browser.get(f"{site}/search/")
    browser.execute_script(HELD)
    enter(browser, "is:")
    patiently(browser).until(lambda page: page.execute_script("return Boolean(window.letGo)"))
    enter(browser, "uns")
    offered(browser, "is:unsure")
    browser.execute_async_script("window.letGo(); setTimeout(arguments[0]);")
    assert options(browser) == ["is:unsure"]


def test_searches_are_saved_suggested_and_deleted(browser: Chrome, site: str, request: pytest.FixtureRequest) -> None:
    sign_up(browser, site, f"hedy-{request.node.callspec.id}")
    browser.get(f"{site}/search/?q=two+frogs+is%3Aunsure")
    browser.find_element(By.CSS_SELECTOR, ".save-search summary").click()
    assert not overflows(browser)
    browser.find_element(By.ID, "save-name").send_keys("Doubtful frogs")
    browser.find_element(By.CSS_SELECTOR, ".save-search button").click()
    says(browser, "A saved search: Doubtful frogs")

    browser.get(f"{site}/public/")
    enter(browser, "frog")
    offered(browser, "Doubtful frogs")
    box_of(browser).send_keys(Keys.ARROW_DOWN, Keys.ENTER)
    patiently(browser).until(lambda page: "/search/?q=two+frogs+is%3Aunsure" in page.current_url)

    browser.get(f"{site}/search/")
    assert browser.find_element(By.LINK_TEXT, "Doubtful frogs")
    assert not overflows(browser)
    delete = browser.find_element(By.CSS_SELECTOR, "[aria-label='Delete the saved search Doubtful frogs']")
    scroll_to(browser, delete)
    delete.click()
    patiently(browser).until(lambda page: not page.find_elements(By.LINK_TEXT, "Doubtful frogs"))
