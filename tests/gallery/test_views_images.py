"""The page of one picture, the state of its work, and what its owner does with it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from gallery import services, stages
from gallery.models import Image, Stage, User, Visibility
from tests.gallery.test_views_library import listed, make_ready

MakeImage = Callable[..., Image]


@pytest.fixture
def image(make_image: MakeImage, client: Client, user: User) -> Image:
    client.force_login(user)
    return make_image("red", name="sunset.jpg")


def page_of(client: Client, image: Image) -> str:
    return client.get(image.get_absolute_url()).content.decode()


def test_facts(client: Client, image: Image) -> None:
    Image.objects.filter(pk=image.pk).update(
        taken_at=datetime(2024, 6, 1, 12, 30, tzinfo=UTC), camera_make="Canon", camera_model="Canon EOS 5D"
    )
    page = page_of(client, image)
    for fact in ("1 June 2024, 12:30", ">Canon EOS 5D</a>", "64 × 48 pixels", "JPEG", "sunset.jpg"):
        assert fact in page


@pytest.mark.parametrize("viewer", ["the owner", "somebody else", "a stranger"])
def test_the_place_and_the_original_are_for_the_owner_alone(
    client: Client, image: Image, other_user: User, viewer: str
) -> None:
    Image.objects.filter(pk=image.pk).update(latitude=64.14, longitude=-21.94, visibility=Visibility.PUBLIC)
    if viewer != "the owner":
        client.logout()
    if viewer == "somebody else":
        client.force_login(other_user)
    page = page_of(client, image)
    for private in ("64.14", reverse("original", args=[image.uuid]), reverse("image-delete", args=[image.uuid])):
        assert (private in page) == (viewer == "the owner")


def test_captions_sure_and_unsure(client: Client, image: Image) -> None:
    make_ready(image, "a red square")
    assert 'alt="a red square"' in page_of(client, image)
    assert "maybe:" not in page_of(client, image)
    services.image_describe(image_id=image.pk, text="a red square", unsure=True, by_person=False)
    assert "<title>maybe: a red square" in page_of(client, image)
    assert "<i>maybe:</i>" in page_of(client, image)
    assert "the describer was not sure" in page_of(client, image)


def test_previous_and_next_lead_through_the_owners_library(
    client: Client, image: Image, make_image: MakeImage, other_user: User
) -> None:
    make_image("white", owner=other_user, visibility=Visibility.PUBLIC)
    newer = make_image("green")
    assert f'rel="prev" href="{newer.get_absolute_url()}" data-key="ArrowLeft"' in page_of(client, image)
    assert 'rel="next"' not in page_of(client, image)
    assert f'rel="next" href="{image.get_absolute_url()}" data-key="ArrowRight"' in page_of(client, newer)


def test_previous_and_next_of_a_public_picture_lead_to_public_ones(
    client: Client, image: Image, make_image: MakeImage
) -> None:
    services.image_set_visibility(image=image, visibility=Visibility.PUBLIC)
    make_image("green", visibility=Visibility.LINK)
    newer = make_image("blue", visibility=Visibility.PUBLIC)
    client.logout()
    assert re.findall(r'rel="(?:prev|next)" href="([^"]+)"', page_of(client, image)) == [newer.get_absolute_url()]


def test_a_shared_link_leads_nowhere_else(client: Client, image: Image, make_image: MakeImage) -> None:
    services.image_set_visibility(image=image, visibility=Visibility.LINK)
    make_image("green", visibility=Visibility.PUBLIC)
    client.logout()
    assert not re.findall(r'rel="(?:prev|next)"', page_of(client, image))
    assert '<meta name="robots" content="noindex">' in page_of(client, image)


def test_the_state_tells_each_step_in_words(client: Client, image: Image) -> None:
    url = reverse("image-state", args=[image.uuid])
    state = client.get(url).json()
    assert state["state"] == "working"
    assert state["thumbnail"] is None
    assert {step["words"] for step in state["steps"]} == {"waiting"}
    claimed = stages.claim(worker="test", limit=1)
    assert "being worked on" in {step["words"] for step in client.get(url).json()["steps"]}
    stages.finish(claimed)
    make_ready(image, unsure=True)
    state = client.get(url).json()
    assert (state["state"], state["description"], state["unsure"]) == ("ready", "a red square", True)
    assert state["thumbnail"]["url"] == reverse("rendition", args=[image.uuid, "thumbnail"])
    assert "no-store" in client.get(url)["Cache-Control"]


def test_a_failure_is_readable_and_can_be_tried_again(client: Client, image: Image, other_user: User) -> None:
    for stage in stages.claim(worker="test", limit=10):
        stages.fail(stage, "The file of the original picture is missing.", retryable=False)
    services.image_set_visibility(image=image, visibility=Visibility.PUBLIC)
    retry = reverse("image-retry", args=[image.uuid])
    page = page_of(client, image)
    assert "The file of the original picture is missing." in page
    assert retry in page
    state = reverse("image-state", args=[image.uuid])
    assert "missing" in client.get(state).content.decode()
    client.force_login(other_user)
    assert "failed" in client.get(state).content.decode()
    for seen_by_others in (page_of(client, image), client.get(state).content.decode()):
        assert "missing" not in seen_by_others
    client.force_login(image.owner)
    client.post(retry)
    assert not Stage.objects.filter(image=image).exclude(state=Stage.State.PENDING, attempts=0).exists()
    assert retry not in page_of(client, image)
    client.force_login(other_user)
    assert retry not in page_of(client, image)


def test_a_picture_is_ready_before_its_text_is_read_and_the_page_goes_on_watching(client: Client, image: Image) -> None:
    make_ready(image)
    text = Stage.objects.create(image=image, step="text", priority=Stage.Priority.LATER)
    state = client.get(reverse("image-state", args=[image.uuid])).json()
    assert (state["state"], state["is_open"], state["steps"][-1]["label"]) == ("ready", True, "Text in it")
    page = page_of(client, image)
    assert "Described and ready for search</summary>" in page
    assert "data-working" in page
    assert "data-working" not in client.get("/").content.decode()

    Stage.objects.filter(pk=text.pk).update(state=Stage.State.FAILED, error="It cannot be read.")
    page = page_of(client, image)
    assert '<details class="work" open>' in page
    assert "Described and ready for search; not everything worked" in page
    assert "It cannot be read." in page
    assert reverse("image-retry", args=[image.uuid]) in page
    assert "data-working" not in page
    assert "could not be described" not in client.get("/").content.decode()


def test_states_of_many_leave_out_what_is_not_ones_to_see(
    client: Client, image: Image, make_image: MakeImage, other_user: User
) -> None:
    theirs = make_image("blue", owner=other_user)
    asked = [image.uuid, theirs.uuid, uuid4(), "nonsense"]
    answer = client.get(reverse("image-states"), {"image": asked}).json()["images"]
    assert list(answer) == [str(image.uuid)]
    assert listed(answer[str(image.uuid)]["card"]) == [str(image.uuid)]


def test_states_of_many_take_as_few_statements_as_of_one(client: Client, image: Image, make_image: MakeImage) -> None:
    asked, counts = [image.uuid], []
    for green in range(0, 200, 50):
        asked.append(make_image((0, green, 0)).uuid)
        with CaptureQueriesContext(connection) as queries:
            client.get(reverse("image-states"), {"image": asked})
        counts.append(len(queries))
    assert len(set(counts)) == 1, counts


@pytest.mark.parametrize("visibility", Visibility.values)
def test_choosing_who_may_see_it(client: Client, image: Image, visibility: str) -> None:
    response = client.post(reverse("image-visibility", args=[image.uuid]), {"visibility": visibility}, follow=True)
    image.refresh_from_db()
    assert image.visibility == visibility
    link = f"http://testserver{image.get_absolute_url()}"
    assert (link in response.content.decode()) == (visibility != Visibility.PRIVATE)


def test_only_what_is_on_the_list_can_be_chosen(client: Client, image: Image) -> None:
    response = client.post(reverse("image-visibility", args=[image.uuid]), {"visibility": "martian"}, follow=True)
    image.refresh_from_db()
    assert image.visibility == Visibility.PRIVATE
    assert "from the list" in response.content.decode()


def test_deleting_moves_it_to_the_trash(client: Client, image: Image) -> None:
    page = client.post(reverse("image-delete", args=[image.uuid]), follow=True).content.decode()
    assert "sunset.jpg is in the trash." in page
    assert 'action="/undo/' in page
    assert not Image.objects.exists()
    assert Image.with_trash.get() == image
    assert client.get(image.get_absolute_url()).status_code == 404


def test_title_and_notes_are_the_owners_to_write_and_everybodys_to_read(
    client: Client, make_image: MakeImage, user: User, other_user: User
) -> None:
    image = make_image("red", visibility=Visibility.PUBLIC)
    client.force_login(user)
    url = reverse("image-words", args=[image.uuid])
    page = client.post(url, {"title": " Evening <1> ", "notes": "On the\nterrace"}, follow=True).content.decode()
    assert "Title, place, date and notes are saved." in page
    page = client.post(url, {"title": "x" * 201}, follow=True).content.decode()
    assert 'class="message error"' in page
    client.force_login(other_user)
    page = page_of(client, image)
    assert "Evening &lt;1&gt;" in page
    assert "On the<br>terrace" in page
    assert url not in page


def test_the_date_is_the_owners_to_correct(client: Client, make_image: MakeImage, user: User, settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    image, newer = make_image("red", owner=user), make_image("blue", owner=user)
    client.force_login(user)
    url = reverse("image-words", args=[newer.uuid])
    client.post(url, {"taken": "1999-07-01T18:30:00"})
    newer.refresh_from_db()
    assert newer.taken_at == newer.sort_date == datetime(1999, 7, 1, 16, 30, tzinfo=UTC)
    assert list(Image.objects.newest_first()) == [image, newer]
    assert 'value="1999-07-01T18:30:00"' in page_of(client, newer)

    exact = newer.taken_at + timedelta(milliseconds=250)
    Image.objects.update(taken_at=exact)
    client.post(url, {"title": "Evening", "taken": "1999-07-01T18:30:00"})
    newer.refresh_from_db()
    assert (newer.title, newer.taken_at) == ("Evening", exact), "left as it was shown"

    for taken, reason in (
        ("yesterday", "Say the day and the time"),
        ("1066-10-14T09:00", "No photograph is from before 1826."),
        ("9999-12-31T23:59", "That is too far in the future."),
    ):
        assert reason in client.post(url, {"taken": taken}, follow=True).content.decode()
    client.post(url, {"title": "Morning"})
    newer.refresh_from_db()
    assert (newer.title, newer.taken_at) == ("Morning", exact), "nothing was said of it"
    client.post(url, {"taken": ""})
    newer.refresh_from_db()
    assert newer.taken_at is None
    assert newer.sort_date == newer.uploaded_at


def test_a_line_break_in_notes_is_one_character_as_in_browsers(client: Client, image: Image) -> None:
    client.force_login(image.owner)
    client.post(reverse("image-words", args=[image.uuid]), {"title": "", "notes": f"a\r\n{'x' * 9_998}"})
    image.refresh_from_db()
    assert image.notes == f"a\n{'x' * 9_998}"
