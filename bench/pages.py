"""`python -m bench.pages`: server time and SQL statements of every page that shows pictures, at 20,000 of them.

Part "pages" of docs/performance.md. SQLite and FAISS; each page through the same middleware, view and templates in one
process and thread.
"""

import argparse
import gc
import tempfile
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bench import installation, report
from bench.search import Counter, prepare

if TYPE_CHECKING:
    from django.test import Client

    from gallery.models import User

PICTURES = 20_000
TIMES = 20
ALBUMS = 20
IN_ALBUM = 500
TAGGED = 300
TRASHED = 100
PUBLIC = 5_000
GOAL_MS = 300
GOAL_STATEMENTS = 12


@dataclass
class Page:
    """`seconds`: of each time that it was asked for."""

    name: str
    address: str
    seconds: list[float] = field(default_factory=list)
    statements: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--pictures", type=int, default=PICTURES)
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--folder", type=Path, help="where the site is kept, and found again, instead of a new one")
    parser.add_argument("--report", type=Path, default=report.REPORT)
    options = parser.parse_args()
    temporary = tempfile.TemporaryDirectory(prefix="mmsite-bench-")
    with nullcontext(options.folder) if options.folder else temporary as folder:
        prepare(Path(folder), options.pictures)
        pages = measure(options.times)
    lines = report_lines(pages, options.pictures)
    report.write(options.report, "pages", lines)
    print("\n".join(lines))


def measure(times: int) -> list[Page]:
    from django.test import Client

    from gallery.models import User
    from search import engine, index

    owner = User.objects.get(username=installation.ADMIN)
    pages = pages_of(owner)
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(owner)
    engine.warm()
    index.get_indexes()
    for page in pages:
        _ask(client, page)  # what is loaded once
    gc.collect()
    gc.freeze()  # as the web's processes do
    for page in pages:
        page.seconds.clear()
        for _ in range(times):
            _ask(client, page)
    return pages


def pages_of(owner: "User") -> list[Page]:
    """The pages, of a library that has albums, tags, a trash and public pictures."""
    from django.urls import reverse

    from gallery.models import Album, Image
    from gallery.selectors import images_page

    own = Image.objects.filter(owner=owner)
    if not Album.objects.exists():
        _furnish(owner)
    later = images_page(images=own, cursor=None, size=5_000).next_cursor
    image = own.order_by("pk")[200]
    album = Album.objects.order_by("pk")[0]
    return [
        Page("library", reverse("library")),
        Page("library, from a month on", f"{reverse('library')}?at=2016-05"),
        Page("library, after 5,000 pictures", f"{reverse('library')}?after={later}"),
        Page("public pictures", reverse("public")),
        Page("picture", image.get_absolute_url()),
        Page("search: words", f"{reverse('search')}?q=a+black+dog+on+the+beach"),
        Page("search: words and filters", f"{reverse('search')}?q=black+dog+camera:canon+on:2016"),
        Page("search: filters alone", f"{reverse('search')}?q=camera:canon"),
        Page("albums", reverse("albums")),
        Page("album", album.get_absolute_url()),
        Page("tags", reverse("tags")),
        Page("duplicates", reverse("duplicates")),
        Page("review", reverse("review")),
        Page("trash", reverse("trash")),
    ]


def _furnish(owner: "User") -> None:
    """All of it or nothing: a library that was left half furnished would be measured as it is."""
    from django.db import transaction
    from django.utils import timezone

    from gallery.albums import album_add, album_create
    from gallery.models import Image, Visibility
    from gallery.tags import images_tag

    own = Image.objects.filter(owner=owner)
    keys = list(own.order_by("pk").values_list("pk", flat=True))
    oldest = list(own.order_by("sort_date").values_list("pk", flat=True)[:TRASHED])
    with transaction.atomic():
        for number in range(ALBUMS):
            album = album_create(owner=owner, title=f"Album {number}")
            begin = number * 100
            album_add(album=album, images=own.filter(pk__in=keys[begin : begin + IN_ALBUM]))
            images_tag(owner=owner, images=own.filter(pk__in=keys[begin : begin + TAGGED]), names=[f"tag {number}"])
        own.filter(pk__in=keys[:PUBLIC]).update(visibility=Visibility.PUBLIC)
        own.filter(pk__in=oldest).update(trashed_at=timezone.now())


def _ask(client: "Client", page: Page) -> None:
    from django.db import connection

    counter = Counter()
    started = time.thread_time()
    with connection.execute_wrapper(counter):
        answer = client.get(page.address)
    page.seconds.append(time.thread_time() - started)
    page.statements = max(page.statements, counter.count)
    if answer.status_code != 200:
        raise RuntimeError(f"{page.address} was answered {answer.status_code}")


def report_lines(pages: Sequence[Page], pictures: int) -> list[str]:
    lines = [
        f"## Every page at {pictures:,} pictures",
        "",
        f"{report.machine()}, by `make bench-pages`: CPU time of a page in one process and thread, in ms, and its SQL",
        f"statements, session and sign-in included. The goal is {GOAL_MS} ms and {GOAL_STATEMENTS} statements.",
        "",
        "| page | p50, ms | p95, ms | statements |",
        "|---|---|---|---|",
    ]
    for page in pages:
        p50, p95 = np.percentile(np.array(page.seconds) * 1_000, [50, 95])
        lines.append(f"| {page.name} | {p50:.0f} | {p95:.0f} | {page.statements} |")
    return lines


if __name__ == "__main__":
    main()
