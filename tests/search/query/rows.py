"""Pictures as rows alone: full-text search reads no files."""

from uuid import uuid4

from django.utils import timezone

from gallery.models import Image, User


def make_row(description: str = "", *, owner: User, name: str = "picture.jpg", **facts: object) -> Image:
    """A picture of that description, by a person unless told otherwise, and file name."""
    return Image.objects.create(**values(description, owner=owner, name=name, **facts))


def values(description: str, *, owner: User, name: str, **facts: object) -> dict[str, object]:
    """What an Image needs to be stored."""
    return {
        "owner": owner,
        "description": description,
        "description_by_person": True,
        "file_name": name,
        "original": "nowhere",
        "sha256": uuid4().hex,
        "byte_size": 1,
        "format": "JPEG",
        "width": 1,
        "height": 1,
        "sort_date": timezone.now(),
        **facts,
    }
