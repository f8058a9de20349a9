"""What an evaluation found: figures with intervals, of all pictures and of groups of them, and of each picture alone.

Reports are kept as JSON, so that two of them can be compared picture by picture later on.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from ml.datasets.examples import Example
from ml.errors import UsageError
from ml.evaluation.bootstrap import Figure, Interval, intervals
from ml.evaluation.categories import categories
from ml.files import writing

SHOWN_CATEGORIES = 20


@dataclass(frozen=True)
class Measure:
    """How a figure is called and shown."""

    label: str
    decimals: int = 4
    per_cent: bool = False
    more_is_better: bool | None = True  #: None where neither is

    def show(self, value: float, sign: bool = False) -> str:
        """A value in words."""
        scaled = 100 * value if self.per_cent else value
        return f"{scaled:{'+' if sign else ''}.{self.decimals}f}"


class Statistics(Protocol):
    """What is known of each of n pictures; figures are made of it."""

    def __len__(self) -> int: ...

    def figures(self) -> dict[str, Figure]:
        """By name."""

    def take(self, rows: npt.NDArray[np.int64]) -> Self:
        """That of some of the pictures."""

    def rows(self) -> list[dict[str, Any]]:
        """In plain values, one row for each picture."""

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]]) -> Self:
        """From these again."""


KINDS = {
    "captions": ("ml.evaluation.captions", "CaptionStatistics"),
    "retrieval": ("ml.evaluation.retrieval", "RetrievalStatistics"),
}
"""kind of a report -> its module, which has MEASURES and CATEGORY_MEASURES, and the Statistics in it."""


@dataclass(frozen=True)
class Table:
    """A table of texts; the first column is named, the others are numbers."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """For a terminal, or a document."""
        widths = [max(len(line[column]) for line in (self.header, *self.rows)) for column in range(len(self.header))]

        def line(cells: Sequence[str]) -> str:
            first, *others = (cell.replace("|", "\\|") for cell in cells)
            padded = (other.rjust(width) for other, width in zip(others, widths[1:], strict=True))
            return f"| {' | '.join([first.ljust(widths[0]), *padded])} |"

        rule = f"| {' | '.join(['-' * widths[0], *('-' * (width - 1) + ':' for width in widths[1:])])} |"
        return "\n".join([line(self.header), rule, *map(line, self.rows)])


@dataclass(frozen=True)
class Report:
    """What an evaluation of one model on one split found."""

    kind: str  #: captions or retrieval
    model: str  #: the key of the model, see ml.interfaces.ModelInfo
    split: str
    fingerprint: str  #: of the split's pictures and captions
    figures: dict[str, Interval]
    categories: dict[str, dict[str, Any]]  #: group -> its `pictures`, a count, and its `figures`
    pictures: list[dict[str, Any]]  #: of each its `picture`, a file name, `categories`, and its statistics

    @classmethod
    def of(
        cls, kind: str, statistics: Statistics, examples: Sequence[Example], *, model: str, split: str, fingerprint: str
    ) -> "Report":
        """Work out all figures of the examples' statistics, in their order."""
        groups = categories(examples)
        sizes = Counter(group for each in groups for group in each)
        found = {}
        for group, size in sizes.most_common():
            rows = np.flatnonzero([group in each for each in groups])
            chosen = statistics.take(rows)
            found[group] = {"pictures": size, "figures": intervals(chosen.figures(), size)}
        named = [
            {"picture": example.path.name, "categories": list(group), **row}
            for example, group, row in zip(examples, groups, statistics.rows(), strict=True)
        ]
        whole = intervals(statistics.figures(), len(statistics))
        return cls(kind, model, split, fingerprint, whole, found, named)

    @classmethod
    def read(cls, path: Path) -> "Report":
        """From JSON. Raises UsageError where it is not a report."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            known = module_of(content["kind"]).MEASURES
            if not known.keys() <= content["figures"].keys() or not all(
                "picture" in row for row in content["pictures"]
            ):
                raise KeyError("figures or pictures")
            return cls(
                **content
                | {
                    "figures": _intervals(content["figures"]),
                    "categories": {
                        group: {**each, "figures": _intervals(each["figures"])}
                        for group, each in content["categories"].items()
                    },
                }
            )
        except OSError as error:
            raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise UsageError(f"{path} is not what `evaluate … --json` writes.") from error

    def write(self, path: Path) -> None:
        """To JSON, whole or not at all."""
        with writing(path) as partial:
            partial.write_text(json.dumps(asdict(self), ensure_ascii=False), encoding="utf-8")

    def statistics(self) -> Statistics:
        """What is known of each picture. Raises UsageError where the rows are not of this kind."""
        module, name = KINDS[self.kind]
        try:
            statistics: Statistics = getattr(import_module(module), name).from_rows(self.pictures)
        except (ValueError, TypeError, KeyError) as error:
            raise UsageError(f"The figures of each picture in the report of {self.model} are damaged.") from error
        return statistics

    def table(self) -> Table:
        """All figures with their intervals."""
        rows = [
            (measure.label + (", %" if measure.per_cent else ""), *_show(measure, self.figures[name]))
            for name, measure in module_of(self.kind).MEASURES.items()
        ]
        return Table((f"{self.model}, {self.split}, {len(self.pictures):,} pictures", "value", "95 % interval"), rows)

    def category_table(self) -> Table:
        """The main figures of the largest groups."""
        module = module_of(self.kind)
        measures = {name: module.MEASURES[name] for name in module.CATEGORY_MEASURES}
        rows = [
            (
                group,
                f"{each['pictures']:,}",
                *(" ± ".join(_short(measure, each["figures"][name])) for name, measure in measures.items()),
            )
            for group, each in list(self.categories.items())[:SHOWN_CATEGORIES]
        ]
        labels = (measure.label + (", %" if measure.per_cent else "") for measure in measures.values())
        return Table(("group of pictures", "pictures", *labels), rows)


def module_of(kind: str) -> Any:
    """The module of a kind of reports. Raises KeyError where there is none."""
    return import_module(KINDS[kind][0])


def measures(kind: str) -> dict[str, Measure]:
    """The measures of a kind of reports."""
    found: dict[str, Measure] = module_of(kind).MEASURES
    return found


def _show(measure: Measure, interval: Interval) -> tuple[str, str]:
    return measure.show(interval.value), f"{measure.show(interval.low)} to {measure.show(interval.high)}"


def _short(measure: Measure, interval: Interval) -> tuple[str, str]:
    return measure.show(interval.value), measure.show((interval.high - interval.low) / 2)


def _intervals(content: Mapping[str, Mapping[str, float]]) -> dict[str, Interval]:
    return {name: Interval(**each) for name, each in content.items()}
