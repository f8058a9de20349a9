"""A whole installation, started as a newcomer would, and a browser in front of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from bench import installation
from bench.browser import DESKTOP, PHONE, NoBrowser, chromium
from gallery.samples import find_photos


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[installation.Installation]:
    """A running site with the built-in models, the fake captioner to ask beside them, and an empty library."""
    variables = installation.environment(tmp_path_factory.mktemp("site")) | {"MMSITE_OTHER_CAPTIONERS": "fake"}
    with installation.running(variables) as running:
        yield running


@pytest.fixture(scope="session")
def site(installed: installation.Installation) -> str:
    """Its address."""
    return installed.url


@pytest.fixture(scope="session", params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def chrome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Headless Chromium, at phone and at desktop width: started once for all tests, which takes as long as many do."""
    try:
        with chromium(tmp_path_factory.mktemp("profile"), request.param) as started:
            yield started
    except NoBrowser as error:
        pytest.skip(str(error))


@pytest.fixture
def browser(chrome: Chrome) -> Iterator[Chrome]:
    """A browser that nobody has used: signed out, on no page, with scripts and without permissions."""
    yield chrome
    chrome.get("about:blank")
    for command, parameters in (
        ("Network.clearBrowserCookies", {}),
        ("Browser.resetPermissions", {}),
        ("Emulation.setScriptExecutionDisabled", {"value": False}),
    ):
        chrome.execute_cdp_cmd(command, parameters)


@pytest.fixture(scope="session")
def sample_photos() -> dict[str, Path]:
    """Real photos by their file names."""
    return {path.name: path for path in find_photos()}
