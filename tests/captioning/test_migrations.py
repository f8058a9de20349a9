"""What migrations make of rows that are there already."""

from collections.abc import Callable, Iterator

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from captioning import services
from captioning.models import Caption
from gallery.models import Image, User
from ml.interfaces import CaptionResult, ModelInfo


def migrate(name: str) -> None:
    MigrationExecutor(connection).migrate([("captioning", name)])


@pytest.fixture
def _back_to_the_latest() -> Iterator[None]:
    yield
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes("captioning"))


@pytest.mark.usefixtures("_back_to_the_latest")
@pytest.mark.django_db(transaction=True)
def test_pictures_that_people_described_say_so(make_image: Callable[..., Image], user: User) -> None:
    person, corrected, model = (make_image(color) for color in ("red", "green", "blue"))
    info = ModelInfo(name="one", revision="1", weights_hash="1" * 64, preprocessing="none")
    for image in (corrected, model):
        services.caption_record(image_id=image.pk, result=CaptionResult("a boat", 0.9), info=info, unsure=False)
    for image in (person, corrected):
        services.caption_write_by_person(image_id=image.pk, author=user, text="a blue boat")
    services.caption_write_by_person(image_id=model.pk, author=user, text="a ship")
    Caption.objects.filter(image=model).update(is_current=False)
    Caption.objects.filter(image=model, source=Caption.Source.MODEL).update(is_current=True)
    migrate("0001_initial")
    Image.objects.update(description_by_person=False)  # as rows were before there was such a column
    migrate("0002_say_who_described")
    assert set(Image.objects.described_by_person()) == {person, corrected}
