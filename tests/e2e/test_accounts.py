"""An account from invitation to a forgotten password, on a site that writes its mail into a folder."""

import re
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from bench import installation
from bench.browser import DESKTOP
from tests.e2e.test_main_job import overflows, send, sign_in
from tests.e2e.waiting import patiently, says

pytestmark = [pytest.mark.browser, pytest.mark.models]

NEW_PASSWORD = "a horse of another colour"


@pytest.fixture
def post(tmp_path: Path) -> Path:
    return tmp_path / "post"


@pytest.fixture
def invited_site(tmp_path: Path, post: Path) -> Iterator[str]:
    """The address of a running site where one joins by invitation."""
    (folder := tmp_path / "site").mkdir()
    more = {"MMSITE_SIGN_UP": "invited", "MMSITE_EMAIL_URL": f"file://{post}"}
    fakes = {"MMSITE_CAPTIONER": "fake", "MMSITE_ENCODER": "fake", "MMSITE_TEXT_READER": "none"}
    with installation.running(installation.environment(folder) | fakes | more) as running:
        yield running.url


def newest_link(browser: Chrome, post: Path, subject: str) -> str:
    """The link of the mail with that subject, once it is there."""

    def found(_: Chrome) -> str | None:
        for path in post.glob("*.log"):
            for part in path.read_bytes().split(b"\n" + b"-" * 79):
                message = message_from_bytes(part.lstrip())
                link = re.search(r"http://\S+", str(message.get_payload()))
                if link and subject in str(message["Subject"]):
                    return link[0]
        return None

    return str(patiently(browser).until(found))


def press(browser: Chrome, words: str) -> None:
    browser.find_element(By.XPATH, f"//main//button[contains(., '{words}')]").click()


def fill(browser: Chrome, **fields: str) -> None:
    for name, text in fields.items():
        browser.find_element(By.NAME, name).send_keys(text)


@pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"])
def test_from_an_invitation_to_a_new_password(browser: Chrome, invited_site: str, post: Path) -> None:
    site = invited_site
    sign_in(browser, site, installation.ADMIN)
    browser.get(f"{site}/invitations/")
    fill(browser, email="hedy@example.org")
    press(browser, "Invite")
    says(browser, "The invitation is on its way to hedy@example.org.")
    browser.delete_all_cookies()

    password = installation.PASSWORD
    address = newest_link(browser, post, "invites you")
    send(browser, address, {"username": "hedy", "password1": password, "password2": password})
    says(browser, "A mail is on its way to hedy@example.org.")
    browser.get(newest_link(browser, post, "your e-mail address"))
    press(browser, "Yes, it is mine")
    says(browser, "hedy@example.org is now the e-mail address of hedy.")
    fill(browser, display_name="Hedy Lamarr")
    press(browser, "Save")
    says(browser, "Saved.")
    assert not overflows(browser)
    browser.find_element(By.CSS_SELECTOR, ".menu summary").click()
    assert "Signed in as Hedy Lamarr" in browser.find_element(By.CSS_SELECTOR, ".menu-items").text

    elsewhere = browser.get_cookie("sessionid")
    assert elsewhere
    browser.delete_all_cookies()
    sign_in(browser, site, "hedy")
    browser.get(f"{site}/account/")
    press(browser, "Sign out there")
    says(browser, "You are signed out there.")
    browser.delete_all_cookies()
    browser.add_cookie(elsewhere)
    browser.get(f"{site}/account/")
    assert "/sign-in/" in browser.current_url

    browser.find_element(By.LINK_TEXT, "Forgot your password?").click()
    patiently(browser).until(lambda page: page.find_elements(By.NAME, "email"))
    fill(browser, email="hedy@example.org")
    press(browser, "Send the link")
    says(browser, "Look into your mail")
    browser.get(newest_link(browser, post, "A new password"))
    fill(browser, new_password1=NEW_PASSWORD, new_password2=NEW_PASSWORD)
    press(browser, "Set the password")
    says(browser, "Your password is set.")
    send(browser, f"{site}/sign-in/", {"username": "hedy", "password": NEW_PASSWORD})
