"""Where a picture's page and its bytes are found. Pages that show pictures at other addresses bring their own."""

from django.urls import reverse

from gallery.models import Image


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
