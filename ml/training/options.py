"""Options of a trainer: a frozen dataclass whose fields are its command-line options and its entry in config.json."""

import argparse
import math
import os
from collections.abc import Mapping
from dataclasses import MISSING, asdict, field, fields
from pathlib import Path
from typing import Any, Protocol, TypeVar

from ml.errors import RunError, UsageError


class Options(Protocol):
    """A frozen dataclass of str, int, float, bool and None, with at least these three.

    `data` is the folder of the data set; `cache` that of features which are kept between runs.
    """

    @property
    def data(self) -> str: ...
    @property
    def cache(self) -> str: ...
    @property
    def seed(self) -> int: ...


AnyOptions = TypeVar("AnyOptions", bound=Options)

CACHE = "~/.cache/mmsite/features"  #: where every family keeps what it computes of a data set, unless told otherwise


def option(
    default: Any = MISSING,
    help: str = "",
    choices: tuple[str, ...] | None = None,
    *,
    least: float = 0,
    most: float = math.inf,
) -> Any:
    """A field of options: its default, what it means for `--help`, and the values, or numbers, that it may have."""
    return field(default=default, metadata={"help": help, "choices": choices, "least": least, "most": most})


def add_arguments(parser: argparse.ArgumentParser, kind: type[Any]) -> None:
    """Give a parser an option for each field: `--learning-rate` for `learning_rate`."""
    for each in fields(kind):
        required = each.default is MISSING
        text = each.metadata.get("help", "") + ("" if required else " (default: %(default)s)")
        name = "--" + each.name.replace("_", "-")
        if each.type is bool:
            action = argparse.BooleanOptionalAction
            parser.add_argument(name, action=action, default=None if required else each.default, help=text)
        else:
            parser.add_argument(
                name,
                type=_reader(each.type),
                required=required,
                default=None if required else each.default,
                choices=each.metadata.get("choices"),
                help=text,
            )


def from_arguments(kind: type[AnyOptions], parsed: argparse.Namespace) -> AnyOptions:
    """The options that were parsed; folders are made absolute, so that a run can go on from anywhere.

    Raises UsageError for a number that cannot be.
    """
    values = {each.name: getattr(parsed, each.name) for each in fields(kind)}  # type: ignore[arg-type]
    for each in fields(kind):  # type: ignore[arg-type]
        _check_number(each.name, values[each.name], each.metadata)
    # unlike Path.expanduser, that of os leaves `~nobody` as it is
    return kind(**values | {name: str(Path(os.path.expanduser(values[name])).absolute()) for name in ("data", "cache")})


def _check_number(name: str, value: Any, limits: Mapping[str, Any]) -> None:
    """Raise UsageError where a number is not what its option may be."""
    if name == "seed" or isinstance(value, bool) or not isinstance(value, int | float):
        return
    least, most = limits.get("least", 0), limits.get("most", math.inf)
    if math.isfinite(value) and least <= value <= most:
        return
    upper = f" and at most {most:g}" if math.isfinite(most) else "" if math.isfinite(value) else " and finite"
    raise UsageError(f"--{name.replace('_', '-')} must be at least {least:g}{upper}: it cannot be {value}.")


def to_arguments(values: Mapping[str, Any]) -> list[str]:
    """The command line of options as `to_json` gives them; what is None is left out."""
    arguments: list[str] = []
    for field_name, value in values.items():
        name = field_name.replace("_", "-")
        if isinstance(value, bool):
            arguments.append(f"--{name}" if value else f"--no-{name}")
        elif value is not None:
            arguments.append(f"--{name}={value}")
    return arguments


def to_json(options: Any) -> dict[str, Any]:
    """The options as config.json holds them."""
    return asdict(options)


def from_json(kind: type[AnyOptions], values: Mapping[str, Any]) -> AnyOptions:
    """The options that config.json holds. Raises RunError where they are not of this kind."""
    try:
        return kind(**values)
    except TypeError as error:
        raise RunError(f"The run's options do not fit this version of the trainer: {error}.") from error


def _reader(kind: Any) -> Any:
    """What reads one field from a command line: its type, without the `| None`."""
    return next((basic for basic in (int, float, str) if kind is basic or kind == basic | None), str)
