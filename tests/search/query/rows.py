"""Pictures as rows alone: full-text search reads no files."""

from uuid import uuid4

from django.utils import timezone

from gallery.models import Image, User, Visibility


def make_row(description: str = "", *, owner: User, name: str = "picture.jpg", visibility: str = "private") -> Image:
    """A picture of that description and file name."""
    return Image.objects.create(**values(description, owner=owner, name=name, visibility=visibility))


def values(description: str, *, owner: User, name: str, visibility: str = "private") -> dict[str, object]:
    """What an Image needs to be stored."""
    return {
        "owner": owner,
        "description": description,
        "file_name": name,
        "visibility": Visibility(visibility),
        "original": "nowhere",
        "sha256": uuid4().hex,
        "byte_size": 1,
        "format": "JPEG",
        "width": 1,
        "height": 1,
        "sort_date": timezone.now(),
    }
