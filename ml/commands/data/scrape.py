"""`python -m ml data scrape`: pictures for captions, from an image-search page in a real browser."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ml.commands import say
from ml.datasets.examples import SPLITS
from ml.errors import UsageError


def run(arguments: Sequence[str], prog: str) -> None:
    """Search, download, and print how many pictures were kept and dropped."""
    from ml.datasets.collect import scrape, sites
    from ml.datasets.collect.limits import add_limits, parsed_limits

    parser = argparse.ArgumentParser(
        prog=prog, description="Collect pictures for queries from an image-search page; goes on where it was stopped."
    )
    parser.add_argument("queries", type=Path, help='JSON Lines, {"query": …, "captions": […]}, or the same in tabs')
    parser.add_argument("output", type=Path, help="folder to write; what is there already is kept")
    parser.add_argument("--site", default="google", help="google, or a TOML file of selectors (default: %(default)s)")
    parser.add_argument("--split", choices=SPLITS, default="train", help="split to write (default: %(default)s)")
    parser.add_argument(
        "--per-query", type=int, default=20, metavar="N", help="pictures of each (default: %(default)s)"
    )
    parser.add_argument(
        "--rate", type=float, default=2.0, metavar="S", help="seconds between two pages (default: %(default)s)"
    )
    parser.add_argument("--ignore-robots", action="store_true", help="also ask what a robots.txt forbids")
    parser.add_argument("--headful", action="store_true", help="show the browser")
    parser.add_argument("--licence", default="", help="what to note of each picture (default: the site's)")
    add_limits(parser)
    options = parser.parse_args(arguments)
    if options.per_query < 1 or not options.rate >= 0:  # also where it is not a number
        raise UsageError("--per-query must be at least 1, and --rate not negative.")
    figures = scrape.scrape(
        options.queries,
        options.output,
        split=options.split,
        site=sites.load(options.site),
        limits=parsed_limits(options),
        per_query=options.per_query,
        rate=options.rate,
        obey_robots=not options.ignore_robots,
        headful=options.headful,
        licence=options.licence,
    )
    say(f"{figures}; {options.output / 'report.md'} says why.")
