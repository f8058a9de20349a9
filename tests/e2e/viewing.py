"""A library to look at: pictures of several months, ready to be shown."""

from datetime import datetime
from pathlib import Path

from PIL import ExifTags
from PIL import Image as PILImage
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.e2e.test_main_job import sign_up
from tests.e2e.waiting import WORK_SECONDS, patiently, sent, settled


def library_of(browser: Chrome, site: str, name: str, folder: Path, moments: list[datetime]) -> None:
    """Sign up, and give a picture for each moment."""
    sign_up(browser, site, name)
    for number, moment in enumerate(moments):
        exif = PILImage.Exif()
        exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.DateTimeOriginal] = f"{moment:%Y:%m:%d %H:%M:%S}"
        color = (37 * number % 256, 90, 120)
        PILImage.new("RGB", (1800, 1200), color).save(folder / f"{name}-{number}.jpg", exif=exif)
    browser.get(f"{site}/upload/")
    paths = "\n".join(str(folder / f"{name}-{number}.jpg") for number in range(len(moments)))
    browser.find_element(By.NAME, "pictures").send_keys(paths)
    sent(browser, len(moments))
    browser.get(f"{site}/")
    patiently(browser, WORK_SECONDS).until(
        lambda page: len(page.find_elements(By.CSS_SELECTOR, "a[data-preview]")) == len(moments)
    )
    settled(browser)
