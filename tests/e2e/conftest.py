"""A whole installation, started as a newcomer would, and a browser in front of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from bench import installation
from bench.browser import DESKTOP, PHONE, NoBrowser, chromium
from gallery.samples import find_photos

HERE = Path(__file__).parent
MAIN = "test_main_job.py"
# What one worker does alone, so that each starts one browser and one installation: all of one width, or all on pages
# that the tests' own process serves. The longest comes first, lest another worker be left idle at its end.
CHAINS = ("desktop", "phone", "in this process")


def chain_of(item: pytest.Item) -> str:
    """The chain of a test in this folder."""
    if item.get_closest_marker("django_db"):
        return "in this process"
    return "phone" if item.callspec.params["chrome"] == PHONE else "desktop"  # type: ignore[attr-defined]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.xdist_group(chain_of(item)))
            if item.path.name != MAIN:
                item.add_marker("flows")


class _ChainsFirst:
    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        last = len(CHAINS)
        items.sort(key=lambda item: CHAINS.index(chain_of(item)) if item.path.is_relative_to(HERE) else last)


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(_ChainsFirst())


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[installation.Installation]:
    """A running site with the built-in models, the fake captioner to ask beside them, and an empty library, where as
    many may sign up as there are tests."""
    more = {"MMSITE_OTHER_CAPTIONERS": "fake", "MMSITE_RATES": "sign-up=off"}
    with installation.running(installation.environment(tmp_path_factory.mktemp("site")) | more) as running:
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
