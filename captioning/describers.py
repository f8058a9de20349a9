"""Who can describe a picture: the site's own captioner, which describes all, and others that people may ask."""

from dataclasses import dataclass, replace
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from captioning.exceptions import BadCaption
from captioning.models import CaptionerVersion
from gallery.names import tidy
from gallery.pipeline import VARIANT, parts_of

LONGEST_BEGINNING = 60  #: characters


@dataclass(frozen=True)
class Describer:
    """A captioner. `name` is what settings and ml call it, `label` what people see: never where a folder lies.

    `begin` are words that somebody wants its captions to begin with.
    """

    name: str
    label: str
    begin: str = ""

    @property
    def model(self) -> str:
        """What the stages of its work name as their model."""
        return f"{self.name}{VARIANT}{self.begin}" if self.begin else self.name

    @property
    def is_own(self) -> bool:
        """Whether it describes every picture of this site."""
        return self.name == settings.CAPTIONER


def describers() -> list[Describer]:
    """Those that the settings name, the site's own first; no two with the same label."""
    found: dict[str, Describer] = {}
    for name in [settings.CAPTIONER, *others()]:
        short = Path(name).name if Path(name).is_absolute() or Path(name).is_dir() else name
        label, number = short, 1
        while label in found:
            number += 1
            label = f"{short} ({number})"
        found[label] = Describer(name, label)
    return [*found.values()]


def others() -> list[str]:
    """The names of those that describe only what somebody asks them to. Cheap: pages ask for each picture's work."""
    return [name for name in dict.fromkeys(settings.OTHER_CAPTIONERS) if name != settings.CAPTIONER]


def labels() -> list[str]:
    """By what people name those that there are."""
    return [each.label for each in describers()]


def describer_called(label: str, *, begin: str = "") -> Describer | None:
    """The one that people see by this label, asked for captions that begin so."""
    return next((replace(each, begin=begin) for each in describers() if each.label == label), None)


def beginning(text: str) -> str:
    """The words with which somebody wants a caption to begin, as captions are written. Raises BadCaption."""
    begin = tidy(text).lower()
    if begin and not any(character.isalnum() for character in begin):
        raise BadCaption(_("A caption begins with words."))
    return begin


def describer_of(model: str) -> Describer | None:
    """The one whose `model` a stage has, where the settings still name it."""
    name, begin = parts_of(model)
    return next((replace(each, begin=begin) for each in describers() if each.name == name), None)


def key_of(key: str, begin: str) -> str:
    """What captions that begin with these words have as their model, whose own key is `key`."""
    return f"{key} “{begin}”" if begin else key


def known_keys() -> dict[str, str]:
    """The key that a captioner's captions have today, by the captioner's name; those that no worker used yet lack."""
    return dict(CaptionerVersion.objects.values_list("name", "key"))
