"""Plots of training runs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_AXES = {"step", "epoch"}


def plot_curves(lines: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw each figure of a run's curve over its steps, in a panel of its own, into a PNG."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(name for line in lines for name in line if name not in _AXES))
    figure = Figure(figsize=(8, 2.2 * max(1, len(names))), layout="constrained")
    panels = figure.subplots(max(1, len(names)), squeeze=False)[:, 0]
    for name, panel in zip(names, panels, strict=False):
        points = [(line.get("step", 0), line[name]) for line in lines if name in line]
        panel.plot(*zip(*points, strict=True), marker="." if len(points) < 50 else "")
        panel.set_ylabel(name)
        panel.grid(alpha=0.3)
    panels[-1].set_xlabel("step")
    figure.savefig(path, dpi=100)
