"""Undo: captions are exactly what they were before, and what was said since is left alone."""

from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from django.db import connection, transaction
from django.test import Client

from api.models_webhooks import WebhookDelivery
from api.webhooks import webhook_create
from captioning import services
from captioning.models import Caption
from captioning.selectors import caption_states
from captioning.undo import captions_watched
from gallery import undo
from gallery.exceptions import NothingToUndo
from gallery.models import Image, User
from gallery.services import images_delete
from gallery.trash import images_trash
from ml.interfaces import CaptionResult, ModelInfo
from search.captions import embed_due
from search.models import CaptionEmbedding
from search.versions import model_version_ensure
from tests.gallery.test_sharing_races import InBackground, wait_until_blocked

MakeImage = Callable[..., Image]
Act = Callable[[], Any]

ONE = ModelInfo(name="one", revision="1", weights_hash="1" * 64, preprocessing="none")
TWO = ModelInfo(name="two", revision="1", weights_hash="2" * 64, preprocessing="none")


def say(image: Image, text: str, info: ModelInfo = ONE, *, is_beside: bool = False) -> Caption:
    result = CaptionResult(text, 0.3)
    return services.caption_record(image_id=image.pk, result=result, info=info, unsure=True, is_beside=is_beside)


def write(image: Image, text: str, author: User | None = None) -> Caption:
    return services.caption_write_by_person(image_id=image.pk, author=author or image.owner, text=text)


class Doing:
    """Something done with the captions of a picture, remembered as in a session."""

    def __init__(self, image: Image, act: Act) -> None:
        self.session: dict[str, Any] = {}
        self.person = image.owner
        with captions_watched(image.pk) as changes:
            act()
        self.is_change = bool(changes)
        self.name = undo.remember(self.session, changes)

    def undo(self, person: User | None = None) -> str:
        return undo.undo(self.session, name=self.name, person=person or self.person)


@pytest.fixture
def image(make_image: MakeImage) -> Image:
    return make_image("red")


def shown(image: Image) -> tuple[str, bool, bool]:
    """The caption, whether it is unsure, and whether it is a person's."""
    image.refresh_from_db()
    return image.description, image.description_unsure, image.description_by_person


class TestEachAction:
    @pytest.fixture
    def said(self, image: Image) -> Caption:
        """What the describer says."""
        return say(image, "a dog")

    def taken_back(self, image: Image, act: Act) -> str:
        """Does it and undoes it; what was said in between is no longer shown, but stays as it was."""
        before, looked = caption_states(image.pk), shown(image)
        doing = Doing(image, act)
        done = caption_states(image.pk)
        assert done != before
        sentence = doing.undo()
        after = caption_states(image.pk)
        assert after[: len(before)] == before
        assert after[len(before) :] == [{**state, "is_current": False} for state in done[len(before) :]]
        assert shown(image) == looked
        return sentence

    def test_edit(self, image: Image, said: Caption) -> None:
        assert self.taken_back(image, lambda: write(image, "Rex")) == "The caption is as it was: “a dog”."
        assert list(Caption.objects.to_review()) == [said]
        assert image.captions.get(text="Rex").author == image.owner

    def test_edit_of_what_somebody_wrote(self, image: Image, said: Caption, other_user: User) -> None:
        write(image, "Rex", other_user)
        self.taken_back(image, lambda: write(image, "Fido"))
        assert Caption.objects.get(is_current=True).author == other_user

    def test_first_words(self, image: Image) -> None:
        assert self.taken_back(image, lambda: write(image, "Rex")) == "The picture has no caption, as before."

    def test_approve(self, image: Image, said: Caption) -> None:
        self.taken_back(image, lambda: write(image, "a dog"))
        say(image, "a poodle", TWO)
        assert shown(image)[0] == "a poodle"  # models go on

    def test_reject(self, image: Image, said: Caption) -> None:
        self.taken_back(image, lambda: services.caption_reject(caption=said, person=image.owner))

    def test_reject_what_somebody_approved(self, image: Image, said: Caption, other_user: User) -> None:
        services.caption_choose(caption=said, person=other_user)
        self.taken_back(image, lambda: services.caption_reject(caption=said, person=image.owner))
        assert Caption.objects.get().reviewed_by == other_user

    def test_choose(self, image: Image, said: Caption) -> None:
        write(image, "Rex")
        self.taken_back(image, lambda: services.caption_choose(caption=said, person=image.owner))

    def test_back_to_the_describers(self, image: Image, said: Caption) -> None:
        write(image, "a dog")  # approved
        write(image, "Rex")
        self.taken_back(image, lambda: services.caption_reopen(caption=said))
        assert Caption.objects.get(pk=said.pk).review == Caption.Review.APPROVED

    def test_reject_what_is_no_longer_shown(self, image: Image, said: Caption) -> None:
        say(image, "a poodle", TWO)
        self.taken_back(image, lambda: services.caption_reject(caption=said, person=image.owner))

    def test_one_after_the_other(self, image: Image, said: Caption) -> None:
        first = Doing(image, lambda: write(image, "Rex"))
        second = Doing(image, lambda: write(image, "Fido"))
        second.undo()
        first.undo()
        assert shown(image) == ("a dog", True, False)

    def test_who_approved_before_may_be_gone(self, image: Image, said: Caption, other_user: User) -> None:
        services.caption_choose(caption=said, person=other_user)
        rejected = Doing(image, lambda: services.caption_reject(caption=said, person=image.owner))
        other_user.delete()
        rejected.undo()
        assert shown(image) == ("a dog", False, True)
        assert Caption.objects.get().reviewed_by is None

    @pytest.mark.parametrize("text", ["a dog", "Rex"])
    def test_the_same_again_changes_nothing(self, image: Image, said: Caption, text: str) -> None:
        write(image, text)
        assert not Doing(image, lambda: write(image, text)).is_change


class TestWhatChangedSince:
    SINCE: ClassVar[dict[str, Callable[[Image], Any]]] = {
        "somebody writes": lambda image: write(image, "Fido"),
        "somebody writes the same": lambda image: write(image, "Rex", User.objects.create_user("grace")),
        "the caption goes": lambda image: Caption.objects.filter(is_current=True).delete(),
        "it is for good": lambda image: images_delete(images=[image]),
        "the describer says something else": lambda image: say(image, "a cat"),
    }

    @pytest.mark.parametrize("since", SINCE.values(), ids=SINCE)
    def test_after_writing(self, image: Image, since: Callable[[Image], Any]) -> None:
        say(image, "a dog")
        written = Doing(image, lambda: write(image, "Rex"))
        since(image)
        before = caption_states(image.pk)
        with pytest.raises(NothingToUndo, match="nothing left"):
            written.undo()
        assert caption_states(image.pk) == before

    @pytest.mark.parametrize("info", [ONE, TWO])
    def test_after_rejecting(self, image: Image, info: ModelInfo) -> None:
        said = say(image, "a dog")
        rejected = Doing(image, lambda: services.caption_reject(caption=said, person=image.owner))
        say(image, "a cat", info)
        with pytest.raises(NothingToUndo):
            rejected.undo()
        assert shown(image) == ("a cat", True, False)

    def test_what_a_model_says_beside_is_no_obstacle(self, image: Image) -> None:
        say(image, "a dog")
        written = Doing(image, lambda: write(image, "Rex"))
        say(image, "a poodle", TWO, is_beside=True)
        written.undo()
        assert shown(image)[0] == "a dog"

    def test_the_describer_may_have_spoken_for_the_first_time(self, image: Image) -> None:
        """As though nobody had written before it could."""
        written = Doing(image, lambda: write(image, "Rex"))
        say(image, "a dog")
        assert written.undo() == "The caption is as it was: “a dog”."
        assert shown(image) == ("a dog", True, False)

    def test_what_models_said_before_does_not_come_instead_of_none(self, image: Image) -> None:
        say(image, "a dog")
        services.caption_reject(caption=say(image, "a poodle", TWO), person=image.owner)
        written = Doing(image, lambda: write(image, "Rex"))
        written.undo()
        assert shown(image) == ("", False, False)

    def test_in_the_trash(self, image: Image) -> None:
        say(image, "a dog")
        written = Doing(image, lambda: write(image, "Rex"))
        images_trash(images=[image])
        written.undo()
        assert Image.with_trash.get().description == "a dog"

    def test_others_undo_nothing(self, image: Image, other_user: User) -> None:
        written = Doing(image, lambda: write(image, "Rex"))
        with pytest.raises(NothingToUndo):
            written.undo(other_user)
        assert shown(image)[0] == "Rex"


class TestWhoIsTold:
    def test_search_finds_it_by_the_words_of_before(self, image: Image, client: Client) -> None:
        model_version_ensure()
        client.force_login(image.owner)
        say(image, "a dog")
        written = Doing(image, lambda: write(image, "Rex in the snow"))
        while embed_due():
            pass
        assert CaptionEmbedding.objects.get().text == "Rex in the snow"
        written.undo()
        while embed_due():
            pass
        assert CaptionEmbedding.objects.get().text == ""

        def found(words: str) -> bool:
            return str(image.uuid) in client.get("/search/", {"q": f'"{words}"'}).content.decode()

        assert found("a dog")
        assert not found("in the snow")

    def test_a_meaning_comes_back(self, image: Image) -> None:
        model_version_ensure()
        write(image, "Rex in the snow")
        said = say(image, "a dog", TWO)
        handed_back = Doing(image, lambda: services.caption_reopen(caption=said))
        while embed_due():
            pass
        assert CaptionEmbedding.objects.filter(text="Rex in the snow").count() == 0
        handed_back.undo()
        while embed_due():
            pass
        assert CaptionEmbedding.objects.get().text == "Rex in the snow"

    @pytest.mark.parametrize("take_back", ["undo", "reopen"])
    def test_webhooks_hear_that_a_rejected_caption_is_back(self, image: Image, take_back: str) -> None:
        said = say(image, "a dog")
        webhook_create(owner=image.owner, url="https://hooks.example/", events=["caption.changed"])
        rejected = Doing(image, lambda: services.caption_reject(caption=said, person=image.owner))
        if take_back == "undo":
            rejected.undo()
        else:
            services.caption_reopen(caption=said)
        told = WebhookDelivery.objects.order_by("pk").values_list("payload", flat=True)
        assert [payload["data"]["caption"] for payload in told] == ["", "a dog"]


class TestPages:
    @pytest.fixture
    def image(self, make_image: MakeImage, client: Client) -> Image:
        image = make_image("red")
        say(image, "a dog")
        client.force_login(image.owner)
        return image

    def undo_on(self, client: Client, response: Any) -> str:
        page = response.content.decode()
        address = page.partition('action="/undo/')[2].partition('"')[0]
        assert address, page
        return client.post(f"/undo/{address}", {"next": response.request["PATH_INFO"]}, follow=True).content.decode()

    def test_editing(self, client: Client, image: Image) -> None:
        said = {"text": "Rex", "before": "a dog"}
        page = client.post(f"/i/{image.uuid}/caption/", said, follow=True)
        assert "The caption is as it was: “a dog”." in self.undo_on(client, page)
        assert "What was said of it (2)" in client.get(image.get_absolute_url()).content.decode()
        stale = client.post(f"/i/{image.uuid}/caption/", {"text": "Fido", "before": "Rex"})
        assert stale.status_code == 409, "a page from before the Undo"

    @pytest.mark.parametrize("is_chosen", [True, False], ids=["chosen", "handed back"])
    def test_choosing(self, client: Client, image: Image, is_chosen: bool) -> None:
        write(image, "Rex")
        chosen = {"caption": image.captions.get(source="model").pk} if is_chosen else {}
        page = client.post(f"/i/{image.uuid}/caption/choose/", {"before": "Rex", **chosen}, follow=True)
        assert shown(image)[0] == "a dog"
        assert "The caption is as it was: “Rex”." in self.undo_on(client, page)

    def test_what_changed_nothing_offers_no_undo(self, client: Client, image: Image) -> None:
        write(image, "Rex")
        page = client.post(f"/i/{image.uuid}/caption/", {"text": "Rex", "before": "Rex"}, follow=True)
        assert "The caption is saved." in page.content.decode()
        assert 'action="/undo/' not in page.content.decode()

    def test_a_copy_of_the_api_from_before_is_refused(self, client: Client, image: Image) -> None:
        page = client.post(f"/i/{image.uuid}/caption/", {"text": "Rex", "before": "a dog"}, follow=True)
        address = f"/api/v1/images/{image.uuid}/"
        read = client.get(address)
        self.undo_on(client, page)
        held = {"If-Match": read["ETag"]}
        stale = client.patch(address, {"title": "Rex"}, content_type="application/json", headers=held)
        assert stale.status_code == 412
        assert client.get(address).json()["caption"] == "a dog"


@pytest.mark.django_db(transaction=True)
def test_whoever_writes_at_that_moment_is_not_overruled(user: User, make_image: MakeImage) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time, and asks everything under its lock")
    image = make_image("red")
    say(image, "a dog")
    written = Doing(image, lambda: write(image, "Rex"))
    with transaction.atomic():
        write(image, "Fido")
        undoing = InBackground(written.undo)
        wait_until_blocked(undoing)
    assert isinstance(undoing.join().raised, NothingToUndo)
    assert shown(image)[0] == "Fido"


@pytest.mark.django_db(transaction=True)
def test_two_at_once_undo_it_once(user: User, make_image: MakeImage) -> None:
    image = make_image("red")
    say(image, "a dog")
    written = Doing(image, lambda: write(image, "Rex"))
    two = [InBackground(lambda: undo.undo(dict(written.session), name=written.name, person=user)) for _ in range(2)]
    outcomes = sorted(type(each.join().raised).__name__ for each in two)
    assert outcomes == ["NoneType", "NothingToUndo"]
    assert shown(image) == ("a dog", True, False)
