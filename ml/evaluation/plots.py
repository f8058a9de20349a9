"""Plots of training runs, and of several of them together."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from math import ceil
from pathlib import Path
from typing import Any

from ml.evaluation.bootstrap import Interval

Curve = Sequence[Mapping[str, Any]]

_AXES = {"step", "epoch"}
_DOTTED = 50  #: fewer points than these are marked


def plot_curves(lines: Curve, path: Path) -> None:
    """Draw each figure of a run's curve over its steps, in a panel of its own, into a PNG."""
    path.write_bytes(draw({"": lines}, {}, columns=1))


def draw(curves: Mapping[str, Curve], figures: Mapping[str, Mapping[str, Interval]], *, columns: int = 3) -> bytes:
    """Draw the curves of several runs over each other, a panel for each of their figures, as a PNG.

    `figures` are drawn below, with their intervals: what each is called -> the run -> the figure.
    """
    from matplotlib.figure import Figure

    names = list(
        dict.fromkeys(name for lines in curves.values() for line in lines for name in line if name not in _AXES)
    )
    count = len(names) + len(figures)
    rows = max(1, ceil(count / columns))
    width, height = (8 if columns == 1 else 5 * columns), 2.2 if columns == 1 else 2.8
    plot = Figure(figsize=(width, height * rows), layout="constrained")
    panels = list(plot.subplots(rows, columns, squeeze=False).flat)
    for panel in panels[count:]:
        panel.set_axis_off()
    colours = {run: f"C{place % 10}" for place, run in enumerate(_runs(curves, figures))}
    for name, panel in zip(names, panels, strict=False):
        for run, lines in curves.items():
            _curve(panel, [(line.get("step", 0), line[name]) for line in lines if name in line], run, colours[run])
        panel.set_title(name, fontsize="medium")
        panel.set_xlabel("step")
        panel.grid(alpha=0.3)
        if len(curves) > 1:
            panel.legend(fontsize="small")
    for (label, found), panel in zip(figures.items(), panels[len(names) :], strict=False):
        _intervals(panel, found, colours)
        panel.set_title(label, fontsize="medium")
    buffer = BytesIO()
    plot.savefig(buffer, dpi=100, format="png")
    return buffer.getvalue()


def _runs(curves: Mapping[str, Curve], figures: Mapping[str, Mapping[str, Interval]]) -> list[str]:
    return list(dict.fromkeys([*curves, *(run for found in figures.values() for run in found)]))


def _curve(panel: Any, points: Sequence[tuple[float, float]], run: str, colour: str) -> None:
    if points:
        marker = "." if len(points) < _DOTTED else ""
        panel.plot(*zip(*points, strict=True), marker=marker, label=run, color=colour)


def _intervals(panel: Any, found: Mapping[str, Interval], colours: Mapping[str, str]) -> None:
    for place, (run, each) in enumerate(found.items()):
        reach = [[each.value - each.low], [each.high - each.value]]
        panel.errorbar([each.value], [place], xerr=reach, fmt="o", capsize=4, color=colours[run])
    panel.set_yticks(range(len(found)), found)
    panel.set_ylim(len(found) - 0.5, -0.5)
    panel.grid(alpha=0.3, axis="x")
