"""Waiting for pages that change while one looks.

The deadlines are generous, since they cost nothing where all goes well, and the machine may be busy with other tests.
"""

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException, TimeoutException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

PAGE_SECONDS = 60.0  # for a page, and whatever it asks the site for
WORK_SECONDS = 240.0  # for what a worker does

# What one hears of an element that went away together with its page, or just before one looks.
GONE = (NoSuchElementException, StaleElementReferenceException)


def patiently(browser: Chrome, seconds: float = PAGE_SECONDS) -> "WebDriverWait[Chrome]":
    """As WebDriverWait; what was there a moment ago and is gone with the old page is looked for again.

    Where a page goes away while it is asked for something, chromedriver calls that a timeout.
    """
    return WebDriverWait(browser, seconds, ignored_exceptions=[*GONE, TimeoutException])


def scroll_to(browser: Chrome, element: WebElement) -> None:
    """On a phone it may lie under the bar at the bottom, where nobody could press it."""
    browser.execute_script("arguments[0].scrollIntoView({ block: 'center' })", element)


def says(browser: Chrome, sentence: str) -> None:
    """Wait until the page says it. Read in one step, since the page may go away between two."""
    read = "return document.querySelector('main')?.innerText ?? ''"
    patiently(browser).until(lambda page: sentence in page.execute_script(read))


def is_at(browser: Chrome, address: str) -> None:
    """Wait until that is the address of the page."""
    patiently(browser).until(lambda page: page.current_url == address)


def sent(browser: Chrome, number: int) -> None:
    """Wait until so many files that were chosen on the page for uploads are pictures of the site."""
    uploads = (By.CSS_SELECTOR, ".uploads .upload[data-image] a")
    patiently(browser).until(lambda page: len(page.find_elements(*uploads)) == number)


def settled(browser: Chrome) -> None:
    """Wait until all work on the pictures of the page is done. Until then it is renewed by itself: what one has found
    may be another element a moment later, and a press between two of them is lost."""
    read = "return document.readyState === 'complete' && !document.querySelector('[data-working]')"
    patiently(browser, WORK_SECONDS).until(lambda page: page.execute_script(read))
