"""The main job as a person does it: upload real pictures, get captions, find them by words."""

from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from bench.browser import DESKTOP
from bench.installation import PASSWORD
from tests.e2e.waiting import patiently, scroll_to, sent, settled

pytestmark = [pytest.mark.browser, pytest.mark.models]


def sign_up(browser: Chrome, site: str, name: str) -> None:
    send(browser, f"{site}/sign-up/", {"username": name, "password1": PASSWORD, "password2": PASSWORD})


def sign_in(browser: Chrome, site: str, name: str) -> None:
    send(browser, f"{site}/sign-in/", {"username": name, "password": PASSWORD})


def send(browser: Chrome, address: str, fields: dict[str, str]) -> None:
    """Fill in a form, and wait until somebody is signed in."""
    browser.get(address)
    for name, text in fields.items():
        browser.find_element(By.NAME, name).send_keys(text)
    button = browser.find_element(By.CSS_SELECTOR, "main form button")
    scroll_to(browser, button)
    button.click()
    patiently(browser).until(lambda page: page.find_elements(By.CSS_SELECTOR, "form[action='/sign-out/']"))


def search(browser: Chrome, site: str, words: str) -> list[str]:
    """The addresses of the hits, best first, through the box in the header."""
    browser.get(f"{site}/")
    box = browser.find_element(By.NAME, "q")
    box.send_keys(words)
    box.submit()
    patiently(browser).until(lambda page: "/search/" in page.current_url)
    return addresses_of_hits(browser)


def addresses_of_hits(browser: Chrome) -> list[str]:
    """The pictures on a results page, best first."""
    read = "return [...document.querySelectorAll('.grid .card > a')].map((link) => link.href)"
    links: list[str] = browser.execute_script(read)
    return [link.partition("?")[0] for link in links]  # without what was searched for


def overflows(browser: Chrome) -> bool:
    return bool(browser.execute_script("return document.documentElement.scrollWidth > window.innerWidth"))


def test_upload_watch_search_find(
    browser: Chrome,
    site: str,
    sample_photos: dict[str, Path],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    name = f"ada-{request.node.callspec.id}"
    sign_up(browser, site, name)
    browser.delete_all_cookies()
    sign_in(browser, site, name)

    not_a_picture = tmp_path / "notes.jpg"
    not_a_picture.write_text("Buy milk.", encoding="utf-8")
    photos = [sample_photos[each] for each in ("chelsea.png", "coffee.png", "rocket.jpg")]
    browser.get(f"{site}/upload/")
    browser.find_element(By.NAME, "pictures").send_keys("\n".join(str(path) for path in [*photos, not_a_picture]))

    # Every file gets its row; the text file a sentence, the photos their captions while we watch.
    rows = patiently(browser).until(
        lambda page: len(found := page.find_elements(By.CSS_SELECTOR, ".uploads .upload")) == 4 and found
    )
    by_name = {row.find_element(By.CSS_SELECTOR, ".upload-name").text: row for row in rows}
    refused = by_name["notes.jpg"]
    patiently(browser).until(lambda _: "refused" in str(refused.get_attribute("class")))
    assert "not a picture" in refused.find_element(By.CSS_SELECTOR, ".upload-state").text.lower()
    assert not overflows(browser)
    sent(browser, len(photos))
    settled(browser)
    addresses = {}
    for photo in photos:
        row = by_name[photo.name]
        link = row.find_element(By.CSS_SELECTOR, "a")
        addresses[photo.name] = link.get_attribute("href")
        assert row.find_elements(By.CSS_SELECTOR, "img")
        assert "being described" not in link.text

    browser.get(addresses["chelsea.png"])
    settled(browser)
    picture = browser.find_element(By.CSS_SELECTOR, ".stage img")
    assert picture.get_attribute("alt")
    assert picture.get_attribute("alt") != "chelsea.png"
    assert not overflows(browser)

    for words, photo in [("a cat", "chelsea.png"), ("a cup of coffee", "coffee.png"), ("a rocket", "rocket.jpg")]:
        hits = search(browser, site, words)
        assert hits[0] == addresses[photo], f"{words!r} did not find {photo} first"
        assert not overflows(browser)
    assert len(hits) == 3


@pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"])
def test_a_stranger_finds_nothing_of_ours(browser: Chrome, site: str) -> None:
    sign_up(browser, site, "grace")
    assert search(browser, site, "a cat") == []
