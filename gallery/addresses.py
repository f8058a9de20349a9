"""Where a picture's page and its bytes are found. Pages that show pictures at other addresses bring their own."""

from functools import lru_cache
from uuid import UUID

from django.urls import get_script_prefix, reverse

from gallery.models import Image, Viewer
from gallery.permissions import may_change
from gallery.sized import sizes_of

_ANY = UUID(int=0)


def picture_address(route: str, uuid: UUID, **more: str) -> str:
    """What `reverse` says, of which a page asks hundreds of times: of routes with a picture's `uuid`, it is asked for
    one picture alone."""
    return _address_of_any(route, get_script_prefix(), **more).replace(str(_ANY), str(uuid))


@lru_cache(1_000)
def _address_of_any(route: str, _prefix: str, **more: str) -> str:
    """`reverse` begins it with this prefix by itself."""
    return reverse(route, kwargs={**more, "uuid": _ANY})


class Addresses:
    """Of pictures as their owner and the public find them.

    Templates take them from `addresses` in the context (see the tags `page_of` and `media_of`), and these where there
    are none.
    """

    def page(self, image: Image) -> str:
        """Of the page of one picture."""
        return picture_address("image", image.uuid)

    def media(self, image: Image, kind: str) -> str:
        """Of a rendition."""
        return picture_address("rendition", image.uuid, kind=kind)

    def sized(self, image: Image, size: str) -> str:
        """Of a JPEG in one of the sizes of gallery.sized."""
        return picture_address("download", image.uuid, size=size)

    def download(self, image: Image, viewer: Viewer | None) -> str:
        """Of the best that this viewer may take along: the original, else the largest JPEG; "" is nothing."""
        if viewer is not None and may_change(viewer=viewer, image=image):
            return picture_address("original", image.uuid)
        return self.sized(image, sizes_of(image)[0].name)
