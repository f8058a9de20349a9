"""One's own tags: another name, two made one, deleting, and each of these undone."""

from collections.abc import Callable
from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from bench.browser import DESKTOP
from gallery.models import Image, User
from gallery.tags import images_tag
from tests.e2e import test_accessibility as accessibility
from tests.e2e.waiting import says
from tests.gallery.test_selectors import add

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"]),
]
look = accessibility.look
BEFORE = {"beach": "2 pictures", "seaside": "2 pictures"}


@pytest.fixture
def own(user: User) -> None:
    """Two tags, of which one picture has both."""
    _, one, other = (add(user) for _ in range(3))
    images_tag(owner=user, images=Image.objects.exclude(pk=other.pk), names=["seaside"])
    images_tag(owner=user, images=Image.objects.exclude(pk=one.pk), names=["beach"])


def listed(browser: Chrome) -> dict[str, str]:
    """The tags, each with its number of pictures."""
    rows = browser.find_elements(By.CSS_SELECTOR, ".own-tags > li")
    return {row.find_element(By.TAG_NAME, "a").text: row.find_element(By.CLASS_NAME, "note").text for row in rows}


def change(browser: Chrome, tag: str) -> None:
    browser.find_element(By.XPATH, f"//li[a='{tag}']//summary").click()


def rename(browser: Chrome, tag: str, name: str) -> None:
    change(browser, tag)
    field = browser.find_element(By.XPATH, f"//li[a='{tag}']//input[@name='name']")
    field.clear()
    field.send_keys(name, Keys.ENTER)


def undo(browser: Chrome) -> None:
    browser.find_element(By.CSS_SELECTOR, ".message [data-undo] button").click()


def test_each_change_is_undone_by_its_button(
    browser: Chrome, live_server: Any, user: User, own: None, look: Callable[..., None]
) -> None:
    accessibility.sign_in(browser, live_server.url, user.username)
    browser.get(f"{live_server.url}/tags/")
    assert listed(browser) == BEFORE

    rename(browser, "seaside", "shore")
    says(browser, "The tag is called “shore” now.")
    assert listed(browser) == {"beach": "2 pictures", "shore": "2 pictures"}
    undo(browser)
    says(browser, "The tag is called “seaside” again.")
    assert listed(browser) == BEFORE

    rename(browser, "seaside", "beach")
    says(browser, "“seaside” and “beach” are one tag now: “beach”.")
    assert listed(browser) == {"beach": "3 pictures"}
    change(browser, "beach")
    assert accessibility.faults(browser, look, "tags") == []
    undo(browser)
    says(browser, "“seaside” and “beach” are two tags again.")
    assert listed(browser) == BEFORE

    change(browser, "seaside")
    browser.find_element(By.XPATH, "//li[a='seaside']//button[contains(., 'Delete')]").click()
    says(browser, "It is taken off 2 pictures.")
    assert accessibility.faults(browser, look, "delete a tag") == []
    look(DESKTOP)
    browser.find_element(By.NAME, "sure").click()
    says(browser, "The tag “seaside” is gone; its pictures stayed.")
    assert listed(browser) == {"beach": "2 pictures"}
    browser.find_element(By.TAG_NAME, "body").send_keys("z")  # presses the button
    says(browser, "The tag “seaside” is back on 2 pictures.")
    assert listed(browser) == BEFORE
