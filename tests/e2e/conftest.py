"""A whole installation, started as a newcomer would, and a browser in front of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from bench import installation
from bench.browser import DESKTOP, PHONE, NoBrowser, chromium
from gallery.samples import find_photos


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running site with the built-in models and an empty library."""
    with installation.running(installation.environment(tmp_path_factory.mktemp("site"))) as running:
        yield running.url


@pytest.fixture(params=[PHONE, DESKTOP], ids=["phone", "desktop"])
def browser(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chrome]:
    """Headless Chromium with a fresh profile, at phone and at desktop width."""
    try:
        with chromium(tmp_path / "profile", request.param) as chrome:
            yield chrome
    except NoBrowser as error:
        pytest.skip(str(error))


@pytest.fixture
def sample_photos() -> dict[str, Path]:
    """Real photos by their file names."""
    return {path.name: path for path in find_photos()}
