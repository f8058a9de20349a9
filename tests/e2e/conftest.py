"""A whole installation, started as a newcomer would, and a browser in front of it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

ROOT = Path(__file__).resolve().parent.parent.parent
PASSWORD = "correct horse battery staple"
START_SECONDS = 120


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running site with the built-in models and an empty library; its administrator is `admin`."""
    folder = tmp_path_factory.mktemp("site")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MMSITE_")} | {
        "DJANGO_SETTINGS_MODULE": "mmsite.settings.prod",
        "MMSITE_DATA_DIR": str(folder),
        "MMSITE_ADDRESS": address,
        "MMSITE_ADMIN_PASSWORD": PASSWORD,
        "MMSITE_SAMPLES": "0",
    }
    manage = [sys.executable, str(ROOT / "manage.py")]
    subprocess.run([*manage, "setup"], env=environment, check=True, capture_output=True)
    with (folder / "run.log").open("wb") as log:
        process = subprocess.Popen([*manage, "run"], env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until_healthy(f"http://{address}/healthz", process)
        yield f"http://{address}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)


def wait_until_healthy(url: str, process: "subprocess.Popen[bytes]") -> None:
    """Returns once the site answers; fails when it ended or took too long."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "manage.py run ended by itself"
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.2)
    pytest.fail(f"{url} did not answer within {START_SECONDS} s")


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
