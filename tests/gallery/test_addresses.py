"""Where pictures are found."""

from uuid import UUID

import pytest
from django.urls import get_script_prefix, reverse, set_script_prefix

from gallery.addresses import picture_address

UUID_OF_ONE = UUID("8f6c1f6e-4a9b-4c6e-9d53-0f3f6d0c7a11")
UUID_OF_OTHER = UUID("0b0f5b52-2d54-4d0a-8a0c-5f5b7f1d9e22")


@pytest.mark.parametrize("uuid", [UUID_OF_ONE, UUID_OF_OTHER])
@pytest.mark.parametrize(
    ("route", "more"),
    [
        ("image", {}),
        ("rendition", {"kind": "thumbnail"}),
        ("rendition", {"kind": "preview"}),
        ("link-rendition", {"key": "of-a-link", "kind": "preview"}),
        ("link-image", {"key": "of-another"}),
    ],
)
def test_an_address_is_what_reverse_says(uuid: UUID, route: str, more: dict[str, str]) -> None:
    assert picture_address(route, uuid, **more) == reverse(route, kwargs={**more, "uuid": uuid})


def test_an_address_begins_with_the_prefix_under_which_the_site_is_asked_for() -> None:
    before, prefix = picture_address("image", UUID_OF_ONE), get_script_prefix()
    set_script_prefix("/gallery/")
    try:
        below = picture_address("image", UUID_OF_ONE)
    finally:
        set_script_prefix(prefix)

    assert below == f"/gallery{before}"
    assert picture_address("image", UUID_OF_ONE) == before
