"""Ids go to SQL and come back as one value."""

from collections.abc import Callable

from gallery.models import Image
from search.query.filters import NOTHING
from search.query.ids import columns, one_of


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
