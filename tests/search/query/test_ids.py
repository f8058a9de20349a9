"""Ids go to SQL and come back as one value."""

from collections.abc import Callable

from gallery.models import Image
from search.query.filters import NOTHING
from search.query.ids import columns, ids_of, ids_selected, one_of


def test_pictures_are_found_by_any_number_of_ids(make_image: Callable[..., Image]) -> None:
    images = [make_image((shade, 0, 0)) for shade in (0, 90, 180)]
    wanted = {images[0].pk, images[2].pk, *range(10**6, 10**6 + 50_000), 2**63 - 1}
    assert set(Image.objects.filter(one_of(wanted))) == {images[0], images[2]}
    assert not Image.objects.filter(one_of([])).exists()


def test_columns_have_one_order(make_image: Callable[..., Image]) -> None:
    images = [make_image((shade, 0, 0), name=f"{shade}.png") for shade in (0, 90, 180)]
    Image.objects.filter(pk=images[1].pk).update(description_by_person=True)
    rows = zip(*columns(Image.objects.all(), "pk", "description_by_person"), strict=True)
    assert dict(rows) == {image.pk: image == images[1] for image in images}


def test_columns_of_nothing_are_empty(db: None) -> None:
    assert columns(Image.objects.all(), "pk", "width") == [[], []]
    assert columns(Image.objects.filter(NOTHING), "pk", "width") == [[], []]


def test_ids_come_ascending(make_image: Callable[..., Image]) -> None:
    images = [make_image((shade, 0, 0)) for shade in (0, 90, 180)]
    ids = ids_of(Image.objects.order_by("-pk"))
    assert ids.tolist() == sorted(image.pk for image in images)
    assert ids_of(Image.objects.filter(pk=images[1].pk)).tolist() == [images[1].pk]


def test_no_pictures_have_no_ids(db: None) -> None:
    assert ids_of(Image.objects.all()).tolist() == []
    assert ids_of(Image.objects.filter(NOTHING)).tolist() == []


def test_ids_are_whole_however_large(db: None) -> None:
    ids = [2**63 - 1, 2**53 + 1, 7, 0, 7]
    selected = ids_selected(" UNION ALL ".join("SELECT CAST(%s AS bigint)" for _ in ids), ids)
    assert selected.tolist() == sorted(ids), "none is rounded, and what is there twice stays so"
