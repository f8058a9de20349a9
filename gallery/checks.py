"""Misconfigurations, told by `manage.py check` before they cost a picture."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from gallery import mail
from gallery.pipeline import Pipeline, get_pipeline
from gallery.storage import base_of, is_local

LIMITS = ("request", "bytes", "pixels", "side", "frames", "animation_pixels")
# A decoded picture takes 4 bytes a pixel, and turning it upright takes a second copy.
BYTES_PER_PIXEL = 8


@register("gallery")
def check_media_folder(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """gallery.E001: pictures can't be stored. About a folder only: asking a server is `manage.py doctor`'s part."""
    if not is_local():
        return []
    folder = Path(settings.MEDIA_ROOT).absolute()
    existing, is_writable = base_of(folder)
    if is_writable:
        return []
    hint = "Give MMSITE_MEDIA_DIR a folder that the site's user may write to."
    return [
        Error(f"Pictures can't be stored in {folder}: {existing} is not a writable folder.", hint, id="gallery.E001")
    ]


@register("gallery")
def check_limits(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """gallery.E002: a limit is missing or no positive number. gallery.W001: one picture may exceed the memory."""
    limits = settings.GALLERY_LIMITS
    wrong = [name for name in LIMITS if not isinstance(limits.get(name), int) or limits[name] <= 0]
    if wrong:
        hint = f"GALLERY_LIMITS needs a positive whole number for each of {', '.join(LIMITS)}."
        return [Error(f"GALLERY_LIMITS is wrong about: {', '.join(wrong)}.", hint, id="gallery.E002")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if limits["pixels"] * BYTES_PER_PIXEL > memory:
        message = (
            f"A picture of {limits['pixels']:,} pixels, which the limits let in, doesn't fit this machine's memory."
        )
        return [Warning(message, "Lower MMSITE_MAX_MEGAPIXELS.", id="gallery.W001")]
    return []


@register("gallery")
def check_name_in_mail(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """gallery.W002: there is a server for mail, but no name of the site that could stand in it."""
    if not settings.SENDS_MAIL or mail.knows_its_name():
        return []
    message = "No mail is sent: MMSITE_HOSTS=* takes any name, so that a stranger could say where the links in it lead."
    hint = "Set MMSITE_SITE_URL to how people call the site, such as https://gallery.example.com, or name MMSITE_HOSTS."
    return [Warning(message, hint, id="gallery.W002")]


@register("gallery")
def check_pipeline(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """gallery.E003: nobody works on the pictures."""
    hint = "GALLERY_PIPELINE names a module with the functions of gallery.pipeline.Pipeline."
    try:
        pipeline = get_pipeline()
    except ImportError as error:
        return [Error(f"{settings.GALLERY_PIPELINE} can't be imported: {error}", hint, id="gallery.E003")]
    functions = [name for name in vars(Pipeline) if not name.startswith("_")]
    missing = [name for name in functions if not callable(getattr(pipeline, name, None))]
    if missing:
        return [Error(f"{settings.GALLERY_PIPELINE} lacks {', '.join(missing)}.", hint, id="gallery.E003")]
    return []


@register("gallery")
def check_watched_folders(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """gallery.E004: the site would take in its own files, and everybody's, as somebody's new pictures, for ever."""
    own = [Path(folder).resolve() for folder in (settings.UPLOADS_DIR, settings.INDEX_DIR)]
    if is_local():
        own.append(Path(settings.MEDIA_ROOT).resolve())
    return [
        Error(
            f"MMSITE_WATCH: {folder} and {each}, where the site keeps its own files, lie within each other.",
            "Watch a folder that holds nothing of the site.",
            id="gallery.E004",
        )
        for _, folder in settings.WATCH
        for each in own
        if each.is_relative_to(folder.resolve()) or folder.resolve().is_relative_to(each)
    ]
