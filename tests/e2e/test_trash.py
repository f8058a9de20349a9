"""What is taken out of the trash goes back at once where one changes one's mind."""

from typing import Any

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from bench.browser import DESKTOP
from gallery.models import User
from gallery.trash import images_trash, trash_of
from tests.e2e.test_accessibility import sign_in
from tests.e2e.test_selection import cards
from tests.e2e.waiting import says
from tests.gallery.test_selectors import add

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"]),
]


def test_restoring_is_undone(browser: Chrome, live_server: Any, user: User) -> None:
    images_trash(images=[add(user), add(user)])
    sign_in(browser, live_server.url, user.username)
    browser.get(f"{live_server.url}/trash/")
    cards(browser)[0].click()
    browser.find_element(By.CSS_SELECTOR, "[value=restore]").click()
    says(browser, "1 picture back in your library.")
    assert len(cards(browser)) == 1
    browser.find_element(By.CSS_SELECTOR, "[data-undo] button").click()
    says(browser, "1 picture back in the trash.")
    assert len(cards(browser)) == 2
    assert trash_of(user).count() == 2
