"""Who can describe a picture: the site's own captioner, which describes all, and others that people may ask."""

from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from captioning.models import CaptionerVersion


@dataclass(frozen=True)
class Describer:
    """A captioner. `name` is what settings and ml call it, `label` what people see: never where a folder lies."""

    name: str
    label: str

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


def describer_called(label: str) -> Describer | None:
    """The one that people see by this label."""
    return next((each for each in describers() if each.label == label), None)


def known_keys() -> dict[str, str]:
    """The key that a captioner's captions have today, by the captioner's name; those that no worker used yet lack."""
    return dict(CaptionerVersion.objects.values_list("name", "key"))
