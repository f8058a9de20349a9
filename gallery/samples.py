"""A few real photos for an empty library, out of Python packages that carry some."""

import logging
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from django.core.files import File

from gallery.exceptions import UploadRefused
from gallery.models import Stage, User, Visibility
from gallery.services import image_create

logger = logging.getLogger(__name__)

# package -> photos in it. Only photos: no drawings, no test charts, nothing medical.
PHOTOS = {
    "skimage": [
        "data/astronaut.png",
        "data/camera.png",
        "data/chelsea.png",
        "data/coffee.png",
        "data/coins.png",
        "data/hubble_deep_field.jpg",
        "data/moon.png",
        "data/motorcycle_left.png",
        "data/rocket.jpg",
    ],
    "sklearn": ["datasets/images/china.jpg", "datasets/images/flower.jpg"],
    "matplotlib": ["mpl-data/sample_data/grace_hopper.jpg"],
}


def load_samples(*, owner: User) -> int:
    """Takes in, as public pictures of `owner`, the sample photos that are installed; how many were new.

    The packages are only looked up, not imported; those that are absent are passed over.
    """
    created = 0
    for path in find_photos():
        with path.open("rb") as opened:
            try:
                creation = image_create(
                    owner=owner,
                    file=File(opened),
                    file_name=path.name,
                    visibility=Visibility.PUBLIC,
                    priority=Stage.Priority.BACKFILL,
                )
            except UploadRefused as refusal:
                logger.warning("%s is left out of the samples: %s", path, refusal)
                continue
        created += creation.created
    return created


def find_photos() -> Iterator[Path]:
    """The sample photos that are installed."""
    for package, names in PHOTOS.items():
        spec = find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or []:
            yield from (path for name in names if (path := Path(folder, name)).is_file())
