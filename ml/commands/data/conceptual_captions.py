"""`python -m ml data conceptual-captions`: download the pictures of Google's list into an image folder."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ml.commands import say
from ml.datasets.examples import SPLITS
from ml.errors import UsageError


def run(arguments: Sequence[str], prog: str) -> None:
    """Download, and print how many pictures were kept and dropped."""
    from ml.datasets.collect import conceptual_captions
    from ml.datasets.collect.collection import LICENCE
    from ml.datasets.collect.limits import add_limits, parsed_limits

    parser = argparse.ArgumentParser(
        prog=prog, description="Download the pictures of Conceptual Captions; goes on where it was stopped."
    )
    parser.add_argument("list", type=Path, metavar="TSV", help="Google's list: caption, tab, address; no header")
    parser.add_argument("output", type=Path, help="folder to write; what is there already is kept")
    parser.add_argument("--split", choices=SPLITS, default="train", help="split to write (default: %(default)s)")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N rows")
    parser.add_argument("--licence", default=LICENCE, help="what to note of each picture (default: %(default)s)")
    parser.add_argument("--obey-robots", action="store_true", help="ask each host's robots.txt first, and obey it")
    add_limits(parser)
    options = parser.parse_args(arguments)
    if options.limit is not None and options.limit < 1:
        raise UsageError("--limit must be at least 1.")
    figures = conceptual_captions.download(
        options.list,
        options.output,
        split=options.split,
        limits=parsed_limits(options),
        licence=options.licence,
        limit=options.limit,
        obey_robots=options.obey_robots,
    )
    say(f"{figures}; {options.output / 'report.md'} says why.")
