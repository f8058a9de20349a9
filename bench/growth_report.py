"""What bench.growth measured: curves with their exponents, a picture of them, and the lines of the report."""

import io
import os
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from bench import report
from bench.sizing import IVF_FROM

# A second line fits better only where it leaves a fraction of the first's squared error, and is another one.
BEND_ERROR, BEND_EXPONENT = 0.25, 0.25
FEWEST = 3  # points of a line
NOTHING = 1e-3  # less, as where there are too few vectors for lists, wasn't measured
COLOURS = ("#1f4e79", "#c1440e", "#3a7d44", "#7b4ea3", "#b8860b", "#008b8b", "#666666")
MARKERS = "os^Dvx+"
KINDS = ("words", "words and filters", "without a word", "phrase", "like a picture", "filters alone")

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Curve:
    """`value`: of a row. `why`: what makes it bend or not, and what moves it; for people."""

    panel: str
    name: str
    value: Callable[[Row], float]
    why: str = ""


@dataclass(frozen=True)
class Line:
    """y = factor * n ** exponent from n = `first` to `last`."""

    first: int
    last: int
    exponent: float
    error: float


def _took(name: str, scale: float = 1.0) -> Callable[[Row], float]:
    return lambda row: scale * row["took"][name]["cpu"]


def _step(*names: str) -> Callable[[Row], float]:
    return lambda row: 1_000 * sum(row["steps"][name] for name in names)


def _queries(percentile: float, clock: str = "cpu", kinds: Sequence[str] = KINDS) -> Callable[[Row], float]:
    return lambda row: float(
        1_000 * np.percentile([each for kind in kinds for each in row["queries"][kind][clock]], percentile)
    )


SEARCH, STARTS, WORK, SIZE = "a search, CPU ms", "the index, CPU s", "a picture's way in, CPU ms", "memory and disk, MB"
CURVES = (
    Curve(
        SEARCH,
        "whole, p50",
        _queries(50),
        "The sum of those below: flat while the model's reading of the query outweighs what grows.",
    ),
    Curve(SEARCH, "whole, p95", _queries(95)),
    Curve(
        SEARCH,
        "text to vector",
        _step("text to vector"),
        "The model reads the query, not the library: only another model or machine moves it.",
    ),
    Curve(
        SEARCH,
        "vector index",
        _step("vector index"),
        "A call costs a millisecond, then every vector is read once, until from 200,000 on there are lists. Of these a "
        "query looks into the nearest that hold 32 rows for each hit that is wanted, 32,000 for the 1,000 of a search: "
        "so it takes about as long at any size from there on. Earlier lists (`ivf_threshold`) and Qdrant, on another "
        "machine, move it.",
    ),
    Curve(
        SEARCH,
        "full text",
        _step("full text"),
        "Of the pictures that hold frequent words, 3,000 are ranked however many there are, and only where those that "
        "hold all words don't fill the list; but those are found in lists that grow with the library, in which BM25 "
        "also counts how many hold each word. Rare words stay quick. PostgreSQL, which may have a machine of its own, "
        "ranks as many, and doesn't count.",
    ),
    Curve(
        SEARCH,
        "filters to ids",
        _step("filters to ids"),
        "What a filter passes is told to the index by ids, up to 50,000 of them; beyond that SQL takes out the rest: "
        "the line is linear where filters outweigh the statement itself, and flattens where most pass that limit.",
    ),
    Curve(
        SEARCH,
        "what may be seen",
        _step("what may be seen"),
        "The legs give 1,000 pictures each at most, looked up by id; what grows is filters alone, which count "
        "all that they pass in an index.",
    ),
    Curve(
        STARTS,
        "from the table",
        _took("follow"),
        "Every vector is read once. The snapshot spares it, and Qdrant keeps the index elsewhere.",
    ),
    Curve(
        STARTS,
        "making lists",
        lambda row: row["took"]["lists"]["cpu"] if row["pictures"] >= IVF_FROM else 0.0,
        "From 200,000 on, in a thread beside the searches: about √n lists are trained on 64 vectors each, and every "
        "vector is compared with all their centres, so about n^1.5.",
    ),
    Curve(
        STARTS,
        "from the snapshot",
        _took("load"),
        "The file is read and compared with the table's count: linear as soon as that outweighs two statements.",
    ),
    Curve(STARTS, "writing the snapshot", _took("save")),
    Curve(
        STARTS,
        "1,000 changes",
        _took("catch_up"),
        "Changes are read by their numbers from an index, whatever else there is; from 200,000 on each is compared "
        "with the centres of all lists.",
    ),
    Curve(
        STARTS,
        "the minute's sweep",
        _took("sweep"),
        "Every picture is asked whether it lacks a step: linear once that outweighs the other statements.",
    ),
    Curve(WORK, "whole", _took("upload", 1_000), "Models, decoding and files, which no library makes slower."),
    Curve(
        WORK,
        "near-duplicates",
        lambda row: 1_000 * row["upload"]["near-duplicates"],
        "Each picture is compared with the 50 that its vector is nearest to: a search in the index, and the reading of "
        "their greys, 2,860 bytes each, from all over the table.",
    ),
    Curve(WORK, "taking in", lambda row: 1_000 * row["upload"]["taking in"]),
    Curve(WORK, "claims", lambda row: 1_000 * row["upload"]["claims"]),
    Curve(WORK, "vectors", lambda row: 1_000 * row["upload"]["vectors"]),
    Curve(
        SIZE,
        "memory: index",
        lambda row: row["memory"]["index"],
        "2d + 16 bytes a picture, and what the arrays hold ready; from 200,000 on d + 12 more for "
        "the lists' 8-bit codes. Each web process holds it. What moves it: Qdrant, with `scalar` or `binary` "
        "quantization and vectors on disk (docs/operations.md has bytes for each), and `MMSITE_QDRANT_FALLBACK=0`.",
    ),
    Curve(
        SIZE,
        "memory: process",
        lambda row: row["memory"]["process"],
        "Model and code, and the index on top once it weighs more than they do.",
    ),
    Curve(
        SIZE,
        "disk: database",
        lambda row: row["disk"]["database"],
        "Rows are as large in any library; 2,860 bytes of each picture's are the greys that tell near-duplicates.",
    ),
    Curve(SIZE, "disk: snapshot", lambda row: row["disk"]["snapshot"]),
)


def fitted(numbers: Sequence[int], values: Sequence[float]) -> list[Line]:
    """Power laws by least squares of the logarithms: one, or two that share a point, where two tell clearly more.
    Points where there was nothing to do are left out; none where fewer than FEWEST are left."""
    points = [(number, value) for number, value in zip(numbers, values, strict=True) if value > NOTHING]
    if len(points) < FEWEST:
        return []
    one = _line(points)
    splits = [(_line(points[: at + 1]), _line(points[at:])) for at in range(FEWEST - 1, len(points) - FEWEST + 1)]
    two = min(splits, key=lambda pair: pair[0].error + pair[1].error, default=None)
    if two is None or abs(two[0].exponent - two[1].exponent) < BEND_EXPONENT:
        return [one]
    return list(two) if two[0].error + two[1].error < BEND_ERROR * one.error else [one]


def _line(points: Sequence[tuple[int, float]]) -> Line:
    x, y = np.log(np.array(points, dtype=float)).T
    exponent, constant = np.polyfit(x, y, 1)
    return Line(points[0][0], points[-1][0], float(exponent), float(((y - exponent * x - constant) ** 2).sum()))


def in_words(lines: Sequence[Line]) -> str:
    """`n^0.1 to 30,000, n^0.8 from there`."""
    if not lines:
        return ""
    first, *second = lines
    told = f"n^{_exponent(first)}"
    return f"{told} to {first.last:,}, n^{_exponent(second[0])} from there" if second else told


def _exponent(line: Line) -> str:
    return f"{abs(line.exponent):.2f}" if line.exponent > -0.005 else f"−{abs(line.exponent):.2f}"


def plot(rows: Sequence[Row], path: Path) -> None:
    """A panel for each group of curves, both axes logarithmic, on white, so that it is read on any page."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    numbers = [row["pictures"] for row in rows]
    panels = list(dict.fromkeys(curve.panel for curve in CURVES))
    figure, axes = plt.subplots(2, 2, figsize=(11, 9.5), layout="constrained", facecolor="white")
    for place, panel in zip(axes.flat, panels, strict=True):
        curves = [curve for curve in CURVES if curve.panel == panel]
        for curve, colour, marker in zip(curves, COLOURS, MARKERS, strict=False):
            values = [curve.value(row) for row in rows]
            shown = [(number, value) for number, value in zip(numbers, values, strict=True) if value > NOTHING]
            label = " ".join([curve.name, in_words(fitted(numbers, values))])
            if shown:
                place.plot(*zip(*shown, strict=True), marker=marker, color=colour, label=label, linewidth=1.5, ms=5)
        place.set(xscale="log", yscale="log", xlabel="pictures", title=panel[0].upper() + panel[1:])
        place.grid(which="major", color="#dddddd", linewidth=0.6)
        low, high = place.get_ylim()
        place.set_ylim(low, high * (high / low) ** 0.45)  # room for the names
        place.legend(fontsize=8, loc="upper left", framealpha=0.9)
        place.spines[["top", "right"]].set_visible(False)
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=90)
    plt.close(figure)
    # A palette: a fraction of the bytes, and nobody sees it.
    Image.open(drawn).convert("RGB").quantize(64, dither=Image.Dither.NONE).save(path, optimize=True)


def lines(rows: Sequence[Row]) -> list[str]:
    """The lines of the report."""
    numbers = [row["pictures"] for row in rows]
    return [
        f"## From {numbers[0]:,} to {numbers[-1]:,} pictures",
        "",
        f"{report.machine()}, by `make bench-growth`, with the built-in models, SQLite",
        "and FAISS. CPU time of one process on one thread, but for p50 by the clock; the machine's load over the last",
        f"15 minutes was {os.getloadavg()[2]:.1f}: far above 1, CPU time too is up to a third more.",
        "One person's library grows, every row in the site's own tables and all of it in the full text; its vectors",
        "lie in clouds of a few hundred around centres near real pictures. The queries are those of",
        "`make bench-search`, each new, by `search_images`, without the page around them. A picture's way in goes from",
        "its bytes until it is found and compared with all others. Memory is a process's own, without pages of files",
        "that processes share (models, SQLite's). Pictures' files, which grow by the picture, are left out. Exponents",
        "are of lines through logarithms: two, where they leave a quarter of the squared error and differ by 0.25.",
        "",
        "![Curves of searches, work, memory and disk](growth.png)",
        "",
        f"| | {' | '.join(f'{number:,}' for number in numbers)} | grows as |",
        "|---|" + "---|" * (len(numbers) + 1),
        *_table(rows, numbers),
        "",
        *_kinds(rows, numbers),
        "",
        *_why(rows, numbers),
    ]


def _table(rows: Sequence[Row], numbers: Sequence[int]) -> list[str]:
    told, panel = [], ""
    for curve in CURVES:
        if curve.panel != panel:
            panel = curve.panel
            told.append(f"| **{panel}** |" + " |" * (len(numbers) + 1))
        values = [curve.value(row) for row in rows]
        told.append(f"| {curve.name} | {' | '.join(map(_figure, values))} | {in_words(fitted(numbers, values))} |")
    return told


def _kinds(rows: Sequence[Row], numbers: Sequence[int]) -> list[str]:
    return [
        "By kind of query, p50 of CPU time in ms, and of all by the clock:",
        "",
        f"| | {' | '.join(f'{number:,}' for number in numbers)} |",
        "|---|" + "---|" * len(numbers),
        *(f"| {kind} | {' | '.join(_figure(_queries(50, kinds=[kind])(row)) for row in rows)} |" for kind in KINDS),
        f"| all, by the clock | {' | '.join(_figure(_queries(50, 'wall')(row)) for row in rows)} |",
    ]


def _why(rows: Sequence[Row], numbers: Sequence[int]) -> list[str]:
    told = _largest(rows)
    for curve in CURVES:
        if curve.why:
            grows = in_words(fitted(numbers, [curve.value(row) for row in rows])) or "too few points to say"
            what = f"{curve.panel.split(',')[0]}: {curve.name}"
            told.append(f"**{what[0].upper()}{what[1:]}**, {grows}. {curve.why}")
    wrapped = (textwrap.fill(f"- {each}", 118, subsequent_indent="  ", break_on_hyphens=False) for each in told)
    return ["What bends, why, and what moves it:", "", *wrapped]


def _largest(rows: Sequence[Row]) -> list[str]:
    told = []
    for row in (rows[0], rows[-1]):
        together = sum(row["steps"].values())
        best = sorted(row["steps"].items(), key=lambda step: -step[1])[:3]
        parts = ", ".join(f"{name} {1_000 * seconds:.0f} ms ({seconds / together:.0%})" for name, seconds in best)
        told.append(f"At {row['pictures']:,} pictures, of {1_000 * together:.0f} ms for a search on average: {parts}.")
    return told


def _figure(value: float) -> str:
    """Two figures, or whole numbers from 10 on; nothing where there was nothing to do."""
    if value <= NOTHING:
        return ""
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
