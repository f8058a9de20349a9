"""`python -m ml data search`: find the pictures of an embedded set."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import ml
from ml.commands import say
from ml.commands.pictures import pictures
from ml.errors import UsageError


def run(arguments: Sequence[str], prog: str) -> None:
    """Print what was found, best first."""
    parser = argparse.ArgumentParser(prog=prog, description="Find the pictures of an embedded set by words.")
    parser.add_argument("embedded", type=Path, help="a folder that `data embed` wrote")
    parser.add_argument("text", nargs="?", help="what to look for")
    parser.add_argument("--image", type=Path, help="look for what is like this picture")
    parser.add_argument("--captions", action="store_true", help="find captions in place of pictures")
    parser.add_argument("--top", type=int, default=10, metavar="N")
    parser.add_argument("--model", default="builtin", help="the encoder that made the vectors")
    parser.add_argument("--html", type=Path, metavar="PAGE", help="write what was found as a page with pictures")
    options = parser.parse_intermixed_args(arguments)  # the text may stand behind options
    if (options.text is None) == (options.image is None):
        raise UsageError("Give either a text or --image to look for.")
    if options.top < 1:
        raise UsageError("--top must be 1 or more.")

    if options.text is not None and not options.text.strip():
        raise UsageError("The text to look for is empty.")
    if any("\ud800" <= sign <= "\udfff" for sign in options.text or ""):  # so a shell's odd bytes come
        raise UsageError("The text to look for is not in UTF-8.")

    from ml.datasets.embedding import facts_of, search

    facts_of(options.embedded)  # before a model is loaded for nothing
    encoder = ml.load_encoder(options.model)
    if options.image is not None:
        query = encoder.encode_images([image for _, image in pictures([options.image])])
    else:
        query = encoder.encode_texts([options.text])
    hits = search(options.embedded, encoder, query, kind="caption" if options.captions else "image", top=options.top)
    for hit in hits:
        say(f"{hit.cosine:.3f}  {hit.path}  {' '.join(hit.caption.split())}")
    if options.html:
        from ml.evaluation.report import Sample, write_samples

        samples = [Sample(hit.path, hit.caption, note=f"cosine {hit.cosine:.3f}") for hit in hits]
        write_samples(options.html, samples, title=options.text or options.image.name)
