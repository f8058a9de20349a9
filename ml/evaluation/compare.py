"""Runs and evaluations side by side: what differs between them, and which differences are real.

A run's folder (`ml.training.run`) brings its options, final figures and curves, and the reports that lie in it, such as
`evaluate captions … --json RUN/dev.json` writes them; a report may also be named by itself.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from ml.errors import RunError, UsageError
from ml.evaluation.bootstrap import DRAWS, Difference, Interval, differences
from ml.evaluation.results import KINDS, Measure, Report, Table, measures
from ml.training.run import CONFIG, METRICS, curve, read_json

Curve = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Contender:
    """A run, or a report that was named by itself."""

    name: str
    config: Mapping[str, Any] = field(default_factory=dict)  #: of a run
    metrics: Mapping[str, float] = field(default_factory=dict)  #: of a run that is done
    curve: Curve = ()
    reports: Sequence[Report] = ()


@dataclass(frozen=True)
class Comparison:
    """What there is to say of several runs or reports."""

    contenders: Sequence[Contender]
    warnings: Sequence[str]
    tables: Sequence[Table]
    verdicts: Sequence[str]  #: which differences are real
    figures: Mapping[str, Mapping[str, Interval]]  #: label -> contender -> figure, to be plotted

    def markdown(self) -> str:
        """All of it, for a terminal."""
        warnings = (f"Warning: {warning}" for warning in self.warnings)
        return "\n\n".join([*warnings, *(table.markdown() for table in self.tables), *self.verdicts])


def compare(paths: Sequence[Path]) -> Comparison:
    """Compare what these folders of runs and files of reports hold; differences are taken against the first.

    Raises RunError or UsageError.
    """
    names = [path.name if path.is_dir() else path.stem for path in (path.absolute() for path in paths)]
    unique = len(set(names)) == len(names)
    contenders = [_read(path, name if unique else str(path)) for path, name in zip(paths, names, strict=True)]
    tables = [_options(contenders), _metrics(contenders)]
    verdicts: list[str] = []
    figures: dict[str, dict[str, Interval]] = {}
    for group in _groups(contenders):
        tables.append(_figures(group))
        first = next(iter(group.values()))
        for name, measure in measures(first.kind).items():
            label = f"{measure.label} on {first.split}"
            label += f" {first.fingerprint[:6]}" if label in figures else ""  # another set with a split of that name
            figures[label] = {who: report.figures[name] for who, report in group.items()}
        if len(group) > 1:
            apart = _apart(group)
            tables.append(_differences(group, apart))
            verdicts += _verdicts(group, apart)
    return Comparison(contenders, _warnings(contenders), [table for table in tables if table.rows], verdicts, figures)


def _read(path: Path, name: str) -> Contender:
    if not path.is_dir():
        return Contender(name, reports=[Report.read(path)])
    config = read_json(path, CONFIG)
    if not isinstance(config.get("options"), dict):
        raise RunError(f"{path / CONFIG} is damaged: it does not hold the options of a run.")
    metrics = read_json(path, METRICS) if (path / METRICS).exists() else {}
    others = (file for file in sorted(path.glob("*.json")) if file.name not in {CONFIG, METRICS})
    reports = [Report.read(file) for file in others if _is_report(file)]
    return Contender(name, config, dict(_numbers(metrics)), curve(path), reports)


def _is_report(path: Path) -> bool:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(content, dict) and content.get("kind") in list(KINDS)


def _numbers(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, float]]:
    """All numbers of nested JSON, by their dotted names."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{before}{name}.")
        elif isinstance(value, list):
            yield from _numbers({str(place): each for place, each in enumerate(value)}, f"{before}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield before + name, value


def _options(contenders: Sequence[Contender]) -> Table:
    """What the runs were told, where it differs."""
    told = [
        {"family": each.config.get("family"), "revision": each.config.get("revision"), **each.config["options"]}
        if each.config
        else {}
        for each in contenders
    ]
    names = dict.fromkeys(name for each in told for name in each)
    rows = []
    for name in names:
        values = [str(each.get(name, "")) for each in told]
        if len(set(values)) > 1 or name == "family":
            rows.append((name, *values))
    return Table(("family, and options that differ", *(each.name for each in contenders)), rows)


def _metrics(contenders: Sequence[Contender]) -> Table:
    names = dict.fromkeys(name for each in contenders for name in each.metrics)
    rows = [
        (name, *(f"{each.metrics[name]:.5g}" if name in each.metrics else "" for each in contenders)) for name in names
    ]
    return Table(("final figures of the runs", *(each.name for each in contenders)), rows)


def _groups(contenders: Sequence[Contender]) -> list[dict[str, Report]]:
    """Reports of one kind on the same data, by the names of whose they are."""
    found = [(each.name, report) for each in contenders for report in each.reports]

    def data(pair: tuple[str, Report]) -> tuple[str, str, str]:
        return pair[1].kind, pair[1].split, pair[1].fingerprint

    order = {each.name: place for place, each in enumerate(contenders)}
    groups = []
    for _, pairs in groupby(sorted(found, key=lambda pair: (data(pair), order[pair[0]])), key=data):
        group: dict[str, Report] = {}
        for name, report in pairs:
            again = sum(known.split(" #")[0] == name for known in group)  # a run may hold several
            group[f"{name} #{again + 1}" if again else name] = report
        groups.append(group)
    return groups


def _figures(group: Mapping[str, Report]) -> Table:
    first = next(iter(group.values()))
    rows = []
    for name, measure in measures(first.kind).items():
        found = [report.figures[name] for report in group.values()]
        rows.append((_label(measure), *(_interval(measure, each) for each in found)))
    return Table((f"{first.kind} on {first.split}, {len(first.pictures):,} pictures", *group), rows)


def _apart(group: Mapping[str, Report]) -> dict[str, dict[str, Difference]]:
    """How each differs from the first, drawn from the same pictures."""
    (name, first), *others = group.items()
    base = _sorted(first)
    found = {}
    for other, report in others:
        theirs = _sorted(report)
        if [row["picture"] for row in base.pictures] != [row["picture"] for row in theirs.pictures]:
            raise UsageError(f"The reports of {name} and {other} do not hold the same pictures: evaluate them again.")
        found[other] = differences(base.statistics().figures(), theirs.statistics().figures(), len(base.pictures))
    return found


def _sorted(report: Report) -> Report:
    return replace(report, pictures=sorted(report.pictures, key=lambda row: str(row["picture"])))


def _differences(group: Mapping[str, Report], apart: Mapping[str, Mapping[str, Difference]]) -> Table:
    first, kind = next(iter(group)), next(iter(group.values())).kind
    rows = []
    for name, measure in measures(kind).items():
        cells = []
        for found in apart.values():
            each = found[name]
            doubt = f"p {each.doubt:.3f}" if each.doubt else f"p < {2 / DRAWS:.3f}"
            cells.append(f"{_interval(measure, each, sign=True)}, {doubt}{'' if each.real else ', not sure'}")
        rows.append((_label(measure), *cells))
    return Table((f"{kind}: difference from {first}", *apart), rows)


def _verdicts(group: Mapping[str, Report], apart: Mapping[str, Mapping[str, Difference]]) -> list[str]:
    first, kind = next(iter(group)), next(iter(group.values())).kind
    judged = {name: measure for name, measure in measures(kind).items() if measure.more_is_better is not None}
    sentences = []
    for other, found in apart.items():
        better: list[str] = []
        worse: list[str] = []
        unsure: list[str] = []
        for name, measure in judged.items():
            ahead = (found[name].value > 0) == measure.more_is_better
            place = (better if ahead else worse) if found[name].real else unsure
            place.append(measure.label)
        parts = [
            f"{word} in {'; '.join(labels)}"
            for word, labels in (("really better", better), ("really worse", worse), ("not surely different", unsure))
            if labels
        ]
        sentences.append(f"{kind.capitalize()}: {other} is, against {first}, {', '.join(parts)}.")
    return sentences


def _warnings(contenders: Sequence[Contender]) -> list[str]:
    """Where figures must not be compared."""
    warnings = []
    runs = [each for each in contenders if each.config]
    for each in runs[1:]:
        before, data = runs[0].config.get("data", {}), each.config.get("data", {})
        changed = [split for split in before if split in data and before[split] != data[split]]
        if changed:
            splits = " and ".join(changed)
            warnings.append(f"{runs[0].name} and {each.name} saw different data as their {splits} split.")
    seen: dict[tuple[str, str], tuple[str, str]] = {}
    for each in contenders:
        for report in each.reports:
            name, print_ = seen.setdefault((report.kind, report.split), (each.name, report.fingerprint))
            if print_ != report.fingerprint:
                warnings.append(
                    f"The {report.kind} of {name} and {each.name} were scored on different data: do not compare them."
                )
    return warnings


def _label(measure: Measure) -> str:
    return measure.label + (", %" if measure.per_cent else "")


def _interval(measure: Measure, each: Interval | Difference, sign: bool = False) -> str:
    value, low, high = (measure.show(number, sign) for number in (each.value, each.low, each.high))
    return f"{value} ({low} to {high})"
