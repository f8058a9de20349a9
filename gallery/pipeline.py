"""What gallery asks of whoever orders the work on pictures, without knowing captions or vectors.

`settings.GALLERY_PIPELINE` names a module that provides these functions.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from importlib import import_module
from typing import Protocol, cast

from django.conf import settings

from gallery.models import Image, Stage

RENDITIONS_STEP = "renditions"  #: the one step whose work is the gallery's own
VARIANT = "\n"  #: behind it, a stage's model says how somebody asked for the step to be done: see `parts_of`


@dataclass(frozen=True)
class Step:
    """A kind of work that every picture needs; `model` names the model (version) that does it, "" where none does.

    A step that comes `later` waits until all other work on all pictures is done, and pictures are ready without it.
    """

    name: str
    model: str = ""
    later: bool = field(default=False, compare=False)


class Pipeline(Protocol):
    """The functions of the module that GALLERY_PIPELINE names."""

    def steps(self) -> list[Step]:
        """The steps that each picture needs today."""

    def steps_on_request(self) -> list[Step]:
        """Steps that only those pictures get for which somebody asks."""

    def describers(self) -> list[str]:
        """Who can describe a picture, by the names that people see; first the one that describes all of them."""

    def describe_again(self, *, image_ids: Collection[int], by: str) -> int:
        """Have one of these describe pictures again, in the background, where it hasn't; the number of pictures."""

    def wake(self) -> None:
        """Tell the workers that work is due. May be lost or doubled without harm."""

    def last_seen(self) -> datetime | None:
        """When a worker last showed that it lives; None if none ever did. One SQL statement."""

    def captioned(self, *, image: Image, text: str) -> None:
        """The file of a new picture says what it shows; called in the transaction that records the picture."""

    def described(self) -> None:
        """A person said what a picture shows, or takes it back; called in the transaction that records it."""

    def changed(self, *, image_ids: Collection[int]) -> None:
        """Owner or visibility of these pictures changed, or they went to the trash; called in the transaction that
        changed them."""

    def restored(self, *, image_ids: Collection[int]) -> None:
        """These pictures are back from the trash; called in the transaction that restored them."""

    def settled(self, *, image_ids: Collection[int]) -> None:
        """No step of these pictures is open any more, but for those that come later; called in the transaction that
        settled the last one. They are ready, or have failed. May be told more than once."""

    def recaptioned(self, *, image_id: int) -> None:
        """A picture has another caption than before, or none any more; called in the transaction that changed it."""

    def forget(self, *, image_ids: Collection[int]) -> None:
        """These pictures are about to be deleted; called in the transaction that deletes them."""


def parts_of(model: str) -> tuple[str, str]:
    """A stage's model: its name, and how somebody asked for the step to be done, "" where nobody did."""
    name, _, manner = model.partition(VARIANT)
    return name, manner


def is_on_request(stage: Stage) -> bool:
    """Whether somebody asked for it, rather than each picture needs it."""
    return VARIANT in stage.model or Step(stage.step, stage.model) in get_pipeline().steps_on_request()


def get_pipeline() -> Pipeline:
    """The module that `settings.GALLERY_PIPELINE` names."""
    return cast(Pipeline, import_module(settings.GALLERY_PIPELINE))
