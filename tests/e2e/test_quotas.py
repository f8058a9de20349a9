"""Somebody whose pictures may take so much, and no more until an administrator gives more room."""

import os
from pathlib import Path

import pytest
from PIL import Image as PILImage
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from bench.browser import DESKTOP
from bench.installation import ADMIN
from tests.e2e.test_main_job import overflows, sign_in, sign_up
from tests.e2e.waiting import patiently, says

pytestmark = [pytest.mark.browser, pytest.mark.models]

NAME = "thrifty"
ROW = "[data-upload-list] .upload"


def give_room(browser: Chrome, site: str, byte_size: int) -> None:
    """As an administrator, in the admin."""
    browser.delete_all_cookies()
    sign_in(browser, site, ADMIN)
    browser.get(f"{site}/admin/gallery/user/?q={NAME}")
    browser.find_element(By.LINK_TEXT, NAME).click()
    quota = patiently(browser).until(lambda page: page.find_element(By.NAME, "quota_bytes"))
    quota.clear()
    quota.send_keys(str(byte_size))
    browser.find_element(By.NAME, "_save").click()
    says(browser, "was changed successfully")
    browser.delete_all_cookies()
    sign_in(browser, site, NAME)


def upload(browser: Chrome, site: str, photo: Path) -> None:
    browser.get(f"{site}/upload/")
    browser.find_element(By.NAME, "pictures").send_keys(str(photo))


def in_library(browser: Chrome, site: str) -> int:
    browser.get(f"{site}/")
    return len(browser.find_elements(By.CSS_SELECTOR, ".grid .card"))


@pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"])
def test_what_has_no_room_is_refused_until_an_administrator_gives_more(
    browser: Chrome, site: str, tmp_path: Path
) -> None:
    small, large = tmp_path / "small.png", tmp_path / "large.png"
    PILImage.new("RGB", (64, 48), (160, 90, 20)).save(small)
    PILImage.frombytes("RGB", (200, 150), os.urandom(200 * 150 * 3)).save(large)
    sign_up(browser, site, NAME)
    give_room(browser, site, 50_000)
    upload(browser, site, small)
    patiently(browser).until(lambda page: page.find_elements(By.CSS_SELECTOR, f"{ROW} a"))

    upload(browser, site, large)
    patiently(browser).until(lambda page: page.find_elements(By.CSS_SELECTOR, f"{ROW}.refused"))
    told = browser.find_element(By.CSS_SELECTOR, ROW).text
    assert "There is no room for this picture of 90" in told
    assert "of your 50 kB. Delete some for good, or ask whoever runs this site for more." in told
    assert not overflows(browser)
    assert in_library(browser, site) == 1
    browser.get(f"{site}/account/")
    says(browser, "of 50 kB used")

    give_room(browser, site, 500_000)
    upload(browser, site, large)
    patiently(browser).until(lambda page: page.find_elements(By.CSS_SELECTOR, f"{ROW} a"))
    assert in_library(browser, site) == 2
    browser.get(f"{site}/account/")
    says(browser, "of 500 kB used")
