"""By which names versions are found, and how far they are."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from gallery.models import Image
from search import selectors, versions
from search.exceptions import VersionUnknown
from search.models import Embedding, ModelVersion
from search.progress import Progress, progress_of
from tests.search.lifecycle import D, record

MakeImage = Callable[..., Image]
State = ModelVersion.State


class TestNames:
    @pytest.fixture
    def three(self, other: ModelVersion, encoders: dict[str, Any]) -> list[ModelVersion]:
        newer = ModelVersion.objects.create(
            key="other@3-333333333333", name="other", revision="3", weights_hash="", preprocessing="", dimension=D
        )
        return [ModelVersion.objects.get(name="fake"), other, newer]

    def test_number_key_beginning_and_name(self, three: list[ModelVersion]) -> None:
        fake, other, newer = three
        assert versions.version_named(str(other.pk)) == other
        assert versions.version_named(other.key) == other
        assert versions.version_named("other@3") == newer
        assert versions.version_named("fake") == fake
        assert versions.version_named("f") == fake

    def test_a_name_comes_before_the_beginning_of_another_key(self, three: list[ModelVersion]) -> None:
        fake = three[0]
        ModelVersion.objects.filter(pk=three[1].pk).update(key="fake-large@1", name="fake-large")
        assert versions.version_named("fake") == fake
        assert versions.version_named("fake-").name == "fake-large"

    def test_several(self, three: list[ModelVersion]) -> None:
        with pytest.raises(VersionUnknown, match=f"“other” can be any of {three[1].pk} .*, {three[2].pk} .*number"):
            versions.version_named("other")

    @pytest.mark.parametrize("text", ["", "nothing", "999999999", "9" * 30, "²", "%", "-1"])
    def test_none(self, three: list[ModelVersion], text: str) -> None:
        with pytest.raises(VersionUnknown, match="There is no model version"):
            versions.version_named(text)


class TestProgress:
    def wrote(self, version: ModelVersion, ago: list[float]) -> None:
        """The embeddings, in their order, were written so many seconds ago."""
        for embedding, seconds in zip(
            Embedding.objects.filter(model_version=version).order_by("seq"), ago, strict=False
        ):
            Embedding.objects.filter(pk=embedding.pk).update(updated_at=timezone.now() - timedelta(seconds=seconds))

    def test_the_rate_is_that_of_the_last_minutes(self, version: ModelVersion, make_image: MakeImage) -> None:
        images = [make_image((shade, 0, 0)) for shade in range(0, 100, 10)]
        record(version, images[:4])
        self.wrote(version, [4_000, 200, 150, 100])
        progress = progress_of(version)
        assert progress.rate == pytest.approx(2 / 200, rel=0.1)
        assert progress.left == 6
        assert progress.seconds_left == pytest.approx(600, rel=0.1)

    @pytest.mark.parametrize("ago", [[], [4_000, 3_000], [100], [1, 0.5]])
    def test_too_little_tells_nothing(self, version: ModelVersion, make_image: MakeImage, ago: list[float]) -> None:
        images = [make_image("red"), make_image("green"), make_image("blue")]
        record(version, images[: len(ago)])
        self.wrote(version, ago)
        progress = progress_of(version)
        assert (progress.rate, progress.seconds_left, progress.time_left) == (None, None, "")

    def test_without_pictures(self, version: ModelVersion) -> None:
        assert progress_of(version).left == 0

    @pytest.mark.parametrize(
        ("left", "words"),
        [
            (0, ""),
            (1, "about 1 min"),
            (61, "about 2 min"),
            (3_600, "about 1 h"),
            (7_500, "about 2 h 5 min"),
            (90_000, "about 1 d 1 h"),
        ],
    )
    def test_time_in_words(self, left: int, words: str) -> None:
        coverage = selectors.Coverage(embedded=0, given_up=0, pictures=left)
        assert Progress(coverage, rate=1.0).time_left == words
        assert Progress(coverage).time_left == ""
