"""Background queries are encoded before anybody searches, and once for all processes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.encoders.fake import FakeEncoder
from ml.interfaces import Embeddings
from search import backgrounds
from search.models import ModelVersion
from search.query.cutoff import background_texts


class Encoder:
    """Counts how often it had to encode."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def __call__(self, texts: Sequence[str]) -> Embeddings:
        self.asked.append(list(texts))
        return FakeEncoder().encode_texts(texts)


@pytest.fixture
def encode() -> Encoder:
    return Encoder()


@pytest.fixture
def next_process() -> Callable[[], None]:
    return backgrounds.forget


@pytest.mark.django_db
class TestPreparing:
    def test_once_a_process(self, encode: Encoder) -> None:
        backgrounds.prepare("one", encode)
        first = backgrounds.prepared("one")
        assert first is not None
        backgrounds.prepare("one", encode)
        assert backgrounds.prepared("one") is first
        assert encode.asked == [background_texts()]

    def test_once_for_all_processes(self, encode: Encoder, next_process: Callable[[], None]) -> None:
        backgrounds.prepare("one", encode)
        first = backgrounds.prepared("one")
        next_process()
        backgrounds.prepare("one", encode)
        again = backgrounds.prepared("one")
        assert len(encode.asked) == 1
        assert first is not None
        assert again is not None
        np.testing.assert_array_equal(again.vectors, first.vectors)

    def test_each_version_has_its_own(self, encode: Encoder) -> None:
        backgrounds.prepare("one", encode)
        backgrounds.prepare("two", encode)
        assert len(encode.asked) == 2

    def test_a_process_that_prepares_nothing_has_what_another_one_prepared(
        self, encode: Encoder, next_process: Callable[[], None]
    ) -> None:
        assert backgrounds.prepared("one") is None
        backgrounds.prepare("one", encode)
        next_process()
        assert backgrounds.prepared("one") is not None

    def test_an_encoder_that_tells_texts_apart_badly(self, next_process: Callable[[], None]) -> None:
        def encode(texts: Sequence[str]) -> Embeddings:
            return np.ones((len(texts), 4), np.float32) / 2

        backgrounds.prepare("one", encode)
        assert backgrounds.prepared("one") is None


@pytest.mark.django_db
class TestFiles:
    def test_a_damaged_one_is_written_anew(
        self, encode: Encoder, next_process: Callable[[], None], settings: Any, caplog: Any
    ) -> None:
        backgrounds.prepare("one", encode)
        (path,) = Path(settings.INDEX_DIR).glob(f"*{backgrounds.SUFFIX}")
        path.write_bytes(path.read_bytes()[:-100])
        next_process()
        for _ in range(2):
            assert backgrounds.prepared("one") is None
        assert caplog.text.count("is damaged") == 1, "searches go on, and don't fill the log"
        for _ in range(2):
            backgrounds.prepare("one", encode)
            next_process()
        assert backgrounds.prepared("one") is not None
        assert len(encode.asked) == 2

    def test_a_folder_that_cannot_be_written(self, encode: Encoder, settings: Any, tmp_path: Path) -> None:
        settings.INDEX_DIR = tmp_path / "file"
        settings.INDEX_DIR.write_text("")
        backgrounds.prepare("one", encode)
        assert backgrounds.prepared("one") is not None

    def test_those_of_versions_that_are_gone_are_removed(self, encode: Encoder, settings: Any) -> None:
        ModelVersion.objects.create(key="kept", name="kept", dimension=64)
        for key in ("kept", "gone", "new"):
            backgrounds.prepare(key, encode)
        assert len(list(Path(settings.INDEX_DIR).glob(f"*{backgrounds.SUFFIX}"))) == 2
