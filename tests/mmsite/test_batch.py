"""How a batch goes through threads and models: a few pictures at a time, and with the results of one by one."""

import io
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar
from weakref import ref

import numpy as np
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from PIL import Image as PILImage
from PIL import ImageColor

import ml
from captioning.models import Caption
from gallery import decoding, stages
from gallery.models import Image, Rendition, Stage, User
from gallery.pictures import WORKING_SIDE, flatten
from gallery.samples import find_photos
from gallery.services import image_create
from ml import registry
from ml.captioners.fake import FakeCaptioner
from ml.interfaces import CaptionResult
from ml.readers.fake import FakeReader
from mmsite import batch, worker
from search import versions

MakeImage = Callable[..., Image]
MakeJpeg = Callable[..., bytes]
COLOURS = ["red", "green", "blue", "yellow", "black", "white"]
MANY = batch.TOGETHER + batch.AHEAD + 1
CAMERA_SIZE, PHOTOS = (4_000, 3_000), 6


@pytest.fixture
def claimed(make_image: MakeImage) -> list[Stage]:
    """The stages of more pictures than are held at once; each has a colour that its neighbours don't have."""
    versions.model_version_ensure()
    for number in range(MANY):
        make_image(shade(COLOURS[number % len(COLOURS)], number))
    return stages.claim(worker="ada", limit=MANY)


def shade(colour: str, number: int) -> tuple[int, ...]:
    """Nearly this colour: no two files are alike."""
    return tuple(abs(value - number) for value in ImageColor.getrgb(colour))


def no() -> bool:
    return False


def test_each_picture_of_many_gets_what_is_its_own(claimed: list[Stage]) -> None:
    batch.run(claimed, should_stop=no)
    assert set(Stage.objects.values_list("state", flat=True)) == {"done"}
    said = [image.description for image in Image.objects.order_by("pk")]
    assert said == [f"a mostly {COLOURS[number % len(COLOURS)]} picture" for number in range(MANY)]


class Watching(FakeCaptioner):
    """Notes how many pictures it gets, and how many have been opened by then."""

    opened: ClassVar[Counter[str]]
    seen: ClassVar[list[tuple[int, int]]]
    told: ClassVar["list[ref[PILImage.Image]]"]
    held: ClassVar[list[int]]  #: how many of those it told are still there when another is opened

    def caption(self, images: Sequence[PILImage.Image], *, begin: str = "") -> list[CaptionResult]:
        self.told.extend(map(ref, images))
        self.seen.append((len(images), self.opened.total()))
        return super().caption(images, begin=begin)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> type[Watching]:
    real = default_storage._wrapped.open  # type: ignore[attr-defined]
    monkeypatch.setattr(Watching, "opened", Counter(), raising=False)
    monkeypatch.setattr(Watching, "seen", [], raising=False)
    monkeypatch.setattr(Watching, "told", [], raising=False)
    monkeypatch.setattr(Watching, "held", [], raising=False)

    def count(name: str, mode: str = "rb") -> Any:
        Watching.opened[name] += 1
        Watching.held.append(sum(picture() is not None for picture in Watching.told))
        return real(name, mode)

    monkeypatch.setattr(default_storage._wrapped, "open", count)  # type: ignore[attr-defined]
    monkeypatch.setattr(registry, "captioners", registry.Registry("captioner", named={"fake": Watching}, families={}))
    return Watching


def test_models_get_a_few_at_a_time_and_no_more_are_held(claimed: list[Stage], watched: type[Watching]) -> None:
    batch.run(claimed, should_stop=no)
    sizes = [size for size, _ in watched.seen]
    assert sum(sizes) == MANY and max(sizes) == batch.TOGETHER
    done = 0
    for size, opened in watched.seen:
        assert opened - done <= batch.TOGETHER + batch.AHEAD
        done += size
    assert watched.held[-1] == 0  # the last is opened once the first few are done


def test_a_damaged_picture_among_many_fails_alone(claimed: list[Stage]) -> None:
    damaged = Image.objects.order_by("pk")[batch.TOGETHER]
    with open(damaged.original.path, "r+b") as file:
        file.truncate(200)
    batch.run(claimed, should_stop=no)
    assert set(damaged.stages.values_list("state", flat=True)) == {"failed"}
    assert set(Stage.objects.exclude(image=damaged).values_list("state", flat=True)) == {"done"}


def test_asked_to_stop_in_the_middle_it_gives_back_the_rest(claimed: list[Stage]) -> None:
    batch.run(claimed, should_stop=Caption.objects.exists)
    finished = Counter(Stage.objects.filter(state="done").values_list("step", flat=True))
    assert finished == {"renditions": batch.TOGETHER, "caption": batch.TOGETHER}
    assert set(Stage.objects.exclude(state="done").values_list("state", "attempts")) == {("pending", 0)}


def test_text_is_read_in_larger_pictures_than_models_see(
    user: User, make_jpeg: MakeJpeg, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.TEXT_READER = "fake"
    versions.model_version_ensure()
    image_create(owner=user, file=ContentFile(make_jpeg(size=(2_000, 1_500)), name="a.jpg"), file_name="a.jpg")
    sizes: list[tuple[int, int]] = []
    read = FakeReader.read

    def watch(reader: FakeReader, pictures: Sequence[PILImage.Image]) -> Any:
        sizes.extend(picture.size for picture in pictures)
        return read(reader, pictures)

    monkeypatch.setattr(FakeReader, "read", watch)
    while worker.work_batch():
        pass
    assert sizes == [(1_600, 1_200)]
    assert set(Rendition.objects.values_list("width", flat=True)) == {400, 1_280}


def camera_photo(path: Path) -> bytes:
    """A real photo at the size of a camera's, with a sensor's grain."""
    large = np.asarray(PILImage.open(path).convert("RGB").resize(CAMERA_SIZE, PILImage.Resampling.BICUBIC))
    grain = np.random.default_rng(0).normal(0, 5, (*CAMERA_SIZE[::-1], 1)).astype(np.int16)
    buffer = io.BytesIO()
    PILImage.fromarray(np.clip(large + grain, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


@pytest.mark.models
def test_models_see_in_a_picture_what_they_see_in_one_that_was_decoded_whole() -> None:
    pytest.importorskip("skimage")
    files = [camera_photo(path) for path in list(find_photos())[:PHOTOS]]
    quick = [flatten(decoding.open_picture(io.BytesIO(file), max_side=WORKING_SIDE)) for file in files]
    whole = [PILImage.open(io.BytesIO(file)).resize(quick[0].size, PILImage.Resampling.LANCZOS) for file in files]
    encoder = ml.load_encoder("builtin")
    cosines = (encoder.encode_images(quick) * encoder.encode_images(whole)).sum(axis=1)
    assert np.median(cosines) >= 0.9995
    assert cosines.mean() >= 0.999 and cosines.min() >= 0.997, cosines
