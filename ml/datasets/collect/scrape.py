"""A data set of one's own: queries with captions, a search page in a real browser, and the pictures that it finds."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from ml.datasets.collect import queries, report
from ml.datasets.collect.browser import Find, SearchPage, chromium
from ml.datasets.collect.collection import LICENCE, Collection, collect, collecting
from ml.datasets.collect.downloads import Downloads, Wish
from ml.datasets.collect.limits import Limits
from ml.datasets.collect.queries import Query
from ml.datasets.collect.robots import Robots
from ml.datasets.collect.sites import Site
from ml.datasets.examples import Split
from ml.errors import DatasetError

KIND = "scrape"


def scrape(
    path: Path,
    output: Path,
    *,
    split: Split,
    site: Site,
    limits: Limits,
    per_query: int,
    rate: float,
    obey_robots: bool = True,
    headful: bool = False,
    licence: str = "",
) -> str:
    """Search for each query of a file, and keep `per_query` pictures of each; goes on where an earlier call stopped.

    `rate` is in seconds between two actions on the search page. Returns the figures in a few words. Raises DatasetError
    where the queries are wrong, there is no browser, or the site forbids or blocks this; Stopped on Ctrl-C. What was
    collected is kept in each case.
    """
    wanted = queries.read(path)
    robots = Robots(limits) if obey_robots else None
    with collecting(output, split, kind=KIND, licence=licence or site.licence or LICENCE) as collection:
        left = [query for query in wanted if _missing(collection, query, per_query)]
        if left:
            with chromium(headful=headful) as chrome, Downloads(limits, robots) as downloads:
                found = 0
                for query in tqdm(left, desc=split, unit="query"):
                    found += _one(collection, query, SearchPage(chrome, site, rate, robots), downloads, per_query)
                if not found and len(left) == len(wanted):  # else the selectors fitted for those that are done
                    raise DatasetError(
                        f"No query found a picture; see with --headful whether the selectors of {site.name} fit."
                    )
        return report.sentence(collection.journal)


def _one(collection: Collection, query: Query, page: SearchPage, downloads: Downloads, per_query: int) -> int:
    """Search for one query, and note that it is done when the page has no more. Says how many finds there were."""
    finds = _Finds(page.finds(query.text))
    missing = _missing(collection, query, per_query)
    with tqdm(desc=query.text[:30], unit="picture", leave=False) as bar:
        kept = collect(collection, (_wish(query, find) for find in finds), downloads, bar, enough=missing)
    if finds.trouble is not None:
        collection.notes.append(f"{finds.trouble} It stopped at the query {query.text!r}.")
        raise DatasetError(
            f"{finds.trouble} {report.sentence(collection.journal)} so far. The same command goes on from here."
        ) from finds.trouble
    if not finds.count:  # and perhaps only since a selector does not fit: it is searched again next time
        collection.notes.append(f"The query {query.text!r} found nothing.")
    elif kept < missing:
        collection.journal.note(_done(collection, query), "all")
    return finds.count


def _missing(collection: Collection, query: Query, per_query: int) -> int:
    """How many pictures a query lacks; none where the site has no more."""
    if collection.journal.fact(_done(collection, query)) is not None:
        return 0
    return max(per_query - collection.journal.count_kept(collection.split, query.text), 0)


def _done(collection: Collection, query: Query) -> str:
    return f"done {collection.split}: {query.text}"


def _wish(query: Query, find: Find) -> Wish:
    digest = hashlib.sha256(f"{query.text}\0{find.address}".encode("utf-8", "surrogatepass")).hexdigest()
    source = find.page or ("" if find.address.startswith("data:") else find.address)
    return Wish(digest[:24], find.address, query.captions, source, query.text)


class _Finds(Iterator[Find]):
    """Finds, counted. Where the page fails they end, so that what is under way is still collected."""

    def __init__(self, finds: Iterator[Find]) -> None:
        self._finds = finds
        self.count = 0
        self.trouble: DatasetError | None = None

    def __next__(self) -> Find:
        try:
            find = next(self._finds)
        except DatasetError as error:
            self.trouble = error
            raise StopIteration from error
        self.count += 1
        return find
