"""`make bench`: how many times as quick as its baseline each part is, against what it was when `make bench-full` last
ran (ratios.json). Fails where one fell by more than a third.

Each baseline is measured in the same run, in turns with what it is compared with, and in CPU time, so that neither
another machine nor what else runs on this one changes a ratio much. What fell is measured a second time, and counts as
fallen only if it has fallen then, too.

A bench plugs in by a function `ratios()` that gives such numbers by name, within seconds, and by its line in BENCHES.
"""

import argparse
import importlib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

from bench.apart import apart

BENCHES = ("bench.index", "bench.follow", "bench.query", "bench.here", "bench.captioning")
COMMITTED = Path(__file__).with_name("ratios.json")
LEAST = 2 / 3  # of the committed ratio
RUNS = 3  # that a committed ratio is the median of

Ratios = Mapping[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.guard", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {COMMITTED.name} anew instead of comparing")
    parser.add_argument("--of", help=argparse.SUPPRESS)  # what a process of its own is asked for
    options = parser.parse_args()
    if options.of:
        print(json.dumps(importlib.import_module(options.of).ratios()))
    elif options.write:
        runs = [measured(BENCHES) for _ in range(RUNS)]
        ratios = {name: round(median(run[name] for run in runs), 3) for name in runs[0]}
        COMMITTED.write_text(json.dumps(ratios, indent=2) + "\n", encoding="utf-8")
        print("\n".join(table(ratios, ratios)))
    else:
        sys.exit(compare(BENCHES, json.loads(COMMITTED.read_text(encoding="utf-8"))))


def compare(benches: Sequence[str], committed: Ratios) -> int:
    """Print what is and what was; the exit code."""
    found = {bench: measured([bench]) for bench in benches}
    for bench, ratios in found.items():
        if fallen(ratios, {name: committed[name] for name in ratios if name in committed}):
            again = measured([bench])
            found[bench] = {name: max(ratio, again[name]) for name, ratio in ratios.items()}
    ratios = {name: ratio for each in found.values() for name, ratio in each.items()}
    print("\n".join(table(ratios, committed)))
    low = fallen(ratios, committed)
    if low:
        print(f"Fell by more than a third, or wasn't measured: {', '.join(low)}")
    return 1 if low else 0


def measured(benches: Iterable[str]) -> dict[str, float]:
    """The ratios of these benches, each in a process of its own."""
    return {name: ratio for bench in benches for name, ratio in apart("bench.guard", "--of", bench).items()}


def fallen(ratios: Ratios, committed: Ratios) -> list[str]:
    """The names of those below LEAST of what is committed, and of those that are missing."""
    return [name for name, was in committed.items() if not ratios.get(name, 0.0) >= LEAST * was]


def table(ratios: Ratios, committed: Ratios) -> Sequence[str]:
    """A line for each, with what is only on one side, too."""
    names = [*committed, *(name for name in ratios if name not in committed)]
    width = max((len(name) for name in names), default=0)
    return [
        f"{'times as quick as its baseline':{width}}     now     was",
        *(f"{name:{width}} {_cell(ratios, name)} {_cell(committed, name)}" for name in names),
    ]


def _cell(ratios: Ratios, name: str) -> str:
    return f"{ratios[name]:7.2f}" if name in ratios else "      –"


if __name__ == "__main__":
    main()
