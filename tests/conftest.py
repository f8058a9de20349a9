"""What tests of every part start from."""

import io
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from django.utils import translation
from PIL import Image as PILImage

MakeJpeg = Callable[..., bytes]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses the database, for `-m database`."""
    fixtures = {"db", "transactional_db", "live_server"}
    for item in items:
        if item.get_closest_marker("django_db") or fixtures.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("database")


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c_works() -> None:
    """A shell that starts the tests in the background has them, and all that they start, ignore Ctrl-C."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _tables_are_emptied_quickly() -> Iterator[None]:
    """By DELETE: PostgreSQL makes new files for a table that it truncates, which takes a second or two for all."""

    def deletions(operations: Any, style: Any, tables: Sequence[str], **_: Any) -> list[str]:
        return [f"DELETE FROM {operations.quote_name(table)}" for table in tables]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.db.backends.postgresql.operations.DatabaseOperations.sql_flush", deletions)
        yield


@pytest.fixture(autouse=True)
def _english() -> None:
    """The language of the last request outlives it: that of another test's, say."""
    translation.deactivate()


@pytest.fixture(autouse=True)
def _media(settings: Any, tmp_path: Any) -> None:
    """Each test keeps its files to itself."""
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.INDEX_DIR = tmp_path / "index"
    settings.UPLOADS_DIR = tmp_path / "uploads"


@pytest.fixture
def make_jpeg() -> MakeJpeg:
    """A maker of small JPEGs: `make_jpeg("red", size=(64, 48), exif=…)`."""

    def make(color: Any = "red", size: tuple[int, int] = (64, 48), **save: Any) -> bytes:
        buffer = io.BytesIO()
        PILImage.new("RGB", size, color).save(buffer, "JPEG", **save)
        return buffer.getvalue()

    return make


@pytest.fixture
def user(db: None) -> Any:
    from gallery.models import User

    return User.objects.create_user("ada", password="analytical engine")


@pytest.fixture
def other_user(db: None) -> Any:
    from gallery.models import User

    return User.objects.create_user("grace", password="nanoseconds matter")


@pytest.fixture
def make_image(make_jpeg: MakeJpeg, user: Any) -> Callable[..., Any]:
    """Uploads a picture of one colour through the front door: `make_image("red", owner=…, visibility=…)`."""
    from django.core.files.base import ContentFile

    from gallery import services

    def make(color: Any = "red", *, owner: Any = None, name: str = "picture.jpg", **kwargs: Any) -> Any:
        file = ContentFile(make_jpeg(color), name=name)
        return services.image_create(owner=owner or user, file=file, file_name=name, **kwargs).image

    return make


@pytest.fixture
def fresh_index() -> Iterator[None]:
    """No index of an earlier test answers, nor this one's a later one."""
    from search import index

    index.reset()
    yield
    index.reset()
