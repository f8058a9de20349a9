"""Having a picture described again: who is asked, what they say beside the others, and what the page shows."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from PIL import Image as PILImage

import ml
from captioning import engine, services
from captioning.again import captions_ask_outdated
from captioning.models import Caption, CaptionerVersion
from captioning.selectors import caption_by_describer, caption_coverages
from gallery.models import Image, Stage, User
from ml import registry
from ml.errors import ModelNotFound
from mmsite import worker
from search.versions import model_version_ensure

MakeImage = Callable[..., Image]

pytestmark = pytest.mark.usefixtures("other")


@pytest.fixture
def image(make_image: MakeImage, user: User, client: Client) -> Image:
    """A red picture that the fake captioner described, with all its work done, of somebody who is signed in."""
    model_version_ensure()
    image = make_image("red", owner=user)
    worker.work_until_idle()
    client.force_login(user)
    return image


def page(client: Client, image: Image) -> str:
    return client.get(image.get_absolute_url()).content.decode()


def ask(client: Client, image: Image, by: str = "other", begin: str = "") -> str:
    wish = {"by": by, "begin": begin}
    return client.post(f"/i/{image.uuid}/caption/again/", wish, follow=True).content.decode()


def said(image: Image) -> dict[str, bool]:
    return dict(image.captions.values_list("text", "is_current"))


def test_another_captioner_speaks_beside_what_was_said(client: Client, image: Image) -> None:
    shown = ask(client, image)
    assert "other is asked to describe it." in shown
    assert "Being described by other…" in shown
    assert "data-working" in shown, "the page follows it"
    assert "Described and ready for search" in shown, "the picture stays ready"
    asked = Stage.objects.get(model="other")
    assert (asked.step, asked.priority) == ("caption", Stage.Priority.INTERACTIVE)
    worker.work_until_idle()
    assert said(image) == {"a mostly red picture": True, "nothing but red": False}
    image.refresh_from_db()
    assert image.description == "a mostly red picture"
    shown = page(client, image)
    assert '<details class="caption-history" open>' in shown, "to compare"
    assert "Being described" not in shown and "data-working" not in shown


def test_either_can_be_chosen(client: Client, image: Image) -> None:
    ask(client, image)
    worker.work_until_idle()
    chosen = Caption.objects.get(model__startswith="other@")
    client.post(f"/i/{image.uuid}/caption/choose/", {"caption": chosen.pk, "before": "a mostly red picture"})
    image.refresh_from_db()
    assert image.description == "nothing but red"
    assert '<details class="caption-history">' in page(client, image)


def test_neither_a_persons_words_nor_what_nobody_judged_is_overwritten(
    client: Client, image: Image, user: User
) -> None:
    services.caption_write_by_person(image_id=image.pk, author=user, text="my red flag")
    ask(client, image)
    worker.work_until_idle()
    image.refresh_from_db()
    assert image.description == "my red flag"
    current = Caption.objects.get(model__startswith="other@")
    services.caption_reopen(caption=current)
    Caption.objects.filter(pk=current.pk).update(text="as it said before")
    services.captions_write(image_ids=[image.pk], pictures=[PILImage.new("RGB", (8, 8), "red")], by="other")
    current.refresh_from_db()
    assert (current.text, current.is_current) == ("as it said before", True)


def test_a_picture_that_shows_no_caption_gets_it(client: Client, image: Image, user: User) -> None:
    services.caption_reject(caption=image.captions.get(), person=user)
    ask(client, image)
    worker.work_until_idle()
    image.refresh_from_db()
    assert image.description == "nothing but red"


def test_nobody_is_asked_who_would_say_the_same(client: Client, image: Image, settings: Any) -> None:
    assert "Describe again, by other" in page(client, image)
    ask(client, image)
    assert "Describe again" not in page(client, image), "it is about to"
    assert "has described it already, or is about to." in ask(client, image)
    worker.work_until_idle()
    assert "Describe again" not in page(client, image)
    assert "has described it already" in ask(client, image)
    assert not Stage.objects.filter(state="pending").exists()
    CaptionerVersion.objects.filter(name="other").update(key="other@2")
    assert "Describe again, by other" in page(client, image), "there is a newer version"
    settings.OTHER_CAPTIONERS = []
    assert "Describe again" not in page(client, image)


def test_the_sites_own_is_asked_where_it_has_not_spoken(client: Client, image: Image, settings: Any) -> None:
    settings.OTHER_CAPTIONERS = []
    assert "Describe again" not in page(client, image)
    Caption.objects.update(model="fake@0", text="an earlier version")
    assert "Describe again, by fake" in page(client, image)
    ask(client, image, by="fake")
    worker.work_until_idle()
    assert said(image) == {"an earlier version": False, "a mostly red picture": True}
    assert "Describe again" not in page(client, image)


def test_nobody_is_asked_while_the_sites_own_is_about_to(
    client: Client, image: Image, make_image: MakeImage, user: User
) -> None:
    new = make_image("blue", owner=user)
    assert "Describe again" not in page(client, new)
    new.stages.filter(step="caption").update(error="There is no model here.")
    assert "Describe again, by other" in page(client, new), "which may take long"
    new.stages.filter(step="caption").update(state="failed")
    assert "Describe again, by other" in page(client, new)


def test_who_is_not_there_is_not_asked(client: Client, image: Image) -> None:
    for by in ("nobody", "", "../other"):
        assert "Choose who is to describe it." in ask(client, image, by=by)
    assert not Stage.objects.filter(state="pending").exists()


def test_a_captioner_that_is_missing_says_so_and_stops_nothing(
    client: Client, image: Image, settings: Any, make_image: MakeImage
) -> None:
    settings.OTHER_CAPTIONERS = ["nobody/has-this"]
    ask(client, image, by="nobody/has-this")
    green = make_image("green")
    worker.work_until_idle()
    waiting = Stage.objects.get(model="nobody/has-this")
    assert (waiting.state, waiting.attempts) == ("pending", 0)
    assert waiting.error in page(client, image).replace("&#x27;", "'").replace("&quot;", '"')
    green.refresh_from_db()
    assert green.description == "a mostly green picture"


def test_one_that_fails_says_why_and_can_be_asked_again(client: Client, image: Image) -> None:
    ask(client, image)
    (claimed,) = worker.stages.claim(worker="ada", limit=1)
    worker.stages.fail(claimed, "It saw nothing.", retryable=False)
    shown = page(client, image)
    assert "other could not describe it: It saw nothing." in shown
    assert "Not everything worked" not in shown, "the picture is ready all the same"
    ask(client, image)
    worker.work_until_idle()
    assert "nothing but red" in said(image)


def test_what_another_captioner_said_is_not_handed_back_to(client: Client, image: Image, user: User) -> None:
    ask(client, image)
    worker.work_until_idle()
    services.caption_write_by_person(image_id=image.pk, author=user, text="my red flag")
    found = caption_by_describer(image)
    assert found is not None and found.text == "a mostly red picture"


def test_the_page_takes_a_bounded_number_of_statements(
    client: Client, image: Image, django_assert_max_num_queries: Any
) -> None:
    ask(client, image)
    page(client, image)
    with django_assert_max_num_queries(14):
        page(client, image)


def test_how_far_each_captioner_is(image: Image, make_image: MakeImage, user: User) -> None:
    make_image("blue")
    services.captions_write(image_ids=[image.pk], pictures=[PILImage.new("RGB", (8, 8), "red")], by="other")
    told = {each.model.partition("@")[0]: each for each in caption_coverages()}
    assert {name: (each.captioned, each.shown, each.percent) for name, each in told.items()} == {
        "fake": (1, 1, 50),
        "other": (1, 0, 50),
    }


def test_all_that_another_model_or_version_describes_is_described_anew(
    image: Image, make_image: MakeImage, user: User
) -> None:
    outdated, approved = make_image("blue"), make_image("green")
    worker.work_until_idle()
    Caption.objects.filter(image__in=[outdated, approved]).update(model="fake@0")
    services.caption_choose(caption=approved.captions.get(), person=user)
    assert captions_ask_outdated() == 1
    assert Stage.objects.get(state="pending").image == outdated
    CaptionerVersion.objects.all().delete()
    assert captions_ask_outdated() == 0, "nobody knows what today's is"


def test_one_other_at_most_stays_in_memory(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    captioners = registry.captioners
    monkeypatch.setitem(captioners._named, "third", captioners._named["other"])  # type: ignore[arg-type]
    own, other = engine.get_captioner(), engine.get_captioner("other")
    assert engine.get_captioner("other") is other
    engine.get_captioner("third")
    assert engine.get_captioner() is own
    assert ml.load_captioner("other") is not other, "it was let go, and is loaded anew"
    with pytest.raises(ModelNotFound):
        engine.get_captioner("nobody/has-this")


def test_a_caption_begins_with_words_of_ones_own(client: Client, image: Image) -> None:
    assert "Being described by fake… <q lang" in ask(client, image, by="fake", begin=" It is  definitely ")
    assert "has described it already, or is about to." in ask(client, image, by="fake", begin="it is definitely")
    assert "Described and ready for search" in page(client, image), "the picture stays ready"
    worker.work_until_idle()
    assert said(image) == {"a mostly red picture": True, "it is definitely a mostly red picture": False}
    begun = image.captions.get(is_current=False)
    assert begun.model.endswith(" “it is definitely”")
    assert begun.unsure, "nobody measured how sure it may be"
    assert "has described it already" in ask(client, image, by="fake", begin="it is definitely")
    ask(client, image, by="other", begin="it is definitely")
    ask(client, image, by="other", begin="a")
    worker.work_until_idle()
    assert {"it is definitely nothing but red", "a nothing but red"} < set(said(image))


def test_words_that_a_captioner_cannot_begin_with_are_told(client: Client, image: Image) -> None:
    ask(client, image, begin="a zebra")
    worker.work_until_idle()
    failed = Stage.objects.get(state="failed")
    assert failed.attempts == 1, "it would fail again"
    assert "other could not describe it: It doesn&#x27;t know the word “zebra”." in page(client, image)
    assert "A caption begins with words." in ask(client, image, begin="…")
    assert "Described and ready for search" in page(client, image)


def test_who_is_not_there_any_more_describes_nothing(client: Client, image: Image, settings: Any) -> None:
    ask(client, image, begin="a")
    settings.OTHER_CAPTIONERS = []
    worker.work_until_idle()
    assert Stage.objects.get(model__startswith="other").state == "skipped"
    assert list(said(image)) == ["a mostly red picture"]
