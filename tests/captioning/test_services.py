"""Captions are written once for each picture and model, and never over a person's."""

from collections.abc import Callable, Sequence
from itertools import permutations
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.core.files.base import ContentFile
from django.db import transaction
from PIL import ExifTags
from PIL import Image as PILImage

import ml
from captioning import selectors, services
from captioning.exceptions import BadCaption, CaptionChanged
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
        use(lambda pictures, begin: [CaptionResult("perhaps a dog", 0.49)])
        services.captions_write(image_ids=[image.pk], pictures=[picture()])
        assert alt_text(image) == ("perhaps a dog", True)
        assert Caption.objects.get(image=image).unsure
        use(lambda pictures, begin: [CaptionResult("a dog", 0.5)])
        services.captions_write(image_ids=[image.pk], pictures=[picture()])
        assert alt_text(image) == ("a dog", False)

    def test_a_captioner_that_loses_a_picture_writes_nothing(self, make_image: MakeImage, use: Any) -> None:
        images = [make_image("red"), make_image("blue")]
        use(lambda pictures, begin: [CaptionResult("a dog", 0.9)])
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
        use(lambda pictures, begin: [CaptionResult("a cat", 0.9), bad])
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

    def test_it_is_tidied(self, make_image: MakeImage, user: User) -> None:
        image = make_image()
        said = say(image, " a  dog\0\n")
        assert said.text == "a dog"
        assert services.caption_write_by_person(image_id=image.pk, author=user, text="a dog") == said

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
            services.caption_write_by_person(image_id=999_999_999, author=user, text="Rex")

    def test_what_was_said_meanwhile_is_not_lost(self, make_image: MakeImage, user: User) -> None:
        image = make_image()
        say(image, "a dog")
        with pytest.raises(CaptionChanged):
            services.caption_write_by_person(image_id=image.pk, author=user, text="Rex", before="")
        assert alt_text(image) == ("a dog", False)
        services.caption_write_by_person(image_id=image.pk, author=user, text="Rex", before="a dog ")
        assert alt_text(image) == ("Rex", False)

    def test_a_models_words_left_as_they_are_are_approved(self, make_image: MakeImage, user: User) -> None:
        image = make_image()
        said = say(image, "a dog", unsure=True)
        assert services.caption_write_by_person(image_id=image.pk, author=user, text="a dog") == said
        assert Caption.objects.get().reviewed_by == user
        assert alt_text(image) == ("a dog", False)


class TestReview:
    def test_an_approved_caption_is_a_persons_word(self, make_image: MakeImage, user: User) -> None:
        image = make_image()
        said = say(image, "a dog", ONE, unsure=True)
        services.caption_choose(caption=said, person=user)
        assert alt_text(image) == ("a dog", False)
        assert list(Image.objects.described_by_person()) == [image]
        say(image, "a brown dog", ONE)
        say(image, "a poodle", TWO)
        assert alt_text(image) == ("a dog", False)
        assert set(Caption.objects.values_list("text", flat=True)) == {"a dog", "a poodle"}

    def test_a_rejected_caption_is_shown_no_more(self, make_image: MakeImage, user: User) -> None:
        image = make_image()
        services.caption_reject(caption=say(image, "a dog", ONE, unsure=True), person=user)
        assert alt_text(image) == ("", False)
        say(image, "a dog", ONE)
        assert alt_text(image) == ("", False)
        assert not Caption.objects.to_review().exists()
        say(image, "a cat", ONE, unsure=True)
        assert alt_text(image) == ("a cat", True)
        assert Caption.objects.to_review().exists()

    def test_another_model_may_say_what_was_rejected_of_one(self, make_image: MakeImage, user: User) -> None:
        image = make_image()
        services.caption_reject(caption=say(image, "a dog", ONE), person=user)
        say(image, "a dog", TWO)
        assert alt_text(image) == ("a dog", False)

    def test_what_is_rejected_may_have_been_replaced_before(self, make_image: MakeImage, user: User) -> None:
        image = make_image()
        old = say(image, "a dog", ONE)
        say(image, "a poodle", TWO)
        services.caption_reject(caption=old, person=user)
        assert alt_text(image) == ("a poodle", False)

    @pytest.mark.parametrize("judge", [services.caption_choose, services.caption_reject])
    def test_judging_can_be_undone(self, make_image: MakeImage, user: User, judge: Callable[..., None]) -> None:
        image = make_image()
        said = say(image, "a dog", unsure=True)
        judge(caption=said, person=user)
        services.caption_reopen(caption=said)
        assert alt_text(image) == ("a dog", True)
        assert list(Caption.objects.to_review()) == [said]
        assert Caption.objects.get().reviewed_by is None
        say(image, "a poodle", TWO)
        assert alt_text(image) == ("a poodle", False)

    def test_a_correction_can_be_undone(self, make_image: MakeImage, user: User) -> None:
        image = make_image()
        said = say(image, "a dog")
        services.caption_write_by_person(image_id=image.pk, author=user, text="Rex")
        services.caption_reopen(caption=said)
        assert alt_text(image) == ("a dog", False)
        assert not Image.objects.described_by_person().exists()

    def test_what_a_person_said_before_can_be_had_again(self, make_image: MakeImage, user: User) -> None:
        image = make_image()
        rex = services.caption_write_by_person(image_id=image.pk, author=user, text="Rex")
        services.caption_write_by_person(image_id=image.pk, author=user, text="Fido")
        services.caption_choose(caption=rex, person=user)
        assert alt_text(image) == ("Rex", False)
        assert Caption.objects.get(is_current=True) == rex

    @pytest.mark.parametrize("judge", [services.caption_choose, services.caption_reject, services.caption_reopen])
    def test_only_of_what_the_person_saw(self, make_image: MakeImage, user: User, judge: Callable[..., None]) -> None:
        image = make_image()
        said = say(image, "a dog")
        say(image, "a cat")
        person = {} if judge is services.caption_reopen else {"person": user}
        with pytest.raises(CaptionChanged):
            judge(caption=said, before="a dog", **person)
        assert alt_text(image) == ("a cat", False)
        judge(caption=said, before="a cat", **person)
        assert Caption.objects.get().text == "a cat"


def test_whatever_happens_first_people_have_the_last_word(make_image: MakeImage, user: User) -> None:
    image = make_image()

    def judge_current(judge: Callable[..., None]) -> None:
        if caption := Caption.objects.filter(is_current=True, source="model").first():
            judge(caption=caption, person=user)

    by_models: list[Callable[[], object]] = [
        lambda: say(image, "a dog", ONE),
        lambda: say(image, "a cat", ONE, unsure=True),
        lambda: say(image, "a poodle", TWO, unsure=True),
    ]
    by_people: list[Callable[[], object]] = [
        lambda: services.caption_write_by_person(image_id=image.pk, author=user, text="Rex"),
        lambda: judge_current(services.caption_choose),
        lambda: judge_current(services.caption_reject),
    ]
    for steps in permutations([*by_models, *by_people], 3):
        with transaction.atomic():
            for step in steps:
                before, was_by_person = image.description, image.description_by_person
                step()
                image.refresh_from_db()
                current = Caption.objects.filter(is_current=True).first() or Caption(text="")
                assert image.description == current.text
                assert image.description_by_person == current.is_by_person
                assert image.description_unsure == (current.unsure and not current.is_by_person)
                if step in by_models and was_by_person:
                    assert image.description == before
            transaction.set_rollback(True)
        image.refresh_from_db()


def test_what_an_uploaded_file_says_is_its_owners_word(make_jpeg: Callable[..., bytes], user: User) -> None:
    exif = PILImage.Exif()
    exif[ExifTags.Base.ImageDescription] = "Rex in the snow"
    file = ContentFile(make_jpeg("red", exif=exif))
    image = gallery_services.image_create(owner=user, file=file, file_name="rex.jpg").image
    say(image, "a dog")
    assert alt_text(image) == ("Rex in the snow", False)
    caption = Caption.objects.get(is_current=True)
    assert (caption.source, caption.author) == ("file", user)
    assert list(Image.objects.described_by_person()) == [image]


def test_describing_keeps_nothing(db: None) -> None:
    description = selectors.picture_describe(picture=picture("green"))
    assert "green" in description.text
    assert not description.unsure
    assert not Caption.objects.exists()
