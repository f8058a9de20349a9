"""The page to try the API, in a browser that holds to the site's policy."""

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from bench.browser import DESKTOP
from tests.e2e.waiting import patiently

pytestmark = [pytest.mark.browser, pytest.mark.models, pytest.mark.xdist_group("e2e")]


@pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"])
def test_the_page_to_try_it_needs_nothing_that_the_policy_forbids(site: str, browser: Chrome) -> None:
    browser.get(f"{site}/api/v1/docs/#/images/images_list")
    patiently(browser, 30).until(lambda shown: shown.find_elements(By.CSS_SELECTOR, ".opblock.is-open"))
    refused = [
        entry["message"] for entry in browser.get_log("browser") if "Content Security Policy" in entry["message"]
    ]
    assert not refused
