"""The front page of the admin: how the place is."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import Image as PILImage

from captioning.services import captions_write
from gallery import services
from gallery.models import Image, Stage, User
from gallery.trash import images_trash
from mmsite.overview import overview
from search.services import embeddings_write
from search.versions import model_version_ensure

MakeImage = Callable[..., Image]


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_superuser("root", password="of all trees")


def finish(image: Image) -> None:
    picture = PILImage.new("RGB", (64, 48), "red")
    services.renditions_create(image=image, picture=picture)
    captions_write(image_ids=[image.pk], pictures=[picture])
    embeddings_write(version=model_version_ensure(), image_ids=[image.pk], pictures=[picture])


def test_it_counts_what_there_is(make_image: MakeImage, user: User) -> None:
    finish(make_image("red"))
    make_image("blue")
    images_trash(images=[make_image("green")], by=user)
    found = overview()
    counts = {figure.name: figure.value for figure in found.counts}
    assert (counts["Pictures"], counts["In the trash"], counts["People"]) == ("2", "1", "1")
    assert (counts["Captions by a model"], counts["Captions by people"]) == ("1", "0")
    assert found.uploads[0][1] + found.uploads[1][1] == 3  # midnight may pass meanwhile
    assert {(model.role, model.percent) for model in found.models} >= {("Captioner", 50), ("Encoder", 50)}


def test_a_model_that_is_missing_is_said_in_the_workers_words(make_image: MakeImage) -> None:
    make_image("red")
    Stage.objects.filter(step="caption").update(error="The captioner “x” is not here.")
    (captioner,) = [model for model in overview().models if model.role == "Captioner"]
    assert (captioner.percent, captioner.problem) == (0, "The captioner “x” is not here.")


def test_the_page_says_how_the_place_is(client: Client, staff: User, make_image: MakeImage) -> None:
    finish(make_image("red"))
    client.force_login(staff)
    shown = client.get(reverse("admin:index")).content.decode()
    for words in ("has never finished a sweep", "Free on the disk", "1 of 1 pictures can be found", "See the work"):
        assert words in shown


def test_staff_without_the_right_to_look_at_work_get_the_plain_page(client: Client, other_user: User) -> None:
    User.objects.filter(pk=other_user.pk).update(is_staff=True)
    client.force_login(other_user)
    page = client.get(reverse("admin:index"))
    assert page.status_code == 200
    assert "overview" not in page.context


def test_it_takes_the_same_number_of_statements_however_much_there_is(make_image: MakeImage) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as captured:
            overview()
        return len(captured)

    finish(make_image("red"))
    overview()
    before = count()
    for color in ("blue", "green", "yellow"):
        finish(make_image(color))
    overview()  # indexes catch up
    assert count() == before
