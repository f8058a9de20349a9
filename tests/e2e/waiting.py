"""Waiting for pages that change while one looks."""

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait


def patiently(browser: Chrome, seconds: float = 10.0) -> "WebDriverWait[Chrome]":
    """As WebDriverWait; what was there a moment ago and is gone with the old page is looked for again."""
    return WebDriverWait(browser, seconds, ignored_exceptions=[NoSuchElementException, StaleElementReferenceException])


def scroll_to(browser: Chrome, element: WebElement) -> None:
    """On a phone it may lie under the bar at the bottom, where nobody could press it."""
    browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", element)


def says(browser: Chrome, sentence: str) -> None:
    """Wait until the page says it. Read in one step, since the page may go away between two."""
    read = "return document.querySelector('main')?.innerText ?? ''"
    patiently(browser).until(lambda page: sentence in page.execute_script(read))
