"""`python -m ml data clean`: leave out what should not be learnt."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import ml
from ml.commands import say


def run(arguments: Sequence[str], prog: str) -> None:
    """Clean, and print what was left out."""
    from ml.datasets.cleaning.captions import BLOCKED, CaptionRules, read_phrases
    from ml.datasets.cleaning.clean import clean
    from ml.datasets.cleaning.rules import Rules

    usual = Rules()
    parser = argparse.ArgumentParser(
        prog=prog, description="Write a data set without what should not be learnt; goes on where it was stopped."
    )
    parser.add_argument("source", type=Path, help="an image folder, or Flickr8k in its usual layout")
    parser.add_argument("output", type=Path, help="folder to write")
    parser.add_argument("--min-words", type=int, default=usual.captions.min_words, metavar="N")
    parser.add_argument("--max-words", type=int, default=usual.captions.max_words, metavar="N")
    parser.add_argument("--language", choices=["en", "any"], default="en")
    parser.add_argument("--blocked", type=Path, metavar="FILE", help="more phrases to block, one a line")
    parser.add_argument("--min-side", type=int, default=usual.min_side, metavar="PIXELS")
    parser.add_argument("--max-megapixels", type=float, default=usual.max_megapixels, metavar="N")
    parser.add_argument("--max-aspect", type=float, default=usual.max_aspect, metavar="N")
    parser.add_argument(
        "--duplicate-distance",
        type=int,
        default=usual.distance,
        metavar="BITS",
        help="of 128, by which two hashes of one picture may differ; -1 keeps all (default: %(default)s)",
    )
    parser.add_argument("--min-match", type=float, metavar="COSINE", help="default: by the encoder's match floor")
    parser.add_argument("--no-match", action="store_true", help="don't compare captions with their pictures")
    parser.add_argument("--model", default="builtin", help="the encoder that compares")
    options = parser.parse_args(arguments)
    captions = CaptionRules(
        min_words=options.min_words,
        max_words=options.max_words,
        english=options.language == "en",
        blocked=[*read_phrases(BLOCKED), *(read_phrases(options.blocked) if options.blocked else [])],
    )
    rules = Rules(
        captions=captions,
        min_side=options.min_side,
        max_megapixels=options.max_megapixels,
        max_aspect=options.max_aspect,
        distance=options.duplicate_distance,
        min_match=options.min_match,
        model=None if options.no_match else options.model,
    )
    encoder = None if rules.model is None else ml.load_encoder(rules.model)
    figures = clean(options.source, options.output, rules, encoder)
    for split, reasons in figures.dropped.items():
        for reason, count in reasons.items():
            say(f"{split}: {count:,} {reason}")
    say(f"{figures}; {options.output / 'report.html'} shows what was left out.")
