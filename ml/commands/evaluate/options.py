"""What every evaluation takes."""

import argparse
from pathlib import Path

from ml.datasets.examples import SPLITS


def parser_of(prog: str, description: str) -> argparse.ArgumentParser:
    """A parser of the model, the data set and its split."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--data", type=Path, required=True, help="an image folder, or Flickr8k in its usual layout")
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--model", default="builtin", help="builtin, fake, a hub id or a folder")
    return parser
