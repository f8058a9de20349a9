"""Large files in pieces: the network breaks midway, the page is left, and it goes on where it ended."""

import os
import zipfile
from pathlib import Path

import pytest
from PIL import Image as PILImage
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from bench.browser import DESKTOP
from tests.e2e.test_main_job import sign_up
from tests.e2e.waiting import WORK_SECONDS, patiently

pytestmark = [pytest.mark.browser, pytest.mark.models]

BYTES_A_SECOND = 2_000_000  # the pieces of a large file take seconds: time to break the network between two


def network(browser: Chrome, *, offline: bool = False, throughput: int = -1, latency: int = 0) -> None:
    """`throughput` in bytes a second, -1 for all there is; `latency` in milliseconds."""
    conditions = {"offline": offline, "latency": latency, "downloadThroughput": -1, "uploadThroughput": throughput}
    browser.execute_cdp_cmd("Network.emulateNetworkConditions", conditions)


def received(browser: Chrome) -> list[int]:
    """How many bytes of each open upload the server has."""
    script = "return (await (await fetch('/uploads/')).json()).uploads.map((each) => each.received)"
    return list(browser.execute_script(f"return (async () => {{ {script} }})()"))


@pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"])
def test_a_large_file_goes_on_where_it_ended(browser: Chrome, site: str, tmp_path: Path) -> None:
    sign_up(browser, site, "patient")
    photo = tmp_path / "large.png"
    PILImage.frombytes("RGB", (4000, 2400), os.urandom(4000 * 2400 * 3)).save(photo, compress_level=0)
    browser.execute_cdp_cmd("Network.enable", {})
    try:
        browser.get(f"{site}/upload/")
        network(browser, throughput=BYTES_A_SECOND)
        browser.find_element(By.NAME, "pictures").send_keys(str(photo))
        patiently(browser).until(lambda page: any(received(page)))  # the first piece is there
        network(browser, offline=True)
        patiently(browser).until(lambda page: "Trying again" in page.find_element(By.CSS_SELECTOR, ".upload").text)
        network(browser, throughput=BYTES_A_SECOND)
        [before] = received(browser)
        assert 0 < before < photo.stat().st_size

        # the page is left and opened again: what is chosen once more, before the page knows of the first, goes on
        browser.execute_script(
            "window.addEventListener('beforeunload', (event) => event.stopImmediatePropagation(), true)"
        )
        browser.get("about:blank")
        network(browser, latency=500)
        browser.get(f"{site}/upload/")
        assert "Choose the same file again to go on" in browser.find_element(By.TAG_NAME, "main").text
        browser.find_element(By.NAME, "pictures").send_keys(str(photo))
        network(browser)
        patiently(browser, WORK_SECONDS).until(
            lambda page: page.find_elements(By.CSS_SELECTOR, "[data-upload-list] .upload a")
        )
        assert received(browser) == []  # it was one upload all the time
        browser.get(f"{site}/")
        assert len(browser.find_elements(By.CSS_SELECTOR, ".grid .card")) == 1
    finally:
        network(browser)


@pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"])
def test_an_archive_is_unpacked_while_one_watches(browser: Chrome, site: str, tmp_path: Path) -> None:
    sign_up(browser, site, "packer")
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for number in range(3):
            picture = tmp_path / f"{number}.png"
            PILImage.new("RGB", (64, 48), (60 * number, 90, 120)).save(picture)
            archive.write(picture, f"2024/{number}.png")
        archive.writestr("readme.txt", "no picture")
    browser.get(f"{site}/upload/")
    browser.find_element(By.NAME, "pictures").send_keys(str(tmp_path / "all.zip"))
    row = "[data-upload-list] .upload"
    patiently(browser, WORK_SECONDS).until(
        lambda page: "3 uploaded, 0 there already, 1 refused." in page.find_element(By.CSS_SELECTOR, row).text
    )
    assert "readme.txt: This file is not a picture" in browser.find_element(By.CSS_SELECTOR, row).text
