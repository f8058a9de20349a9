"""A pipeline for gallery's own tests: one step, and a memory of what it was told."""

from collections.abc import Collection
from typing import Any

from gallery.models import Image
from gallery.pipeline import Step

calls: list[tuple[str, Any]] = []


def steps() -> list[Step]:
    return [Step("renditions"), Step("caption", "fake")]


def steps_on_request() -> list[Step]:
    return []


def describers() -> list[str]:
    return ["fake"]


def describe_again(*, image_ids: Collection[int], by: str) -> int:
    return 0


def wake() -> None:
    calls.append(("wake", None))


def last_seen() -> None:
    return None


def captioned(*, image: Image, text: str) -> None:
    calls.append(("captioned", (image.pk, text)))


def described() -> None:
    calls.append(("described", None))


def changed(*, image_ids: Collection[int]) -> None:
    calls.append(("changed", list(image_ids)))


def restored(*, image_ids: Collection[int]) -> None:
    calls.append(("restored", list(image_ids)))


def settled(*, image_ids: Collection[int]) -> None:
    calls.append(("settled", list(image_ids)))


def recaptioned(*, image_id: int) -> None:
    calls.append(("recaptioned", image_id))


def forget(*, image_ids: Collection[int]) -> None:
    calls.append(("forget", list(image_ids)))
