"""`python -m bench.load`: many upload and search at once, and what became of it.

Part "load" of docs/reliability.md. SQLite, FAISS and the built-in models on one machine, which the ones who ask use
too. Each uploader has so many photos and spreads them over nine tenths of the time; each searcher asks, reads for a
while and asks again. Each of them is somebody else, with a token of their own, and searches what is public. Before they
begin, some photos are uploaded and searched for until every model has worked, since what is loaded by then stays.
"""

import argparse
import hashlib
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import urllib3

from bench import installation, memory, report
from bench.search import prepare, questions
from bench.upload import is_open

REPORT = report.REPORT.with_name("reliability.md")
PICTURES, MINUTES, UPLOADERS, EACH, SEARCHERS = 10_000, 10.0, 20, 50, 20
READING_SECONDS = 2.0  # what a searcher takes to look at what was found
SHARE_OF_TIME = 0.9  # in which the uploads come, so that searches go on after them
DRAIN_SECONDS = 900.0
LOOK_SECONDS = 10.0
QUERIES = 400  # different ones
WARM_UP = 8  # photos
WELL, NO_ANSWER = (200, 201), 0
SEARCH_MS, UPLOAD_MS = 300, 1_000  # at most, for 95 of 100


@dataclass
class Ledger:
    """What was asked and answered. `seconds` by kind; `kept`: the SHA-256 of each picture that the site said it has;
    `resident`: when, in seconds, and MB of web and worker, at each look."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {"upload": [], "search": []})
    statuses: Counter[int] = field(default_factory=Counter)
    kept: dict[str, str] = field(default_factory=dict)
    resident: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: {"web": [], "worker": []})
    longest_queue: int = 0
    drained_seconds: float = 0.0
    lost: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, kind: str, seconds: float, status: int) -> None:
        with self.lock:
            self.seconds[kind].append(seconds)
            self.statuses[status] += 1


@dataclass(frozen=True)
class Person:
    """One with a token of the API."""

    url: str
    token: str
    pool: urllib3.PoolManager

    def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        """Status and body; NO_ANSWER and None where there is none."""
        headers = {"Authorization": f"Bearer {self.token}"}
        try:
            answer = self.pool.request(method, f"{self.url}/api/v1{path}", headers=headers, redirect=False, **more)
        except urllib3.exceptions.HTTPError:
            return NO_ANSWER, None
        return answer.status, answer.json() if answer.status in WELL else None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--uploaders", type=int, default=UPLOADERS)
    parser.add_argument("--each", type=int, default=EACH, help="photos of each uploader")
    parser.add_argument("--searchers", type=int, default=SEARCHERS)
    parser.add_argument("--folder", type=Path, help="where the site is kept, and found again, instead of a new one")
    parser.add_argument("--report", type=Path, default=REPORT)
    options = parser.parse_args()
    temporary = tempfile.TemporaryDirectory(prefix="mmsite-bench-")
    with nullcontext(options.folder) if options.folder else temporary as folder:
        variables = prepare(Path(folder), options.pictures)
        tokens = tokens_of(options.uploaders + options.searchers)
        with installation.running(variables) as site:
            pool = urllib3.PoolManager(maxsize=len(tokens), retries=False)
            people = [Person(site.url, token, pool) for token in tokens]
            warm_up(people)
            ledger = bear(site, people[: options.uploaders], people[options.uploaders :], options)
    lines = report_lines(ledger, options)
    report.write(options.report, "load", lines)
    print("\n".join(lines))
    if ledger.lost or failures(ledger):
        sys.exit("Something was lost, or failed: see above.")


def tokens_of(number: int) -> list[str]:
    """Tokens of so many people, who are made; and what is in the library is public from now on."""
    from api.models import Token
    from api.tokens import token_create
    from gallery import services
    from gallery.models import Image, User, Visibility

    services.images_set_visibility(images=Image.objects.all(), visibility=Visibility.PUBLIC)
    people = [User.objects.get_or_create(username=f"person-{n}")[0] for n in range(number)]
    scopes = [Token.Scope.READ, Token.Scope.WRITE]
    return [token_create(owner=person, name="load", scopes=scopes).secret for person in people]


def warm_up(people: Sequence[Person]) -> None:
    """Have every model work, the reader of text too, and every person search once."""
    from gallery.models import Stage

    ledger = Ledger()
    upload(people[0], len(people), photos_of(len(people), WARM_UP), time.monotonic(), ledger)
    if len(ledger.kept) < WARM_UP:
        sys.exit(f"The site took only {len(ledger.kept)} of {WARM_UP} photos: {dict(ledger.statuses)}")
    for person, (_, text) in zip(people, questions(QUERIES), strict=False):
        person.ask("GET", "/search/", fields={"q": text})
    end = time.monotonic() + DRAIN_SECONDS
    while Stage.objects.filter(state__in=Stage.OPEN).exists() and time.monotonic() < end:
        time.sleep(1)


def bear(
    site: installation.Installation,
    uploaders: Sequence[Person],
    searchers: Sequence[Person],
    options: argparse.Namespace,
) -> Ledger:
    photos = [photos_of(n, options.each) for n in range(len(uploaders))]
    ledger, end = Ledger(), time.monotonic() + options.minutes * 60
    threads = [
        threading.Thread(target=upload, args=(person, n, photos[n], end, ledger)) for n, person in enumerate(uploaders)
    ]
    threads += [threading.Thread(target=search, args=(person, n, end, ledger)) for n, person in enumerate(searchers)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        look(site, ledger)
        time.sleep(min(LOOK_SECONDS, max(0.1, end - time.monotonic())))
    drain(site, ledger)
    check(uploaders, ledger)
    return ledger


def upload(person: Person, number: int, photos: Sequence[bytes], end: float, ledger: Ledger) -> None:
    """Send the photos by `end`, at moments that each person's own dice choose."""
    started = time.monotonic()
    pause = (end - started) * SHARE_OF_TIME / len(photos)
    dice = random.Random(number)
    for n, photo in enumerate(photos):
        time.sleep(max(0.0, started + (n + dice.random()) * pause - time.monotonic()))
        begun = time.perf_counter()
        status, said = person.ask("POST", "/images/", fields={"file": (f"{number}-{n}.jpg", photo, "image/jpeg")})
        ledger.note("upload", time.perf_counter() - begun, status)
        if status in WELL:
            with ledger.lock:
                ledger.kept[said["uuid"]] = hashlib.sha256(photo).hexdigest()


def photos_of(number: int, each: int) -> list[bytes]:
    from bench.photos import photos

    return list(photos(each, seed=1_000 + number))


def search(person: Person, number: int, end: float, ledger: Ledger) -> None:
    dice = random.Random(number)
    asked = [text for _, text in questions(QUERIES)]
    time.sleep(dice.uniform(0, READING_SECONDS))
    while time.monotonic() < end:
        begun = time.perf_counter()
        status, _ = person.ask("GET", "/search/", fields={"q": dice.choice(asked)})
        ledger.note("search", time.perf_counter() - begun, status)
        time.sleep(READING_SECONDS)


def look(site: installation.Installation, ledger: Ledger) -> None:
    from gallery import stages

    ledger.longest_queue = max(ledger.longest_queue, stages.counts().open)
    kinds = memory.of_site(site.supervisor.pid)
    for kind, looks in ledger.resident.items():
        looks.append((time.monotonic(), max((one.rss for one in kinds[kind]), default=0.0)))


def drain(site: installation.Installation, ledger: Ledger) -> None:
    """Wait until all that was taken in is ready, but for what comes later by itself."""
    begun = time.monotonic()
    while is_open():
        if time.monotonic() - begun > DRAIN_SECONDS:
            ledger.lost.append(f"The queue was not empty after {DRAIN_SECONDS:.0f} s.")
            return
        look(site, ledger)
        time.sleep(1)
    ledger.drained_seconds = time.monotonic() - begun


def check(uploaders: Sequence[Person], ledger: Ledger) -> None:
    """Each picture that the site said it has is there, byte for byte, with renditions, a caption and a vector."""
    from gallery.models import Image, Stage

    for uuid, sha256 in ledger.kept.items():
        image = Image.objects.filter(uuid=uuid).first()
        if image is None or hashlib.sha256(image.original.read()).hexdigest() != sha256:
            ledger.lost.append(f"{uuid} is not there as it came.")
        elif not (image.renditions.exists() and image.description and image.embeddings.exists()):
            states = dict(Stage.objects.filter(image=image).values_list("step", "state"))
            ledger.lost.append(f"{uuid} is not ready: {states}.")


def report_lines(ledger: Ledger, options: argparse.Namespace) -> list[str]:
    other = {status: count for status, count in ledger.statuses.items() if status not in WELL}
    looks = {name: tuple(zip(*seen, strict=True)) for name, seen in ledger.resident.items()}
    kinds = (("searches", "search", SEARCH_MS), ("uploads, until acknowledged", "upload", UPLOAD_MS))
    return [
        f"{report.machine()}, by `python -m bench.load --pictures {options.pictures} --minutes {options.minutes:g} "
        f"--uploaders {options.uploaders} --each {options.each} --searchers {options.searchers}`; those who ask run on "
        f"the same cores. Searchers read for {READING_SECONDS:g} s between two searches.",
        "",
        "| | number | p50 ms | p95 ms | p95 at most |",
        "|---|---|---|---|---|",
        *(
            "| {} | {:,} | {:.0f} | {:.0f} | {:,} |".format(
                name, len(ledger.seconds[kind]), *percentiles(ledger.seconds[kind]), goal
            )
            for name, kind, goal in kinds
        ),
        "",
        f"- Acknowledged: {len(ledger.kept):,} pictures; lost or not ready: {len(ledger.lost):,}. "
        f"Requests without an answer, or one of 500 and above: {failures(ledger):,}; by status, but for 200 and 201: "
        f"{other or 'none'}.",
        f"- The queue held {ledger.longest_queue:,} steps at most, and was empty {ledger.drained_seconds:.0f} s after "
        "the end.",
        *(
            f"- Memory of {name}: {sizes[0]:.0f} MB at the beginning, every model loaded and used; half of the time "
            f"below {np.median(sizes):.0f}, {max(sizes):.0f} at most, {sizes[-1]:.0f} at the end; "
            f"{growth(times, sizes):+.1f} MB a minute."
            for name, (times, sizes) in looks.items()
        ),
        *(f"- {sentence}" for sentence in ledger.lost[:20]),
    ]


def growth(seconds: Sequence[float], sizes: Sequence[float]) -> float:
    """MB a minute, by least squares."""
    if len(sizes) < 2:
        return 0.0
    minutes = (np.array(seconds) - seconds[0]) / 60
    return float(np.polyfit(minutes, sizes, 1)[0])


def failures(ledger: Ledger) -> int:
    return sum(count for status, count in ledger.statuses.items() if status == NO_ANSWER or status >= 500)


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """The median and the 95th, in ms."""
    half, most = np.percentile(seconds, [50, 95]) * 1_000 if seconds else (0.0, 0.0)
    return float(half), float(most)


if __name__ == "__main__":
    main()
