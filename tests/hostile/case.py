"""What a hostile file is, and what is to become of it."""

import functools
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

# Reasons, as regular expressions on the sentence that a person is told.
DAMAGED = r"file is damaged or cut short\."
TOO_LARGE = r"the limit is|is the limit|which is the limit"
NOT_SUPPORTED = r"are not supported\. Supported are"
UNKNOWN = r"not a picture that we know"
EMPTY = r"[Tt]h(is|e submitted) file is empty"
STOPPED = r"takes too long to be opened|too large to be opened here"
ANY_REASON = "|".join((DAMAGED, TOO_LARGE, NOT_SUPPORTED, UNKNOWN, STOPPED))

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Case:
    """A file, and what is to happen: it is refused for the reason `refused`, or becomes a picture of `size` (pixels, as
    shown) with `colours` at these places (shares of width and height). With both, either will do."""

    content: bytes
    file_name: str = "picture.jpg"
    refused: str = ""
    size: tuple[int, int] | None = None
    colours: tuple[tuple[float, float, Colour], ...] = ()
    frames: int | None = None
    within: int = 16  # of 255


@dataclass(frozen=True)
class Category:
    """A kind of hostile file. `heavy`: seconds or hundreds of megabytes are in it."""

    name: str
    make: Callable[[], Case | Iterable[Case]]
    heavy: bool = False

    @functools.cached_property
    def cases(self) -> list[Case]:
        made = self.make()
        return [made] if isinstance(made, Case) else list(made)


CATEGORIES: dict[str, Category] = {}


def category(make: Any = None, *, heavy: bool = False) -> Any:
    """Registers a function that makes cases under its own name."""
    if make is None:
        return functools.partial(category, heavy=heavy)
    name = f"{make.__module__.rpartition('.')[2]}.{make.__name__}"
    CATEGORIES[name] = Category(name, make, heavy)
    return make


def refused(content: bytes, reason: str = DAMAGED, file_name: str = "picture.jpg") -> Case:
    return Case(content, file_name, refused=reason)


def shown(
    content: bytes,
    size: tuple[int, int] = (64, 48),
    *,
    colour: Colour | None = None,
    quarters: bool = False,
    file_name: str = "picture.jpg",
    **more: Any,
) -> Case:
    """Accepted: of one colour, or red, green, blue and yellow in its quarters."""
    colours: tuple[tuple[float, float, Colour], ...] = ()
    if colour is not None:
        colours = ((0.5, 0.5, colour),)
    elif quarters:
        colours = (
            (0.25, 0.25, (255, 0, 0)),
            (0.75, 0.25, (0, 255, 0)),
            (0.25, 0.75, (0, 0, 255)),
            (0.75, 0.75, (255, 255, 0)),
        )
    return Case(content, file_name, size=size, colours=colours, **more)
