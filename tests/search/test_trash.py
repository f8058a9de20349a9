"""Pictures in the trash are not found, and come back whole; purged ones leave nothing behind."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models
from django.utils import timezone

from captioning.selectors import review_step
from captioning.services import caption_record, caption_write_by_person
from gallery import services, stages
from gallery.albums import album_add, album_create, album_set_cover
from gallery.favourites import favourites_add
from gallery.models import Image, Stage, Upload, User, Visibility
from gallery.purge import trash_empty
from gallery.tags import images_tag
from gallery.trash import images_restore, images_trash
from ml.interfaces import CaptionResult, ModelInfo, TextLine
from mmsite import clocks, pipeline
from reading.services import text_record
from search import captions, index
from search.duplicate_groups import groups_page
from search.duplicates import compare_some, is_behind
from search.golden import judgement_set, judgements_that_count
from search.models import CaptionEmbedding, Embedding, Look, ModelVersion, NearDuplicate
from search.query import fulltext
from search.query.answer import search_images
from search.suggest import suggestions
from tests.search.photographs import EDITS, photograph, take_in

INFO = ModelInfo(name="fake", revision="1", weights_hash="0" * 64, preprocessing="none")
CORNERS = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.2), (0.1, 0.2))


@pytest.fixture
def add(version: ModelVersion, user: User, embed: Callable[..., None]) -> Callable[..., Image]:
    def add(seed: int = 0, edit: str = "") -> Image:
        picture = photograph(seed)
        image = take_in(EDITS[edit](picture) if edit else picture, user)
        embed(image, "red")
        return image

    return add


@pytest.fixture
def known(add: Callable[..., Image], user: User) -> tuple[Image, Image]:
    """A picture of which everything is known that can be, and a copy of it."""
    image, copy = add(), add(edit="smaller")
    chosen = Image.objects.filter(pk=image.pk)
    caption_write_by_person(image_id=image.pk, author=user, text="a walrus at sea")
    while captions.embed_due():
        pass
    text_record(image_id=image.pk, lines=[TextLine("ZEBRA", 0.9, CORNERS)], info=INFO)
    images_tag(owner=user, images=chosen, names=["holiday"])
    album = album_create(owner=user, title="Iceland")
    album_add(album=album, images=Image.objects.all())
    album_set_cover(album=album, image=image)
    favourites_add(person=user, images=chosen)
    judgement_set(owner=user, query="walrus", image=image, is_right=True)
    Upload.objects.create(owner=user, file_name="a.jpg", byte_size=1, image=image)
    while compare_some():
        pass
    return image, copy


def references() -> list[tuple[type[models.Model], str]]:
    """Every field of every model that names a picture."""
    return [
        (model, field.name)
        for model in apps.get_models(include_auto_created=True)
        for field in model._meta.concrete_fields
        if field.is_relation and field.related_model is Image
    ]


def naming(pk: int) -> set[str]:
    """The fields in which any row names the picture; of vectors, whether anything but a tombstone does."""
    found = set()
    for model, name in references():
        rows = model._base_manager.filter(**{name: pk})
        if model in (Embedding, CaptionEmbedding):
            rows = rows.exclude(vector=None)
        if rows.exists():
            found.add(f"{model.__name__}.{name}")
    return found


def columns_naming(pk: int) -> set[str]:
    """The same of all tables that have a column of that name, whoever made them."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            columns = {column.name for column in connection.introspection.get_table_description(cursor, table)}
            if "image_id" in columns:
                only = " AND vector IS NOT NULL" if "vector" in columns else ""
                cursor.execute(f'SELECT 1 FROM "{table}" WHERE image_id = %s{only}', [pk])
                if cursor.fetchone():
                    found.add(table)
    return found


def ids_in_index() -> set[int]:
    indexes = index.get_indexes(wait=True)
    assert indexes is not None
    vector = [1.0] + [0.0] * (indexes.version.dimension - 1)
    found: set[int] = set()
    for each in (indexes.pictures, indexes.captions):
        found |= {hit.key for hit in each.search(vector, limit=10).hits}  # type: ignore[attr-defined]
    return found


def test_after_the_purge_nothing_names_the_picture(
    known: tuple[Image, Image],
    user: User,
    settings: Any,
    django_capture_on_commit_callbacks: Any,
) -> None:
    image, copy = known
    before = naming(image.pk)
    assert before >= {
        "Rendition.image",
        "Stage.image",
        "Caption.image",
        "Reading.image",
        "ImageTag.image",
        "AlbumImage.image",
        "Album.cover",
        "Favourite.image",
        "Upload.image",
        "Embedding.image",
        "CaptionEmbedding.image",
        "Judgement.image",
        "Look.image",
        "NearDuplicate.first",
    }
    assert columns_naming(image.pk)
    held = fulltext.holders(["walrus", "zebra", "holiday"], limit=9)
    assert held is not None and set(held) == {image.pk}
    images_trash(images=[image], by=user)
    assert naming(image.pk) == before, "nothing is lost in the trash"
    with django_capture_on_commit_callbacks(execute=True):
        assert trash_empty(owner=user) == 1
    assert not Image.with_trash.filter(pk=image.pk).exists()
    assert naming(image.pk) == set()
    assert columns_naming(image.pk) == set()
    held = fulltext.holders(["walrus", "zebra", "holiday"], limit=9)
    assert held is not None and not len(held)
    files = [path.name for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]
    assert not [name for name in files if str(image.uuid) in name]
    assert [name for name in files if str(copy.uuid) in name]
    assert ids_in_index() == {copy.pk}


def test_indexes_leave_the_trash_out_and_take_it_in_again(known: tuple[Image, Image]) -> None:
    image, copy = known
    assert ids_in_index() == {image.pk, copy.pk}
    images_trash(images=[image])
    assert ids_in_index() == {copy.pk}
    index.reset()  # as after a start of the process
    assert ids_in_index() == {copy.pk}
    images_restore(images=[image])
    assert ids_in_index() == {image.pk, copy.pk}
    index.reset()
    assert ids_in_index() == {image.pk, copy.pk}


@pytest.mark.parametrize(
    "query", ["walrus", "red", "zebra", "tag:holiday", "album:Iceland", "is:favourite", "by:me", "walrus tag:holiday"]
)
def test_no_search_finds_what_is_in_the_trash(known: tuple[Image, Image], user: User, query: str) -> None:
    image, _ = known

    def found() -> set[int]:
        result = search_images(viewer=user, query=query, limit=9)
        return {hit.image.pk for hit in [*result.hits, *result.matches]}

    assert image.pk in found()
    images_trash(images=[image])
    assert image.pk not in found()
    images_restore(images=[image])
    assert image.pk in found()


def test_nor_does_one_that_is_like_it(known: tuple[Image, Image], user: User) -> None:
    image, copy = known
    images_trash(images=[image])
    assert image.pk not in {hit.image.pk for hit in search_images(viewer=user, query=f"~{copy.uuid}", limit=9).hits}
    result = search_images(viewer=user, query=f"~{image.uuid}", limit=9)
    assert not result.hits


@pytest.mark.parametrize("typed", ["walr", "tag:hol"])
def test_nothing_of_it_is_suggested(known: tuple[Image, Image], user: User, typed: str) -> None:
    image, _ = known
    assert suggestions(viewer=user, text=typed)
    images_trash(images=[image])
    assert not suggestions(viewer=user, text=typed)


def test_duplicates_of_it_are_shown_again_once_it_is_back(known: tuple[Image, Image], user: User) -> None:
    image, _ = known

    def total() -> int:
        return groups_page(owner=user, kinds=list(NearDuplicate.Kind), number=1).total

    assert total() == 1
    images_trash(images=[image])
    assert total() == 0
    images_restore(images=[image])
    assert total() == 1


def test_what_came_meanwhile_is_compared_with_what_comes_back(add: Callable[..., Image], user: User) -> None:
    image = add()
    while compare_some():
        pass
    images_trash(images=[image])
    copy = add(edit="smaller")
    while compare_some():
        pass
    assert not NearDuplicate.objects.exists()
    images_restore(images=[image])
    assert is_behind()
    while compare_some():
        pass
    assert set(NearDuplicate.objects.values_list("first", "second")) == {(image.pk, copy.pk)}


def test_what_is_thrown_away_before_it_was_compared_waits(add: Callable[..., Image]) -> None:
    image = add()
    images_trash(images=[image])
    while compare_some():
        pass
    assert not is_behind()
    images_restore(images=[image])
    while compare_some():
        pass
    assert Look.objects.get(image=image).is_compared


def test_judgements_and_captions_to_check_of_it_wait(known: tuple[Image, Image], user: User) -> None:
    image, copy = known
    caption_record(image_id=copy.pk, result=CaptionResult("a seal", 0.9), info=INFO, unsure=False)
    assert review_step(owner=user).left == 1
    images_trash(images=[image, copy])
    assert review_step(owner=user).left == 0
    assert not judgements_that_count(user).exists()
    images_restore(images=[image, copy])
    assert review_step(owner=user).left == 1
    assert judgements_that_count(user).count() == 1


def test_work_in_the_trash_is_done_once_and_kept(
    version: ModelVersion, make_image: Callable[..., Image], user: User
) -> None:
    from mmsite import worker

    image = make_image("red", visibility=Visibility.PUBLIC)
    images_trash(images=[image])
    worker.work_until_idle()
    assert not Stage.objects.exclude(state=Stage.State.DONE).exists()
    assert not stages.any_due()
    assert Embedding.objects.exclude(vector=None).filter(image=image).exists()
    assert Image.with_trash.get().description
    assert ids_in_index() == set()
    images_restore(images=[image])
    assert ids_in_index() == {image.pk}
    assert {hit.image for hit in search_images(viewer=user, query="red", limit=9).hits} == {image}


def test_the_sweep_purges_what_is_due(
    known: tuple[Image, Image], settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, copy = known
    settings.TRASH_DAYS, settings.DATA_DIR = 30, tmp_path
    monkeypatch.setattr(clocks, "AFTER_START", 0)  # for which the sweep waits to see whether the clock holds
    images_trash(images=[image, copy])
    Image.with_trash.filter(pk=image.pk).update(trashed_at=timezone.now() - timedelta(days=31))
    pipeline.sweep()
    assert list(Image.with_trash.all()) == [copy]


def test_a_persons_caption_is_embedded_once_the_picture_is_back(add: Callable[..., Image], user: User) -> None:
    image = add()
    images_trash(images=[image])
    services.image_describe(image_id=image.pk, text="a walrus", unsure=False, by_person=True)
    while captions.embed_due():
        pass
    images_restore(images=[image])
    captions.look_again()
    while captions.embed_due():
        pass
    assert CaptionEmbedding.objects.get(image=image).text == "a walrus"
