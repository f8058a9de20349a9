"""Checking captions one after the other."""

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.test import Client

from captioning import selectors, services
from captioning.models import Caption
from gallery import undo
from gallery.models import Image, User
from ml.interfaces import CaptionResult, ModelInfo

MakeImage = Callable[..., Image]

INFO = ModelInfo(name="one", revision="1", weights_hash="1" * 64, preprocessing="none")


@pytest.fixture
def guess(make_image: MakeImage, user: User) -> Callable[..., Caption]:
    def guess(color: str, *, unsure: bool = False, owner: User = user) -> Caption:
        image = make_image(color, owner=owner)
        result = CaptionResult(f"something {color}", 0.3)
        return services.caption_record(image_id=image.pk, result=result, info=INFO, unsure=unsure)

    return guess


@pytest.fixture
def queue(guess: Callable[..., Caption], user: User, client: Client) -> list[Caption]:
    """Three captions of somebody who is signed in, in the order in which they are to be checked."""
    old, unsure, new = guess("red"), guess("green", unsure=True), guess("blue")
    client.force_login(user)
    return [unsure, new, old]


def judge(client: Client, caption: Caption, do: str, text: str | None = None, **said: Any) -> Any:
    shown = {"caption": caption.pk, "before": caption.text, "text": caption.text if text is None else text, "done": 0}
    return client.post("/review/judge/", {**shown, "do": do, **said}, follow=True)


def take_back(client: Client, page: Any) -> Any:
    """Presses Undo on the page; the page that it leads to."""
    address, _, rest = page.content.decode().partition('action="/undo/')[2].partition('"')
    back = rest.partition('name="next" value="')[2].partition('"')[0]
    assert address and back, page.content.decode()
    return client.post(f"/undo/{address}", {"next": unescape(back)}, follow=True)


def asked(response: Any) -> Caption | None:
    caption: Caption | None = response.context["step"].caption
    return caption


def description(caption: Caption) -> str:
    return Image.objects.get(pk=caption.image_id).description


def test_unsure_ones_come_first_then_the_newest(client: Client, queue: list[Caption]) -> None:
    page = client.get("/review/")
    assert "1 of 3" in page.content.decode()
    seen = []
    while caption := asked(page):
        seen.append(caption)
        page = client.get(page.context["skip"])
    assert seen == queue
    assert "Those that you skipped" in page.content.decode()
    assert asked(client.get(page.context["back"])) == queue[-1]


def test_of_very_many_nobody_counts_all(client: Client, queue: list[Caption], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selectors, "MOST_LEFT", 2)
    assert "1 of 2+" in client.get("/review/").content.decode()
    assert "2 of 3<" in judge(client, queue[0], "approve").content.decode()


def test_approve_correct_and_reject(client: Client, queue: list[Caption], user: User) -> None:
    page = judge(client, queue[0], "approve")
    assert asked(page) == queue[1]
    assert "2 of 3" in page.content.decode()
    page = judge(client, queue[1], "approve", "the sea", done=1)
    assert asked(page) == queue[2]
    page = judge(client, queue[2], "reject", done=2)
    assert asked(page) is None
    assert [description(caption) for caption in queue] == ["something green", "the sea", ""]
    assert set(Image.objects.described_by_person().values_list("pk", flat=True)) == {
        caption.image_id for caption in queue[:2]
    }
    assert Caption.objects.get(text="the sea").author == user
    assert asked(client.get("/review/")) is None


@pytest.mark.parametrize(("do", "text"), [("approve", None), ("approve", "the sea"), ("reject", None)])
def test_the_last_one_can_be_undone(client: Client, queue: list[Caption], do: str, text: str | None) -> None:
    page = take_back(client, judge(client, queue[0], do, text))
    assert "The caption is as it was: “something green”." in page.content.decode()
    assert asked(page) == queue[0]
    assert "1 of 3" in page.content.decode()
    assert description(queue[0]) == "something green"
    assert Image.objects.get(pk=queue[0].image_id).description_unsure
    again = client.get(f"/review/?after={queue[0].pk}&done=1").content.decode()
    assert 'action="/undo/' not in again


@pytest.mark.parametrize(("do", "text"), [("approve", None), ("approve", "the sea"), ("reject", None)])
def test_a_button_that_is_pressed_twice_judges_once(
    client: Client, queue: list[Caption], do: str, text: str | None
) -> None:
    pages = [judge(client, queue[0], do, text) for _ in range(2)]
    assert not any("changed meanwhile" in page.content.decode() for page in pages)
    assert asked(pages[1]) == queue[1]
    assert asked(take_back(client, pages[1])) == queue[0]
    assert description(queue[0]) == "something green"
    again = take_back(client, pages[0])
    assert "That was undone already" in again.content.decode()
    assert asked(again) == queue[0]


def test_each_of_several_by_itself(client: Client, queue: list[Caption]) -> None:
    first = judge(client, queue[0], "approve")
    judge(client, queue[1], "reject", done=1)
    take_back(client, first)
    assert [description(caption) for caption in queue[:2]] == ["something green", ""]
    assert asked(take_back(client, client.get(f"/review/?after={queue[1].pk}&done=2"))) == queue[1]
    assert set(Caption.objects.to_review()) == set(queue)


def test_what_changed_meanwhile_is_looked_at_again(client: Client, queue: list[Caption]) -> None:
    info = ModelInfo("two", "1", "2" * 64, "")
    services.caption_record(image_id=queue[0].image_id, result=CaptionResult("a boat", 0.3), info=info, unsure=True)
    page = judge(client, queue[0], "approve")
    assert "changed meanwhile" in page.content.decode()
    shown = asked(page)
    assert shown is not None
    assert shown.text == description(queue[0]) == "a boat"


def test_what_is_too_long_ago_is_told_but_no_longer_offered(
    client: Client, queue: list[Caption], monkeypatch: pytest.MonkeyPatch
) -> None:
    judge(client, queue[0], "approve")
    later = undo.time() + undo.SECONDS + 1
    monkeypatch.setattr(undo, "time", lambda: later)
    page = client.get(f"/review/?after={queue[0].pk}&done=1").content.decode()
    assert "Approved: “something green”" in page
    assert 'action="/undo/' not in page


def test_undoing_takes_nothing_that_was_written_since(client: Client, queue: list[Caption], user: User) -> None:
    page = judge(client, queue[0], "approve")
    services.caption_write_by_person(image_id=queue[0].image_id, author=user, text="Rex in the snow")
    assert "There was nothing left to undo." in take_back(client, page).content.decode()
    assert description(queue[0]) == "Rex in the snow"


def test_what_was_rejected_is_called_so_whatever_another_model_says(client: Client, queue: list[Caption]) -> None:
    judge(client, queue[0], "reject")
    info = ModelInfo("two", "1", "2" * 64, "")
    services.caption_record(image_id=queue[0].image_id, result=CaptionResult("a boat", 0.9), info=info, unsure=False)
    page = client.get(f"/review/?after={queue[0].pk}&done=1")
    assert "Rejected: “something green”" in page.content.decode()


def test_a_caption_without_words_is_not_approved(client: Client, queue: list[Caption]) -> None:
    page = judge(client, queue[0], "approve", " ")
    assert "A caption needs words." in page.content.decode()
    assert asked(page) == queue[0]


def test_the_next_picture_is_loaded_ahead(client: Client, queue: list[Caption]) -> None:
    from PIL import Image as PILImage

    from gallery.services import renditions_create

    image = queue[1].image
    renditions_create(image=image, picture=PILImage.new("RGB", (64, 48), "blue"))
    assert f"/media/{image.uuid}/preview.webp" in client.get("/review/").content.decode()


def test_others_captions_are_nobodys_business(
    client: Client, queue: list[Caption], guess: Callable[..., Caption], other_user: User
) -> None:
    Image.objects.update(visibility="public")
    theirs = guess("black", unsure=True, owner=other_user)
    assert asked(client.get("/review/")) == queue[0]
    assert asked(client.get(f"/review/?at={theirs.pk}")) == queue[0]
    for do in ("approve", "reject"):
        assert judge(client, theirs, do).status_code == 404
    assert judge(client, Caption(pk=10**9, text="none"), "approve").status_code == 404
    assert Caption.objects.to_review().filter(pk=theirs.pk).exists()


def test_what_a_person_said_is_not_asked(client: Client, queue: list[Caption], user: User) -> None:
    services.caption_write_by_person(image_id=queue[0].image_id, author=user, text="Rex")
    assert asked(client.get("/review/")) == queue[1]


def test_any_number_of_captions_takes_as_many_statements(
    client: Client, queue: list[Caption], guess: Callable[..., Caption], django_assert_num_queries: Any
) -> None:
    # session, person, captions, their renditions, their number
    with django_assert_num_queries(5):
        client.get("/review/")
    for color in ("navy", "gold", "pink"):
        guess(color)
    with django_assert_num_queries(5):
        client.get("/review/")
