"""A whole installation, started as a newcomer would, and a browser in front of it."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from bench import installation
from bench.browser import DESKTOP, PHONE, NoBrowser, chromium


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
def sample_photo() -> Callable[[str], Path]:
    """Finds a photo that ships in scikit-image's wheel."""
    spec = find_spec("skimage")
    assert spec is not None and spec.origin is not None

    def find(name: str) -> Path:
        return Path(spec.origin or "").parent / "data" / name

    return find
