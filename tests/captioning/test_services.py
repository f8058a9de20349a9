"""Captions are written once for each picture and model, and never over a person's."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist
from PIL import Image as PILImage

import ml
from captioning import selectors, services
from captioning.exceptions import BadCaption
from captioning.models import Caption
from gallery import services as gallery_services
from gallery.models import Image, User
from ml.errors import ModelNotFound
from ml.interfaces import CaptionResult, ModelInfo

MakeImage = Callable[..., Image]

ONE = ModelInfo(name="one", revision="1", weights_hash="1" * 64, preprocessing="none")
TWO = ModelInfo(name="two", revision="1", weights_hash="2" * 64, preprocessing="none")


class Scripted:
    """A captioner that answers what the test says."""

    info = ONE
    unsure_below = 0.5

    def __init__(self, answer: Callable[[Sequence[Any]], list[CaptionResult]]) -> None:
        self.caption = answer


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def use(answer: Callable[[Sequence[Any]], list[CaptionResult]]) -> None:
        monkeypatch.setattr(ml, "load_captioner", lambda name: Scripted(answer))

    return use


def picture(color: str = "red") -> PILImage.Image:
    return PILImage.new("RGB", (32, 32), color)


def say(image: Image, text: str, info: ModelInfo = ONE, *, confidence: float = 0.9, unsure: bool = False) -> Caption:
    return services.caption_record(image_id=image.pk, result=CaptionResult(text, confidence), info=info, unsure=unsure)


def alt_text(image: Image) -> tuple[str, bool]:
    image.refresh_from_db()
    return image.description, image.description_unsure


class TestWrite:
    def test_each_picture_gets_its_own_caption(self, make_image: MakeImage) -> None:
        colors = ["red", "green", "blue"]
        images = [make_image(color) for color in colors]
        services.captions_write(image_ids=[image.pk for image in images], pictures=[picture(c) for c in colors])
        for image, color in zip(images, colors, strict=True):
            assert color in alt_text(image)[0]
            caption = Caption.objects.get(image=image)
            assert caption.model == ml.load_captioner("fake").info.key
            assert caption.is_current

    def test_the_order_of_the_rows_does_not_matter(self, make_image: MakeImage) -> None:
        red, blue = make_image("red"), make_image("blue")
        services.captions_write(image_ids=[blue.pk, red.pk], pictures=[picture("blue"), picture("red")])
        assert "blue" in alt_text(blue)[0]
        assert "red" in alt_text(red)[0]

    def test_a_caption_the_captioner_doubts_is_marked(self, make_image: MakeImage, use: Any) -> None:
        image = make_image()
        use(lambda pictures: [CaptionResult("perhaps a dog", 0.49)])
        services.captions_write(image_ids=[image.pk], pictures=[picture()])
        assert alt_text(image) == ("perhaps a dog", True)
        assert Caption.objects.get(image=image).unsure
        use(lambda pictures: [CaptionResult("a dog", 0.5)])
        services.captions_write(image_ids=[image.pk], pictures=[picture()])
        assert alt_text(image) == ("a dog", False)

    def test_a_captioner_that_loses_a_picture_writes_nothing(self, make_image: MakeImage, use: Any) -> None:
        images = [make_image("red"), make_image("blue")]
        use(lambda pictures: [CaptionResult("a dog", 0.9)])
        with pytest.raises(ValueError, match="zip"):
            services.captions_write(image_ids=[image.pk for image in images], pictures=[picture(), picture()])
        assert not Caption.objects.exists()

    def test_as_many_pictures_as_ids(self, make_image: MakeImage) -> None:
        with pytest.raises(ValueError, match="zip"):
            services.captions_write(image_ids=[make_image().pk], pictures=[picture(), picture()])
        assert not Caption.objects.exists()

    @pytest.mark.parametrize(
        "bad", [CaptionResult("  ", 0.9), CaptionResult("a dog", float("nan")), CaptionResult("a dog", 1.5)]
    )
    def test_what_is_no_caption_is_refused_before_anything_is_written(
        self, make_image: MakeImage, use: Any, bad: CaptionResult
    ) -> None:
        images = [make_image("red"), make_image("blue")]
        use(lambda pictures: [CaptionResult("a cat", 0.9), bad])
        with pytest.raises(BadCaption):
            services.captions_write(image_ids=[image.pk for image in images], pictures=[picture(), picture()])
        assert not Caption.objects.exists()

    def test_a_picture_that_was_deleted_meanwhile_is_passed_over(self, make_image: MakeImage) -> None:
        gone, kept = make_image("red"), make_image("blue")
        gone_id = gone.pk
        gallery_services.images_delete(images=[gone])
        services.captions_write(image_ids=[gone_id, kept.pk], pictures=[picture("red"), picture("blue")])
        assert list(Caption.objects.values_list("image_id", flat=True)) == [kept.pk]

    def test_a_missing_captioner_is_said(self, make_image: MakeImage, settings: Any) -> None:
        settings.CAPTIONER = "nobody/has-this"
        with pytest.raises(ModelNotFound):
            services.captions_write(image_ids=[make_image().pk], pictures=[picture()])


class TestRecord:
    def test_the_same_model_again_replaces_what_it_said(self, make_image: MakeImage) -> None:
        image = make_image()
        first = say(image, "a dog")
        again = say(image, "a cat", unsure=True, confidence=0.2)
        assert first.pk == again.pk
        assert Caption.objects.get().text == "a cat"
        assert alt_text(image) == ("a cat", True)

    def test_another_model_takes_over_and_the_history_stays(self, make_image: MakeImage) -> None:
        image = make_image()
        say(image, "a dog", ONE)
        say(image, "a poodle", TWO)
        assert alt_text(image) == ("a poodle", False)
        current = Caption.objects.get(is_current=True)
        assert current.model == TWO.key
        assert Caption.objects.count() == 2

    def test_a_person_is_never_overruled(self, make_image: MakeImage, user: User) -> None:
        image = make_image()
        say(image, "a dog", ONE)
        services.caption_write_by_person(image_id=image.pk, author=user, text="Rex")
        say(image, "a brown dog", ONE)
        say(image, "a poodle", TWO)
        assert alt_text(image) == ("Rex", False)
        assert Caption.objects.get(is_current=True).author == user
        assert set(Caption.objects.values_list("text", flat=True)) == {"Rex", "a brown dog", "a poodle"}

    def test_of_a_picture_that_is_gone(self, make_image: MakeImage) -> None:
        image = make_image()
        Image.objects.filter(pk=image.pk).delete()
        with pytest.raises(ObjectDoesNotExist):
            say(image, "a dog")
        assert not Caption.objects.exists()


class TestByPerson:
    def test_it_is_tidied_and_current(self, make_image: MakeImage, user: User) -> None:
        image = make_image()
        caption = services.caption_write_by_person(image_id=image.pk, author=user, text="  Rex \n in the  snow ")
        assert caption.text == "Rex in the snow"
        assert (caption.source, caption.confidence, caption.unsure) == ("person", 1.0, False)
        assert alt_text(image) == ("Rex in the snow", False)

    def test_twice_the_same_is_once(self, make_image: MakeImage, user: User, other_user: User) -> None:
        image = make_image()
        for author in (user, user, other_user):
            services.caption_write_by_person(image_id=image.pk, author=author, text="Rex")
        assert [caption.author for caption in Caption.objects.order_by("pk")] == [user, other_user]
        assert Caption.objects.get(is_current=True).author == other_user

    def test_it_needs_words(self, make_image: MakeImage, user: User) -> None:
        with pytest.raises(BadCaption):
            services.caption_write_by_person(image_id=make_image().pk, author=user, text=" \n ")
        assert not Caption.objects.exists()

    def test_of_a_picture_that_is_gone(self, user: User) -> None:
        with pytest.raises(ObjectDoesNotExist):
            services.caption_write_by_person(image_id=404, author=user, text="Rex")


def test_describing_keeps_nothing(db: None) -> None:
    description = selectors.picture_describe(picture=picture("green"))
    assert "green" in description.text
    assert not description.unsure
    assert not Caption.objects.exists()
