"""A whole installation, started as a newcomer would, and a browser in front of it."""

import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from bench import installation


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running site with the built-in models and an empty library."""
    with installation.running(installation.environment(tmp_path_factory.mktemp("site"))) as running:
        yield running.url


@pytest.fixture(params=[(390, 844), (1280, 900)], ids=["phone", "desktop"])
def browser(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chrome]:
    """Headless Chromium with a fresh profile, at phone and at desktop width."""
    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("chromium and chromedriver are not installed here (`make browser` installs them as root)")
    width, height = request.param
    options = ChromeOptions()
    options.binary_location = chromium
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path / 'profile'}",
    ):
        options.add_argument(argument)
    chrome = Chrome(options=options, service=Service(driver))
    chrome.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
    )
    yield chrome
    chrome.quit()


@pytest.fixture
def sample_photo() -> Callable[[str], Path]:
    """Finds a photo that ships in scikit-image's wheel."""
    spec = find_spec("skimage")
    assert spec is not None and spec.origin is not None

    def find(name: str) -> Path:
        return Path(spec.origin or "").parent / "data" / name

    return find
