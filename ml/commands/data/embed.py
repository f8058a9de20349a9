"""`python -m ml data embed`: pictures and captions as vectors."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import ml
from ml.commands import say
from ml.datasets.examples import SPLITS, splits


def run(arguments: Sequence[str], prog: str) -> None:
    """Embed, and print how many vectors there are."""
    parser = argparse.ArgumentParser(
        prog=prog, description="Write a data set's vectors to Parquet and FAISS; goes on where it was stopped."
    )
    parser.add_argument("source", type=Path, help="an image folder, or Flickr8k in its usual layout")
    parser.add_argument("output", type=Path, help="folder to write")
    parser.add_argument("--model", default="builtin", help="builtin, fake, a hub id or a folder")
    parser.add_argument("--split", choices=SPLITS, action="append", help="may be given again (default: all there are)")
    options = parser.parse_args(arguments)

    from ml.datasets.embedding import embed

    chosen = [split for split in SPLITS if split in options.split] if options.split else splits(options.source)
    count = embed(options.source, options.output, ml.load_encoder(options.model), chosen)
    say(f"{count:,} vectors in {options.output}")
