"""`python -m ml caption`: describe pictures."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import ml
from ml.commands import say
from ml.commands.pictures import pictures
from ml.errors import UsageError
from ml.files import writing


def run(arguments: Sequence[str], prog: str) -> None:
    """Print a caption for each picture; draw where the captioner looked where that is asked for."""
    parser = argparse.ArgumentParser(prog=prog, description="Describe pictures.")
    parser.add_argument("images", type=Path, nargs="+", metavar="IMAGE")
    parser.add_argument("--model", default="builtin", help="builtin, fake, a hub id or a folder")
    parser.add_argument(
        "--attention", type=Path, metavar="PNG", help="draw where the captioner looked for each word, into this file"
    )
    options = parser.parse_args(arguments)
    captioner = ml.load_captioner(options.model)
    look = getattr(captioner, "caption_with_looks", None)
    if options.attention and look is None:
        raise UsageError(f"The captioner {options.model} does not tell where it looked; leave --attention away.")
    sheets = []
    for path, image in pictures(options.images):
        if options.attention and look is not None:
            from ml.captioners.attention_map import draw

            (told,) = look([image])
            sheets.append(draw(image, told.looks))
            result = told.result
        else:
            (result,) = captioner.caption([image])
        unsure = " (unsure)" if result.confidence < captioner.unsure_below else ""
        say(f"{path}: {result.text} [{result.confidence:.2f}]{unsure}")
    if options.attention:
        from ml.captioners.attention_map import stack

        with writing(options.attention) as partial:
            stack(sheets).save(partial, "PNG")
        say(f"{options.attention} shows where it looked.")
