"""`python -m bench.start`: how long commands and the site take to start, the first query, and resident memory.

Part "start" of docs/performance.md. SQLite, FAISS and the built-in models.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import django
import numpy as np

from bench import installation, memory, query, report
from bench.client import Client
from bench.photos import photos

PYTHON = "python -c pass"
COMMANDS = {
    PYTHON: [sys.executable, "-c", "pass"],
    **{
        f"manage.py {arguments}": [*installation.MANAGE, *arguments.split()]
        for arguments in ("--version", "--help", "check", "showmigrations", "migrate --check")
    },
}
ROUNDS = 5
STARTS, FIRST = 5, 10
PHOTOS = 24
LONGEST_SECONDS = 600.0
COMMAND_S, READY_S, RESIDENT_MB = 1.0, 5.0, 700  # at most
KINDS = ("web", "worker")

Sizes = dict[str, memory.Process]
"""The largest process of web and of worker."""


@dataclass
class Starts:
    """Seconds from `manage.py run` to the first answer; of the first queries after each start; and memory."""

    ready: list[float] = field(default_factory=list)
    queries: list[list[float]] = field(default_factory=list)
    started: Sizes = field(default_factory=dict)
    worked: Sizes = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.start", description=__doc__)
    parser.add_argument("--starts", type=int, default=STARTS)
    parser.add_argument("--photos", type=int, default=PHOTOS, help="that are worked on before memory is looked at")
    parser.add_argument("--report", type=Path, default=report.REPORT, help=f"default {report.REPORT.name}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmsite-bench-") as folder:
        variables = installation.environment(Path(folder))
        os.environ.update(variables)
        django.setup()
        with installation.running(variables) as site:
            work_on(site, options.photos, Starts())
        commands = {name: [seconds(command) for _ in range(ROUNDS)] for name, command in COMMANDS.items()}
        starts = Starts()
        for number in range(options.starts):
            with installation.running(variables) as site:
                starts.ready.append(site.ready_seconds)
                starts.queries.append(first_queries(site, number))
                starts.started = sizes(site)
                if number == options.starts - 1:
                    work_on(site, options.photos, starts)
    lines = report_lines(commands, starts, options.photos)
    report.write(options.report, "start", lines)
    print("\n".join(lines))


def seconds(command: Sequence[str]) -> tuple[float, float]:
    """Of the clock, and of the processor."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=installation.ROOT)
    clock, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def first_queries(site: installation.Installation, number: int) -> list[float]:
    """Of the first queries after a start, in their order; others after each start, so that none has its own place."""
    client, took = Client(site.url), []
    for text in np.roll(query.QUERIES, 7 * number)[:FIRST]:
        started = time.perf_counter()
        client.search(str(text))
        took.append(time.perf_counter() - started)
    return took


def work_on(site: installation.Installation, count: int, starts: Starts) -> None:
    """Upload photos and wait until all is done, the text in them too; what memory that took, and what is left of it."""
    from gallery.models import Stage

    client = Client(site.url)
    for number, photo in enumerate(photos(count, seed=len(starts.ready))):
        client.upload(f"{number}.jpg", photo)
    end = time.monotonic() + LONGEST_SECONDS
    while Stage.objects.filter(state__in=Stage.OPEN).exists() and time.monotonic() < end:
        time.sleep(0.5)
    time.sleep(2)
    starts.worked = sizes(site)


def sizes(site: installation.Installation) -> Sizes:
    kinds = memory.of_site(site.supervisor.pid)
    return {kind: max(kinds[kind], key=lambda each: each.rss) for kind in KINDS}


def report_lines(commands: dict[str, list[tuple[float, float]]], starts: Starts, count: int) -> list[str]:
    queries = np.array(starts.queries)
    ratios = queries[:, 0] / queries[:, -1]
    first, tenth = np.median(queries[:, 0]) * 1_000, np.median(queries[:, -1]) * 1_000
    bare = np.median(commands[PYTHON], axis=0)[1]
    return [
        "## Memory and start",
        "",
        f"{report.machine()}, by `python -m bench.start --starts {len(starts.ready)} --photos {count}`, with the "
        f"built-in models, SQLite and FAISS. Medians of {ROUNDS} runs; the baseline is Python by itself. None of these "
        f"commands loads a model; each is to take at most {COMMAND_S:g} s.",
        "",
        "| | seconds | of processor time | ratio |",
        "|---|---|---|---|",
        *(
            "| {} | {:.2f} | {:.2f} | {:.1f} |".format(
                name, *np.median(took, axis=0), np.median(took, axis=0)[1] / bare
            )
            for name, took in commands.items()
        ),
        "",
        f"From `manage.py run` to the first answer, the text tower being warm, in {len(starts.ready)} starts: "
        f"{np.median(starts.ready):.1f} s in the median, {max(starts.ready):.1f} at most; at most {READY_S:g} is asked "
        "for.",
        f"The first query after a start took {first:.0f} ms, the tenth {tenth:.0f} (medians): a ratio of "
        f"{np.median(ratios):.2f}, where 1 is asked for.",
        "",
        f"Resident memory of the largest process of each kind: after a start and {FIRST} queries, at most until "
        f"{count} photos of 1,600 x 1,200 were uploaded, described, embedded and read, and after that; {RESIDENT_MB} "
        "MB is asked for. The share is what remains where pages that several processes have are split among them.",
        "",
        "| | started, MB | at most | afterwards | its share |",
        "|---|---|---|---|---|",
        *(
            f"| {name} | {starts.started[name].rss:.0f} | {starts.worked[name].peak:.0f} | "
            f"{starts.worked[name].rss:.0f} | {starts.worked[name].pss:.0f} |"
            for name in KINDS
        ),
    ]


if __name__ == "__main__":
    main()
