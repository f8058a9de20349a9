"""The page of the work: paused, an upload waits; resumed, it becomes ready; what fails says why and is tried again."""

import subprocess
from pathlib import Path

import pytest
from PIL import Image as PILImage
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from bench.browser import DESKTOP
from bench.installation import ADMIN, MANAGE, PASSWORD, Installation
from tests.e2e.test_main_job import overflows, send
from tests.e2e.waiting import GONE, PAGE_SECONDS, WORK_SECONDS, patiently, says, sent

pytestmark = [pytest.mark.browser, pytest.mark.models]

REASON = "The describer has no words for it."
FAIL = f"""
from gallery.models import Stage
Stage.objects.filter(step="caption", image__file_name="orange.png").update(state="failed", error="{REASON}")
"""


def press(browser: Chrome, words: str) -> None:
    """A button, which the page may renew between finding and pressing it."""

    def click(page: Chrome) -> bool:
        page.find_element(By.XPATH, f"//main//button[contains(., '{words}')]").click()
        return True

    WebDriverWait(browser, PAGE_SECONDS, ignored_exceptions=GONE).until(click)


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
    sent(browser, 1)
    browser.get(f"{site}/jobs/")
    assert "waiting, 0 running" in summary(browser)
    assert not overflows(browser)

    press(browser, "Resume all work")
    says(browser, "All work goes on.")
    browser.get(f"{site}/jobs/")
    patiently(browser, WORK_SECONDS).until(lambda page: summary(page) == "All is done.")  # without a reload

    subprocess.run([*MANAGE, "shell", "--verbosity", "0", "-c", FAIL], env=installed.environment, check=True)
    browser.refresh()
    says(browser, REASON)
    assert browser.find_elements(By.CSS_SELECTOR, ".failure-pictures a")
    press(browser, "Retry these")
    says(browser, "1 to be tried again.")
    patiently(browser, WORK_SECONDS).until(lambda page: summary(page) == "All is done.")
    read = "return document.querySelector('main').innerText"
    patiently(browser).until(lambda page: REASON not in page.execute_script(read))
