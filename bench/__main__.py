"""`python -m bench`: measures the main job on this machine and writes its part of docs/performance.md."""

import argparse
import os
import tempfile
from pathlib import Path

import django
import numpy as np

from bench import installation, memory, query, report, upload
from bench.client import Client
from bench.growth_library import Growing
from bench.photos import SIZE, photos

BASELINE_PHOTOS = 40


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--photos", type=int, default=200, help="how many to upload (default 200)")
    parser.add_argument("--vectors", type=int, default=8_000, help="how many to search among (default 8000)")
    parser.add_argument("--report", type=Path, default=report.REPORT, help=f"default {report.REPORT.name}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmsite-bench-") as folder:
        lines = measure(Path(folder), photo_count=options.photos, vector_count=options.vectors)
    report.write(options.report, "site", lines)
    print("\n".join(lines))


def measure(folder: Path, *, photo_count: int, vector_count: int) -> list[str]:
    """The lines of the report."""
    variables = installation.environment(folder)
    os.environ.update(variables)
    django.setup()
    pictures = list(photos(photo_count))
    with installation.running(variables):
        print("First start: done. Measuring the second…", flush=True)
    with installation.running(variables) as site:
        client = Client(site.url)
        print(f"Uploading {photo_count} photos…", flush=True)
        uploaded = upload.through_the_site(client, pictures)
        print(f"Filling up to {vector_count} vectors and searching…", flush=True)
        Growing(photo_count).grow(vector_count)
        client.search("the first query after the change")
        page = query.page_seconds(client)
        processes = memory.of_site(site.supervisor.pid)
    print("Measuring the baselines…", flush=True)
    bare = query.bare_seconds()
    baseline_pictures = pictures[:BASELINE_PHOTOS]
    alone = upload.one_at_a_time(baseline_pictures)
    return [
        *heading(),
        *upload_lines(uploaded, alone, photo_count, len(baseline_pictures)),
        *query_lines(page, bare, vector_count),
        *memory_lines(processes),
        *start_lines(site.start_seconds),
    ]


def heading() -> list[str]:
    return [f"{report.machine()}, by `python -m bench`, with the built-in models, SQLite and FAISS."]


def upload_lines(site: float, alone: float, count: int, baseline_count: int) -> list[str]:
    width, height = SIZE
    return [
        "",
        "## Upload to searchable",
        "",
        f"{count} JPEGs of {width} x {height} through the upload page's own requests, until each has its renditions,",
        "caption and vector. Baseline: the same models in a script that opens the picture anew for every step and",
        f"gives the models one picture a call, without web, database or queue ({baseline_count} of the same photos).",
        "",
        "| | seconds a picture | ratio |",
        "|---|---|---|",
        f"| baseline: one picture a call | {alone:.3f} | 1.00 |",
        f"| through the site | {site:.3f} | {site / alone:.2f} |",
    ]


def query_lines(page: "np.ndarray", bare: "np.ndarray", count: int) -> list[str]:
    return [
        "",
        f"## A query at {count:,} vectors",
        "",
        f"{len(page)} different queries, one after the other, each a whole search page over HTTP. Baseline: encoding",
        "the text and an exact float32 scan of the same vectors in torch, without a site.",
        "",
        "| | p50, ms | p95, ms | ratio of p50 |",
        "|---|---|---|---|",
        f"| baseline: encode and scan | {_percentiles(bare)} | 1.00 |",
        f"| through the page | {_percentiles(page)} | {np.median(page) / np.median(bare):.2f} |",
    ]


def memory_lines(processes: dict[str, list[memory.Process]]) -> list[str]:
    lines = [
        "",
        "## Resident memory",
        "",
        "After the work above: the largest process of each kind, and all of them with shared pages counted once.",
        "",
        "| | largest process, MB | all together, MB |",
        "|---|---|---|",
    ]
    for label, kind in (("web (gunicorn)", "web"), ("worker (qcluster)", "worker")):
        group = processes[kind]
        largest, together = max(process.rss for process in group), sum(process.pss for process in group)
        lines.append(f"| {label} | {largest:.0f} | {together:.0f} |")
    return lines


def start_lines(seconds: float) -> list[str]:
    return [
        "",
        "## Start",
        "",
        f"Second start, from `manage.py setup` to the first answer with the text tower warm: {seconds:.1f} s.",
    ]


def _percentiles(seconds: "np.ndarray") -> str:
    p50, p95 = np.percentile(seconds * 1_000, [50, 95])
    return f"{p50:.1f} | {p95:.1f}"


if __name__ == "__main__":
    main()
