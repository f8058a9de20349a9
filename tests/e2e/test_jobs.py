"""The page of the work: paused, an upload waits; resumed, it becomes ready; what fails says why and is tried again."""

import subprocess
from pathlib import Path

import pytest
from PIL import Image as PILImage
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from bench.browser import DESKTOP
from bench.installation import ADMIN, MANAGE, PASSWORD, Installation
from tests.e2e.test_main_job import overflows, send
from tests.e2e.waiting import patiently, says

pytestmark = [pytest.mark.browser, pytest.mark.models]

READY_SECONDS = 60
REASON = "The describer has no words for it."
FAIL = f"""
from gallery.models import Stage
Stage.objects.filter(step="caption", image__file_name="orange.png").update(state="failed", error="{REASON}")
"""


def press(browser: Chrome, words: str) -> None:
    browser.find_element(By.XPATH, f"//main//button[contains(., '{words}')]").click()


def summary(browser: Chrome) -> str:
    return browser.find_element(By.CSS_SELECTOR, "[data-jobs-summary]").text


@pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"])
def test_pause_resume_and_retry(browser: Chrome, installed: Installation, tmp_path: Path) -> None:
    site = installed.url
    send(browser, f"{site}/sign-in/", {"username": ADMIN, "password": PASSWORD})
    browser.get(f"{site}/jobs/?whose=everyone")
    press(browser, "Pause all work")
    says(browser, "All work is paused since")

    PILImage.new("RGB", (64, 48), (200, 90, 20)).save(tmp_path / "orange.png")
    browser.get(f"{site}/upload/")
    says(browser, "All work is paused since")
    browser.find_element(By.NAME, "pictures").send_keys(str(tmp_path / "orange.png"))
    patiently(browser, 20).until(lambda page: page.find_elements(By.CSS_SELECTOR, ".uploads .upload a"))
    browser.get(f"{site}/jobs/")
    assert "waiting, 0 running" in summary(browser)
    assert not overflows(browser)

    press(browser, "Resume all work")
    browser.get(f"{site}/jobs/")
    patiently(browser, READY_SECONDS).until(lambda page: summary(page) == "All is done.")  # without a reload

    subprocess.run([*MANAGE, "shell", "--verbosity", "0", "-c", FAIL], env=installed.environment, check=True)
    browser.refresh()
    says(browser, REASON)
    assert browser.find_elements(By.CSS_SELECTOR, ".failure-pictures a")
    # found and pressed in one step: the page renews its buttons by itself
    find = "[...document.querySelectorAll('button')].find((each) => each.textContent.includes('Retry these'))"
    browser.execute_script(f"{find}.click()")
    says(browser, "1 to be tried again.")
    patiently(browser, READY_SECONDS).until(lambda page: summary(page) == "All is done.")
    patiently(browser, 20).until(lambda page: REASON not in page.execute_script("return document.body.innerText"))
