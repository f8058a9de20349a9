"""The captioners of this process. Importing this is cheap; the first call that needs a model loads it."""

from django.conf import settings
from PIL import Image as PILImage

import ml
from ml.interfaces import Captioner


def get_captioner(name: str = "") -> Captioner:
    """The captioner of that name; without one, the one that settings.CAPTIONER names.

    Beside the latter, this process keeps one other at most: asked for another, it forgets the one before.
    Raises an error of ml.errors where it can't be loaded.
    """
    ml.serve_on(settings.DEVICE)
    ml.compute_by(settings.RUNTIME, cache=settings.COMPILED_DIR)
    own = settings.CAPTIONER
    if name and name != own:
        ml.keep_captioners(own, name)
    return ml.load_captioner(name or own)


def warm() -> None:
    """Load the model and run it once, so that the first person doesn't wait."""
    get_captioner().caption([PILImage.new("RGB", (64, 64))])


def describe(name: str = "") -> str:
    """Which captioner this is, in words, for the doctor. Raises an error of ml.errors where it can't be loaded."""
    info = get_captioner(name).info
    return f"{name or settings.CAPTIONER}: {info.key}"
