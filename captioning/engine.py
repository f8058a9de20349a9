"""The captioner of this process. Importing this is cheap; the first call that needs the model loads it."""

from django.conf import settings
from PIL import Image as PILImage

import ml
from ml.interfaces import Captioner


def get_captioner() -> Captioner:
    """The captioner that settings.CAPTIONER names. Raises an error of ml.errors where it can't be loaded."""
    ml.serve_on(settings.DEVICE)
    return ml.load_captioner(settings.CAPTIONER)


def warm() -> None:
    """Load the model and run it once, so that the first person doesn't wait."""
    get_captioner().caption([PILImage.new("RGB", (64, 64))])


def describe() -> str:
    """Which captioner this is, in words, for the doctor. Raises an error of ml.errors where it can't be loaded."""
    info = get_captioner().info
    return f"{settings.CAPTIONER}: {info.key}"
