"""Where a picture's page and its bytes are found. Pages that show pictures at other addresses bring their own."""

from django.urls import reverse

from gallery.models import Image, Viewer
from gallery.permissions import may_change
from gallery.sized import sizes_of


class Addresses:
    """Of pictures as their owner and the public find them.

    Templates take them from `addresses` in the context (see the tags `page_of` and `media_of`), and these where there
    are none.
    """

    def page(self, image: Image) -> str:
        """Of the page of one picture."""
        return image.get_absolute_url()

    def media(self, image: Image, kind: str) -> str:
        """Of a rendition."""
        return reverse("rendition", args=[image.uuid, kind])

    def sized(self, image: Image, size: str) -> str:
        """Of a JPEG in one of the sizes of gallery.sized."""
        return reverse("download", args=[image.uuid, size])

    def download(self, image: Image, viewer: Viewer | None) -> str:
        """Of the best that this viewer may take along: the original, else the largest JPEG; "" is nothing."""
        if viewer is not None and may_change(viewer=viewer, image=image):
            return reverse("original", args=[image.uuid])
        return self.sized(image, sizes_of(image)[0].name)
