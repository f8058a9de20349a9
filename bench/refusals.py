"""`python -m bench.refusals`: whether the time of a refusal tells that there is something to refuse.

One who has signed in asks for what they may not see, and for what isn't there, in turn, by every address and method of
the tests of access (tests/access/table.py). Part "refusals" of docs/security.md: the difference of the two, beside that
of two halves of the answers about nothing, which is what chance makes of it.
"""

import argparse
import gc
import logging
import os
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django
import numpy as np

from bench import report

if TYPE_CHECKING:
    from tests.access.world import World

ROUNDS = 30
ASKS = ("what isn't there", "what isn't theirs", "what isn't there, again")
MEDIA = {"rendition", "original", "download", "heat", "looks", "api:rendition", "api:original", "api:heat"}
PAGE = Path(__file__).resolve().parent.parent / "docs" / "security.md"
Times = dict[str, list[list[float]]]
"""Seconds by kind of route: of each round, the sum over its addresses for each of ASKS."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.refusals", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--report", type=Path, default=PAGE)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmsite-bench-") as folder:
        os.environ |= {"MMSITE_DATA_DIR": folder, "DJANGO_SETTINGS_MODULE": "mmsite.settings.test"}
        lines = report_lines(*measure(_world(), options.rounds))
    report.write(options.report, "refusals", lines)
    print("\n".join(lines))


def _world() -> "World":
    """The people and pictures of the tests of access, in a new site."""
    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    from tests.access.world import World

    settings.ALLOWED_HOSTS = ["testserver"]
    settings.API_RATES = dict.fromkeys(settings.API_RATES)
    logging.disable(logging.WARNING)
    call_command("migrate", verbosity=0)
    return World()


def measure(world: "World", rounds: int) -> tuple[Times, dict[str, int]]:
    """What each round took, and how many addresses and methods of a kind there are."""
    from tests.access.pictures import ABSENT
    from tests.access.table import ASKED
    from tests.access.test_who_sees_what import answer

    other, nothing, theirs = world.people["other"], world.subjects[ABSENT], world.subjects["private"]
    asks = [asked for asked in ASKED if not asked.may("other", "private") and not asked.route.startswith("link")]
    times: Times = defaultdict(list)
    numbers: dict[str, int] = defaultdict(int)
    for asked in asks:
        numbers[kind_of(asked)] += 1
    gc.disable()  # or it falls on one of the three, whoever made the garbage
    for each in range(-1, rounds):  # the first loads what is loaded once
        sums: dict[str, list[float]] = defaultdict(lambda: [0.0] * len(ASKS))
        for asked in asks:
            for shift in range(len(ASKS)):
                of = (each + shift) % len(ASKS)
                started = time.thread_time()
                answer(other, asked, theirs if of == 1 else nothing)
                sums[kind_of(asked)][of] += time.thread_time() - started
        gc.collect()
        if each >= 0:
            for kind, taken in sums.items():
                times[kind].append(taken)
    return times, numbers


def kind_of(asked: Any) -> str:
    if asked.route in MEDIA:
        return "media"
    if "search" in asked.route or asked.route == "judge":
        return "searches"
    where = "API" if asked.route.startswith("api:") else "pages"
    return f"{where}, to {'read' if asked.method in ('get', 'head') else 'change'}"


def report_lines(times: Times, numbers: dict[str, int]) -> list[str]:
    rounds = len(next(iter(times.values())))
    lines = [
        "## How long a refusal takes",
        "",
        f"{report.machine()}, by `python -m bench.refusals --rounds {rounds}`, on SQLite:",
        "CPU time of a refusal in ms, the median of all rounds, asked in turn. The last two columns are the median of",
        "the differences within a round, with its standard error: between what isn't theirs and what isn't there, and",
        "between two askings for what isn't there.",
        "",
        "| | addresses | isn't there | isn't theirs | difference | of the same, twice |",
        "|---|---|---|---|---|---|",
    ]
    for kind, taken in sorted(times.items()):
        absent, theirs, again = np.array(taken).T * 1_000 / numbers[kind]
        told, chance = theirs - (absent + again) / 2, again - absent
        lines.append(
            f"| {kind} | {numbers[kind]} | {np.median(absent):.3f} | {np.median(theirs):.3f} "
            f"| {_of_rounds(told)} | {_of_rounds(chance)} |"
        )
    return lines


def _of_rounds(differences: "np.ndarray") -> str:
    """The median and its standard error, by the quartiles."""
    low, high = np.percentile(differences, [25, 75])
    return f"{np.median(differences):+.3f} ± {1.253 * (high - low) / 1.349 / len(differences) ** 0.5:.3f}"


if __name__ == "__main__":
    main()
