"""The text reader of this process. Importing this is cheap; the first call that needs the reader loads it."""

from django.conf import settings

import ml
from ml.interfaces import TextReader

NONE = "none"  #: the name that stands for no reader in settings.TEXT_READER


def is_on() -> bool:
    """Whether text in pictures is read at all."""
    return bool(settings.TEXT_READER != NONE)


def get_reader() -> TextReader:
    """The reader that settings.TEXT_READER names. Raises an error of ml.errors where it can't be loaded."""
    return ml.load_reader(settings.TEXT_READER)


def describe() -> str:
    """Which reader this is, in words, for the doctor. Raises an error of ml.errors where it can't be loaded."""
    if not is_on():
        return "none, text in pictures is not read: the extra `text` or MMSITE_TEXT_READER would bring one"
    return f"{settings.TEXT_READER}: {get_reader().info.key}"
