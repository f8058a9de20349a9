"""`python -m ml data flickr8k`: Flickr8k as an image folder."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ml.commands import say
from ml.datasets import flickr8k


def run(arguments: Sequence[str], prog: str) -> None:
    """Copy Flickr8k and print how many pictures each split has."""
    parser = argparse.ArgumentParser(prog=prog, description="Write Flickr8k as an image folder.")
    parser.add_argument("source", type=Path, help="folder of Flickr8k in its usual layout")
    parser.add_argument("output", type=Path, help="folder to write; what is there already is kept")
    options = parser.parse_args(arguments)
    for split, count in flickr8k.convert(options.source, options.output).items():
        say(f"{split}: {count:,} pictures")
