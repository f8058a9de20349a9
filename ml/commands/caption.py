"""`python -m ml caption`: describe pictures."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import ml
from ml.commands import say
from ml.commands.pictures import pictures


def run(arguments: Sequence[str], prog: str) -> None:
    """Print a caption for each picture."""
    parser = argparse.ArgumentParser(prog=prog, description="Describe pictures.")
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    parser.add_argument("--model", default="builtin", help="builtin, fake, a hub id or a folder")
    options = parser.parse_args(arguments)
    captioner = ml.load_captioner(options.model)
    for path, image in pictures(options.images):
        (result,) = captioner.caption([image])
        unsure = " (unsure)" if result.confidence < captioner.unsure_below else ""
        say(f"{path}: {result.text} [{result.confidence:.2f}]{unsure}")
