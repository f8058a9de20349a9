"""`python -m bench.index`: the built-in vector index against numpy's exact product and FAISS's flat index.

Then how fast a process takes in the vectors of a table, and starts from a snapshot. Each case runs apart.
"""

import argparse
import ctypes
import gc
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt

from bench import report, vectors
from bench.apart import apart
from search.backends.base import Match, Point
from search.backends.faiss import FaissIndex

TOP, LIMIT, QUERIES, TURN = 10, 50, 100, 10
OWNERS = 10  # each has a tenth; the filter asks for one of them
OWNER = 3
PIECE = 4_000
GUARDED = 30_000  # vectors

Search = Callable[[vectors.Floats, bool], npt.NDArray[np.int64]]


@dataclass(frozen=True)
class Row:
    """One line of the table. Seconds, MB and milliseconds; `p50` and so on without and with the filter."""

    size: int
    kind: str
    name: str
    build: float
    memory: float
    p50: tuple[float, float]
    p95: tuple[float, float]
    recall: tuple[float, float]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.index", description=__doc__)
    parser.add_argument("--sizes", default="10000,100000,1000000", help="numbers of vectors (default %(default)s)")
    parser.add_argument("--kinds", default="random,clustered", help="default %(default)s")
    parser.add_argument(
        "--table", type=int, default=100_000, help="vectors in the table to follow (default %(default)s)"
    )
    parser.add_argument("--report", type=Path, default=report.REPORT, help=f"default {report.REPORT.name}")
    parser.add_argument("--case", help=argparse.SUPPRESS)  # what a process of its own is asked to do
    options = parser.parse_args()
    if options.case:
        kind, size = options.case.split(":")
        print(json.dumps([asdict(row) for row in measure(kind, int(size))]))
        return
    cases = [f"{kind}:{size}" for size in options.sizes.split(",") for kind in options.kinds.split(",")]
    rows = [row for case in cases for row in apart("bench.index", "--case", case)]
    followed = apart("bench.follow", str(options.table))
    lines = [*index_lines(rows), *follow_lines(followed)]
    report.write(options.report, "index", lines)
    print("\n".join(lines))


def measure(kind: vectors.Kind, size: int) -> list[Row]:
    """A row for each index, over the same vectors and queries."""
    before = resident()
    rows = vectors.stored(kind, size)
    costs = {"numpy, float32": (0.0, resident() - before)}
    owners = np.arange(size) % OWNERS
    wanted = owners == OWNER
    searches: dict[str, Search] = {"numpy, float32": _numpy(rows, wanted)}

    before, started = resident(), time.perf_counter()
    flat = faiss.IndexFlatIP(vectors.DIMENSION)
    flat.add(rows)
    costs["faiss.IndexFlatIP"] = time.perf_counter() - started, resident() - before
    searches["faiss.IndexFlatIP"] = _flat(flat, wanted)

    before = resident()
    index, seconds = _built(rows, owners)
    name = "FaissIndex, every vector" if index.is_exact else "FaissIndex, lists"
    costs[name] = seconds, resident() - before
    searches[name] = _ours(index)

    asked = vectors.queries(rows, QUERIES)
    plain, filtered = (_timed(searches, asked, filtered) for filtered in (False, True))
    return [Row(size, kind, name, *costs[name], *zip(plain[name], filtered[name], strict=True)) for name in searches]


def ratios() -> dict[str, float]:
    """How many times as quick as FAISS's own scan of the same codes a query is, where every vector is looked at. Not
    numpy's scan, which waits for memory instead of the processor, so that what else runs on the machine changes their
    ratio; and neither lists nor a filter, whose queries are too short to be told apart on a busy one."""
    rows = vectors.stored("clustered", GUARDED)
    owners = np.arange(GUARDED) % OWNERS
    halves = faiss.IndexScalarQuantizer(vectors.DIMENSION, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    halves.add(rows)
    searches = {"FAISS alone": _flat(halves, owners == OWNER), "ours": _ours(_built(rows, owners)[0])}
    timed = _timed(searches, vectors.queries(rows, QUERIES), filtered=False)
    return {"index, every vector": timed["FAISS alone"][0] / timed["ours"][0]}


def _built(rows: vectors.Floats, owners: npt.NDArray[np.int64], **options: int) -> tuple[FaissIndex, float]:
    """The index, and the seconds that it took to take the vectors in and to prepare for searches."""
    index, seconds = FaissIndex(dimension=vectors.DIMENSION, **options), 0.0
    for start in range(0, len(rows), PIECE):
        piece = range(start, min(start + PIECE, len(rows)))
        points = [Point(key, rows[key], {"owner": int(owners[key])}) for key in piece]
        started = time.perf_counter()
        index.upsert(points)
        seconds += time.perf_counter() - started
    started = time.perf_counter()
    index.maintain()
    return index, seconds + time.perf_counter() - started


def _numpy(rows: vectors.Floats, wanted: npt.NDArray[np.bool_]) -> Search:
    some = np.flatnonzero(wanted)  # picking them out first takes a fraction of the time of masking their scores

    def search(query: vectors.Floats, filtered: bool) -> npt.NDArray[np.int64]:
        scores = (rows[some] if filtered else rows) @ query
        best = np.argpartition(scores, -LIMIT)[-LIMIT:]
        best = best[np.argsort(-scores[best])]
        return some[best] if filtered else best

    return search


def _flat(index: faiss.Index, wanted: npt.NDArray[np.bool_]) -> Search:
    bits = np.packbits(wanted, bitorder="little")

    def search(query: vectors.Floats, filtered: bool) -> npt.NDArray[np.int64]:
        only = faiss.SearchParameters(sel=faiss.IDSelectorBitmap(bits)) if filtered else None
        return index.search(query[None], LIMIT, params=only)[1][0]

    return search


def _ours(index: FaissIndex) -> Search:
    def search(query: vectors.Floats, filtered: bool) -> npt.NDArray[np.int64]:
        hits = index.search(query, limit=LIMIT, where=Match("owner", (OWNER,)) if filtered else None)
        return np.array([hit.key for hit in hits])

    return search


def _timed(searches: dict[str, Search], asked: vectors.Floats, filtered: bool) -> dict[str, tuple[float, float, float]]:
    """p50 and p95 in ms of CPU time, and recall@10 against the first, by name. They take turns of ten queries, so that
    whatever else the machine does falls on all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in searches}
    answers: dict[str, list[set[int]]] = {name: [] for name in searches}
    for start in range(-TURN, len(asked), TURN):  # the first turn only warms up
        for name, search in searches.items():
            for query in asked[max(start, 0) :][:TURN]:
                started = time.thread_time()
                answer = search(query, filtered)
                took = time.thread_time() - started
                if start >= 0:
                    seconds[name].append(took * 1_000)
                    answers[name].append({int(key) for key in answer[:TOP]})
    exact = next(iter(answers.values()))
    return {
        name: (
            *(float(each) for each in np.percentile(seconds[name], [50, 95])),
            float(np.mean([len(right & got) / TOP for right, got in zip(exact, answers[name], strict=True)])),
        )
        for name in searches
    }


def resident() -> float:
    """MB that this process has in memory, after giving back what it no longer uses."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def index_lines(rows: "list[dict]") -> list[str]:
    return [
        "## The built-in vector index",
        "",
        f"{report.machine()}, by `make bench-index`.",
        "",
        f"CPU time of one query at a time, the best {LIMIT} of n vectors of {vectors.DIMENSION} numbers, on one thread "
        "(OMP_NUM_THREADS=1) for all;",
        f"{QUERIES} queries near the data and not in it. Random vectors lie evenly on the sphere, clustered ones in",
        f"Gaussian clouds of about {vectors.CLUSTER} (unit centres, noise of length {vectors.NOISE}, normalised). "
        "The filter passes one owner's",
        "tenth. Recall is that of the best ten, against numpy's exact float32 product with argpartition and sort.",
        "Memory is the growth of resident memory. FaissIndex keeps float16; from 200,000 vectors on it makes lists,",
        "where the vectors fall into any; build includes that.",
        "",
        "| n | vectors | index | build, s | memory, MB | p50, ms | p95, ms | to numpy | filtered: p50 | p95 | to numpy "
        "| recall@10 | filtered |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
        *_table(rows),
    ]


def _table(rows: "list[dict]") -> Iterator[str]:
    base = rows[0]
    for row in rows:
        if row["name"].startswith("numpy"):
            base = row
        cells = [f"{row['size']:,}", row["kind"], row["name"], f"{row['build']:.1f}", f"{row['memory']:,.0f}"]
        for filtered in (0, 1):
            p50, p95 = row["p50"][filtered], row["p95"][filtered]
            cells += [f"{p50:.2f}", f"{p95:.2f}", f"{p50 / base['p50'][filtered]:.3f}"]
        cells += [f"{recall:.3f}" for recall in row["recall"]]
        yield f"| {' | '.join(cells)} |"


def follow_lines(seen: dict[str, float]) -> list[str]:
    pace = seen["vectors"] / seen["follow"]
    return [
        "",
        f"A process that begins with nothing takes in {seen['vectors']:,} vectors from the table (SQLite) in "
        f"{seen['follow']:.1f} s of CPU time, {pace:,.0f} a second.",
        f"From the snapshot ({seen['snapshot']:.0f} MB, written in {seen['save']:.1f} s) it is level with the table in "
        f"{seen['start']:.2f} s.",
    ]


if __name__ == "__main__":
    main()
