"""`python -m ml match`: score how well pictures fit a text."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import ml
from ml.commands import say
from ml.commands.pictures import pictures


def run(arguments: Sequence[str], prog: str) -> None:
    """Print each picture's cosine with the text, best first."""
    parser = argparse.ArgumentParser(prog=prog, description="Score how well pictures fit a text, best first.")
    parser.add_argument("text")
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    parser.add_argument("--model", default="builtin", help="builtin, fake, a hub id or a folder")
    options = parser.parse_args(arguments)
    encoder = ml.load_encoder(options.model)
    (text,) = encoder.encode_texts([options.text])
    scores = {path: float(encoder.encode_images([image])[0] @ text) for path, image in pictures(options.images)}
    for path, score in sorted(scores.items(), key=lambda item: -item[1]):
        below = " (below the model's floor)" if encoder.match_floor is not None and score < encoder.match_floor else ""
        say(f"{score:.3f}  {path}{below}")
