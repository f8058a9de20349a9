"""A batch of work on real pictures, with the fake models."""

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django_q.models import OrmQ
from PIL.Image import Image as Picture

from captioning.models import Caption
from gallery import services as gallery_services
from gallery import stages
from gallery.models import Image, Rendition, Stage, User, Visibility
from gallery.selectors import image_work
from ml import registry
from ml.captioners.fake import FakeCaptioner
from ml.errors import ModelNotFound
from ml.interfaces import CaptionResult, TextLine
from ml.readers.fake import FakeReader
from mmsite import batch, pipeline, worker
from search import duplicates, versions
from search.models import Embedding, ModelVersion
from tests.ml import checkpoints

MakeImage = Callable[..., Image]
COLOURS = ["red", "green", "blue", "yellow"]


@pytest.fixture(autouse=True)
def version(db: None) -> ModelVersion:
    return versions.model_version_ensure()


@pytest.fixture
def use_captioner(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], None]:
    """Puts a captioner of the test in the place of the fake one."""

    def use(captioner: Any) -> None:
        known = registry.Registry("captioner", named={"fake": captioner}, families={})
        monkeypatch.setattr(registry, "captioners", known)

    return use


def go() -> bool:
    return bool(worker.work_batch())


def states() -> Counter[tuple[str, str]]:
    return Counter(Stage.objects.values_list("step", "state"))


def test_every_picture_gets_renditions_a_caption_and_a_vector(make_image: MakeImage, version: ModelVersion) -> None:
    images = [make_image(colour) for colour in COLOURS]
    assert go()
    assert states() == {("renditions", "done"): 4, ("caption", "done"): 4, ("embedding", "done"): 4}
    assert Rendition.objects.count() == 8
    descriptions = [Image.objects.get(pk=image.pk).description for image in images]
    assert descriptions == [f"a mostly {colour} picture" for colour in COLOURS]
    assert Embedding.objects.filter(model_version=version, vector__isnull=False).count() == 4
    assert not go(), "nothing is left"


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each file is opened from now on."""
    opened: Counter[str] = Counter()
    real = default_storage._wrapped.open  # type: ignore[attr-defined]

    def count(name: str, mode: str = "rb") -> Any:
        opened[name] += 1
        return real(name, mode)

    monkeypatch.setattr(default_storage._wrapped, "open", count)  # type: ignore[attr-defined]
    return opened


def test_a_picture_is_decoded_once_for_all_steps(make_image: MakeImage, opened: Counter[str]) -> None:
    for colour in COLOURS:
        make_image(colour)
    opened.clear()
    assert go()
    assert opened == {image.original.name: 1 for image in Image.objects.all()}


def test_doing_it_all_again_leaves_one_of_each(make_image: MakeImage) -> None:
    image = make_image()
    go()
    for step in pipeline.steps():
        stages.requeue(image_ids=[image.pk], step=step.name, priority=Stage.Priority.BACKFILL)
    assert go()
    assert (Rendition.objects.count(), Caption.objects.count(), Embedding.objects.count()) == (2, 1, 1)
    assert {state for _step, state in states()} == {"done"}


class FailsOnRed(FakeCaptioner):
    def caption(self, images: Sequence[Picture], *, begin: str = "") -> list[CaptionResult]:
        results = super().caption(images)
        if any("red" in result.text for result in results):
            raise ValueError("no red, please")
        return results


def test_a_step_that_fails_stops_neither_other_steps_nor_other_pictures(
    make_image: MakeImage, use_captioner: Callable[[Any], None]
) -> None:
    use_captioner(FailsOnRed)
    red, *_others = [make_image(colour) for colour in COLOURS]
    assert go()
    assert states() == {
        ("renditions", "done"): 4,
        ("caption", "done"): 3,
        ("caption", "pending"): 1,
        ("embedding", "done"): 4,
    }
    guilty = Stage.objects.get(state="pending")
    assert (guilty.image, guilty.attempts) == (red, 1)
    assert guilty.error == "An unexpected problem, ValueError: no red, please"


def test_a_damaged_original_fails_at_once_with_a_reason_and_alone(make_image: MakeImage) -> None:
    damaged, _whole = make_image("red"), make_image("blue")
    path = default_storage.path(damaged.original.name)
    with open(path, "r+b") as file:
        file.truncate(200)
    assert go()
    assert set(damaged.stages.values_list("state", "error")) == {("failed", "This JPEG file is damaged or cut short.")}
    assert states()["caption", "done"] == 1


def test_a_missing_original_is_tried_again(make_image: MakeImage) -> None:
    image = make_image()
    default_storage.delete(image.original.name)
    assert go()
    assert set(image.stages.values_list("state", "error")) == {
        ("pending", "The file of the original picture is missing.")
    }


def test_a_missing_model_postpones_its_step_alone_and_says_why(
    make_image: MakeImage, use_captioner: Callable[[Any], None]
) -> None:
    def missing() -> None:
        raise ModelNotFound("There is no model here.")

    use_captioner(missing)
    make_image()
    assert go()
    waiting = Stage.objects.get(step="caption")
    assert (waiting.state, waiting.attempts, waiting.error) == ("pending", 0, "There is no model here.")
    assert states()["embedding", "done"] == 1
    assert not stages.any_due(), "not at once"


def test_a_picture_deleted_meanwhile_leaves_nothing_behind(
    make_image: MakeImage, use_captioner: Callable[[Any], None]
) -> None:
    gone = make_image("red")
    make_image("blue")

    class DeletesFirst(FakeCaptioner):
        def caption(self, images: Sequence[Picture], *, begin: str = "") -> list[CaptionResult]:
            gallery_services.images_delete(images=Image.objects.filter(pk=gone.pk))
            return super().caption(images)

    use_captioner(DeletesFirst)
    assert go()
    assert {state for _step, state in states()} == {"done"}
    assert Caption.objects.count() == 1
    assert not Embedding.objects.filter(image_id=gone.pk, vector__isnull=False).exists()


def test_asked_to_stop_a_batch_gives_back_what_it_has_not_begun(make_image: MakeImage) -> None:
    make_image("red")
    make_image("blue")
    answers = iter([False, True, True, True, True, True])
    batch.run(stages.claim(worker="ada", limit=16), should_stop=lambda: next(answers))
    assert states() == {
        ("renditions", "done"): 1,
        ("renditions", "pending"): 1,
        ("caption", "pending"): 2,
        ("embedding", "pending"): 2,
    }
    assert set(Stage.objects.filter(state="pending").values_list("attempts", flat=True)) == {0}


def test_work_for_a_model_that_was_replaced_is_skipped(make_image: MakeImage, settings: Any) -> None:
    make_image()
    settings.CAPTIONER = "another"
    assert go()
    assert Stage.objects.get(step="caption").state == "skipped"


def test_the_sweep_embeds_with_a_new_model_what_was_there_before(make_image: MakeImage, version: ModelVersion) -> None:
    make_image()
    go()
    ModelVersion.objects.create(
        key="newer", name="newer", revision="1", weights_hash="", preprocessing="", dimension=64
    )
    assert stages.sweep().opened == 1
    assert Stage.objects.get(model="newer").priority == Stage.Priority.BACKFILL


@pytest.fixture
def reads(settings: Any) -> None:
    settings.TEXT_READER = "fake"


@pytest.mark.usefixtures("reads")
def test_text_is_read_after_all_that_makes_pictures_ready(make_image: MakeImage) -> None:
    images = [make_image(colour) for colour in COLOURS]
    assert go()
    assert states()["text", "pending"] == 4
    assert {image_work(image).state for image in images} == {"ready"}
    while go():
        pass
    assert states()["text", "done"] == 4
    texts = list(Image.objects.order_by("pk").values_list("text_in_picture", flat=True))
    assert texts == ["RED\nRED", "GREEN\nGREEN", "BLUE\nBLUE", "YELLOW\nYELLOW"]


@pytest.mark.usefixtures("reads")
def test_text_that_cannot_be_read_leaves_the_picture_ready(
    make_image: MakeImage, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    monkeypatch.setattr(FakeReader, "read", lambda self, pictures: [[TextLine("", 1.0, ((0.0, 0.0),) * 4)]])
    settings.STAGE_ATTEMPTS = 1
    image = make_image()
    assert go()
    assert go()
    failed = image.stages.get(step="text")
    assert (failed.state, failed.error) == ("failed", "The reader gave a line without text.")
    work = image_work(image)
    assert (work.state, work.can_retry) == ("ready", True)


def test_without_the_reader_no_picture_is_decoded_and_all_wait_for_it(
    make_image: MakeImage, settings: Any, opened: Counter[str]
) -> None:
    settings.TEXT_READER = "nobody/has-this"
    for colour in COLOURS:
        make_image(colour)
    assert go()
    opened.clear()
    assert go()
    assert not opened
    assert not stages.any_due(), "one was tried, and none is due"
    waiting = Stage.objects.filter(step="text")
    assert set(waiting.values_list("state", "attempts")) == {("pending", 0)}
    assert all("nobody/has-this" in error for error in waiting.values_list("error", flat=True))


@pytest.mark.usefixtures("reads")
def test_near_duplicates_do_not_wait_for_text(make_image: MakeImage, monkeypatch: pytest.MonkeyPatch) -> None:
    unread: list[int] = []

    def compare() -> int:
        unread.append(Stage.objects.filter(step="text", state="pending").count())
        return 0

    monkeypatch.setattr(duplicates, "compare_some", compare)
    for colour in COLOURS:
        make_image(colour)
    worker.work_until_idle()
    assert unread == [3, 2, 1, 0, 0], "after each that was read, but not after those that somebody waits for"


def test_the_sweep_has_text_read_once_there_is_a_reader(make_image: MakeImage, settings: Any) -> None:
    image = make_image()
    go()
    assert not image.stages.filter(step="text").exists()
    settings.TEXT_READER = "fake"
    assert pipeline.sweep().opened == 1
    assert image.stages.get(step="text").priority == Stage.Priority.LATER
    settings.TEXT_READER = "none"
    assert pipeline.sweep().skipped == 1


def test_visibility_reaches_the_index(make_image: MakeImage) -> None:
    image = make_image()
    go()
    before = Embedding.objects.get().seq
    gallery_services.image_set_visibility(image=image, visibility=Visibility.PUBLIC)
    assert Embedding.objects.get().seq > before


def test_one_wake_up_is_enough(user: User) -> None:
    for _ in range(3):
        pipeline.wake()
    assert OrmQ.objects.count() == 1


def test_a_wake_up_that_is_being_heard_does_not_count(user: User) -> None:
    """It may be about to find that nothing is left."""
    pipeline.wake()
    OrmQ.objects.update(lock="2100-01-01T00:00:00Z")
    pipeline.wake()
    assert OrmQ.objects.count() == 2


def test_a_slice_of_work_ends_and_asks_for_the_next(make_image: MakeImage, settings: Any) -> None:
    settings.STAGE_BATCH = 1
    settings.WORK_SLICE_SECONDS = 0
    make_image("red")
    worker.work_until_idle()
    assert OrmQ.objects.count() == 1
    settings.WORK_SLICE_SECONDS = 60
    make_image("blue")
    worker.work_until_idle()
    assert {state for _step, state in states()} == {"done"}


def test_the_sweep_wakes_the_worker_when_work_is_due(make_image: MakeImage) -> None:
    make_image()
    pipeline.sweep()
    assert OrmQ.objects.count() == 1


def test_two_captioners_describe_one_picture_which_is_decoded_once(
    make_image: MakeImage, settings: Any, tmp_path: Path, opened: Counter[str]
) -> None:
    settings.OTHER_CAPTIONERS = [str(checkpoints.vit_gpt2(tmp_path / "vit-gpt2"))]
    image = make_image("red")
    asked = pipeline.describe_again(image_ids=[image.pk], by="vit-gpt2")
    assert (asked, pipeline.describers()) == (1, ["fake", "vit-gpt2"])
    Stage.objects.update(priority=Stage.Priority.BACKFILL)
    opened.clear()
    assert go()
    assert states()["caption", "done"] == 2
    assert opened[image.original.name] == 1
    current, other = image.captions.order_by("-is_current")
    assert (current.text, current.is_current) == ("a mostly red picture", True)
    assert other.text and other.model.startswith("vit-gpt2@") and not other.is_current
    assert pipeline.describe_again(image_ids=[image.pk], by="vit-gpt2") == 0, "it would say the same"
    assert pipeline.describe_again(image_ids=[image.pk], by="nobody") == 0
