"""Sharing: an album with a person, and by a link with a password, until neither sees it any more."""

from pathlib import Path

import pytest
from PIL import Image as PILImage
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from bench.browser import DESKTOP
from tests.e2e.test_main_job import overflows, sign_in, sign_up
from tests.e2e.test_selection import cards, pick
from tests.e2e.waiting import patiently, says, sent, settled

pytestmark = [pytest.mark.browser, pytest.mark.models]


def sign_out(browser: Chrome) -> None:
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})


def press(browser: Chrome, text: str) -> None:
    browser.find_element(By.XPATH, f"//button[contains(., '{text}')]").click()


def shows(browser: Chrome, picture: str) -> None:
    patiently(browser).until(
        lambda page: any(each.get_property("naturalWidth") for each in page.find_elements(By.CSS_SELECTOR, picture))
    )


def look_by_link(browser: Chrome, link: str) -> None:
    browser.get(link)
    says(browser, "This album asks for a password")
    browser.find_element(By.NAME, "password").send_keys("teatime", Keys.ENTER)
    patiently(browser).until(lambda page: len(cards(page)) == 1)
    browser.find_element(By.CSS_SELECTOR, ".card a").click()
    shows(browser, "[data-lightbox] img")
    browser.find_element(By.CSS_SELECTOR, "[data-lightbox] [data-details]").click()
    shows(browser, ".stage img")
    assert browser.current_url.startswith(link)


def change_the_link(browser: Chrome, link: str) -> None:
    """Into one without a password, by which the album is downloaded."""
    browser.find_element(By.XPATH, "//summary[contains(., 'Change')]").click()
    browser.find_element(By.CSS_SELECTOR, ".share-links [name=allows_download]").click()
    browser.find_element(By.CSS_SELECTOR, ".share-links [name=no_password]").click()
    assert not overflows(browser)
    browser.find_element(By.CSS_SELECTOR, ".share-links [name=change]").click()
    says(browser, "The link is changed")
    browser.get(link)
    browser.find_element(By.XPATH, "//summary[contains(., 'Download')]").click()
    archive = browser.find_element(By.CSS_SELECTOR, "form[action$='/archive/']").get_attribute("action") or ""
    script = "const done = arguments[1]; fetch(arguments[0]).then(answer => done(answer.headers.get('Content-Type')))"
    assert browser.execute_async_script(script, archive) == "application/zip"


def delete_and_bring_back(browser: Chrome, site: str, sharing: str, link: str) -> None:
    """The album, whose link holds nothing meanwhile."""
    album = sharing.removesuffix("share/")
    browser.get(album)
    browser.find_element(By.CSS_SELECTOR, ".album-menu summary").click()
    press(browser, "Delete the album")
    says(browser, "is in the trash")
    browser.get(link)
    says(browser, "Nothing here")
    browser.get(f"{site}/trash/")
    press(browser, "Restore")
    says(browser, "is back, for all who saw it before")
    browser.get(link)
    patiently(browser).until(lambda page: len(cards(page)) == 1)


@pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"])
def test_share_with_a_person_and_by_a_link(browser: Chrome, site: str, tmp_path: Path) -> None:
    sign_up(browser, site, "aunt")
    sign_out(browser)
    sign_up(browser, site, "sharer")
    PILImage.new("RGB", (64, 48), (200, 90, 20)).save(tmp_path / "one.png")
    browser.get(f"{site}/upload/")
    browser.find_element(By.NAME, "pictures").send_keys(str(tmp_path / "one.png"))
    sent(browser, 1)
    browser.get(f"{site}/")
    settled(browser)

    pick(browser, 0)
    browser.find_element(By.XPATH, "//form[@id='selection']//summary[contains(., 'Album')]").click()
    browser.find_element(By.NAME, "title").send_keys("For my aunt")
    press(browser, "share it")
    says(browser, "Share “For my aunt”")
    sharing = browser.current_url
    browser.find_element(By.NAME, "username").send_keys("aunt", Keys.ENTER)
    says(browser, "aunt sees the album now.")
    browser.find_element(By.NAME, "password").send_keys("teatime")
    press(browser, "Make the link")
    says(browser, "The link is made")
    link = browser.find_element(By.CSS_SELECTOR, ".share-links input[type=url]").get_attribute("value") or ""
    assert not overflows(browser)

    sign_out(browser)
    look_by_link(browser, link)

    sign_out(browser)
    sign_in(browser, site, "aunt")
    browser.get(f"{site}/albums/")
    browser.find_element(By.PARTIAL_LINK_TEXT, "For my aunt").click()
    patiently(browser).until(lambda page: len(cards(page)) == 1)
    browser.get(f"{site}/search/?q=is:shared-with-me")
    assert len(cards(browser)) == 1

    sign_out(browser)
    sign_in(browser, site, "sharer")
    browser.get(sharing)
    change_the_link(browser, link)
    delete_and_bring_back(browser, site, sharing, link)
    browser.get(sharing)
    press(browser, "Revoke")
    says(browser, "The link is revoked")
    press(browser, "Remove")
    says(browser, "aunt doesn’t see the album any more.")
    browser.get(link)
    says(browser, "Nothing here")
