"""Jumping to a month, going up from there, and coming back to where one was."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select

from tests.e2e.test_main_job import overflows
from tests.e2e.viewing import library_of
from tests.e2e.waiting import patiently

pytestmark = [pytest.mark.browser, pytest.mark.models]


def months(browser: Chrome) -> list[str]:
    return list(
        browser.execute_script("return [...document.querySelectorAll('[data-month]')].map(m => m.dataset.month)")
    )


def test_jump_to_a_month(browser: Chrome, site: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    name = f"traveller{request.node.callspec.id}"
    moments = [datetime(2022, 3, 1, tzinfo=UTC), datetime(2023, 6, 1, tzinfo=UTC), datetime(2023, 7, 1, tzinfo=UTC)]
    library_of(browser, site, name, tmp_path, moments)
    assert months(browser) == ["2023-07", "2023-06", "2022-03"]
    assert not overflows(browser)

    # the script has seen which month is in sight: from then on it leaves the list of months alone
    patiently(browser).until(lambda page: page.find_elements(By.CSS_SELECTOR, "[data-month-link][aria-current]"))
    rail = browser.find_element(By.CSS_SELECTOR, ".timeline")
    if rail.is_displayed():
        rail.find_element(By.CSS_SELECTOR, "[data-month-link='2023-06']").click()
    else:
        Select(browser.find_element(By.NAME, "at")).select_by_value("2023-06")
        browser.find_element(By.CSS_SELECTOR, ".jump button").click()
    patiently(browser).until(lambda page: months(page) == ["2023-06", "2022-03"])
    patiently(browser).until(lambda page: "at=2023-06" in page.current_url)

    browser.find_element(By.CSS_SELECTOR, ".pager a[rel=prev]").click()
    patiently(browser).until(lambda page: months(page) == ["2023-07", "2023-06", "2022-03"])
    assert not browser.find_elements(By.CSS_SELECTOR, ".pager a[rel=prev]")

    browser.get(f"{site}/albums/")
    browser.back()
    patiently(browser).until(lambda page: months(page) == ["2023-07", "2023-06", "2022-03"])
