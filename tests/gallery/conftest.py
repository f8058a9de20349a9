"""What gallery's tests share."""

from typing import Any

import pytest

from tests.gallery import queueing, recording


@pytest.fixture
def told(settings: Any) -> list[tuple[str, Any]]:
    """What the pipeline was told: a recording one stands in for mmsite's, which gallery doesn't know."""
    settings.GALLERY_PIPELINE = "tests.gallery.recording"
    recording.calls.clear()
    return recording.calls


@pytest.fixture
def queue(settings: Any) -> None:
    """The pipeline of tests.gallery.queueing, as it is before any test."""
    settings.GALLERY_PIPELINE = "tests.gallery.queueing"
    queueing.begin()


@pytest.fixture
def stored_files(settings: Any) -> Any:
    """A function that lists every file of the media folder, temporary ones too."""

    def names() -> list[str]:
        root = settings.MEDIA_ROOT
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    return names
