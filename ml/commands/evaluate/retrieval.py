"""`python -m ml evaluate retrieval`."""

from collections.abc import Sequence

import ml
from ml.commands.evaluate.options import add_outputs, check_outputs, parser_of, show
from ml.evaluation import retrieval


def run(arguments: Sequence[str], prog: str) -> None:
    """Print the figures with their intervals, of all pictures and of groups of them."""
    parser = parser_of(prog, "Score an encoder on a data set.")
    add_outputs(parser)
    options = parser.parse_args(arguments)
    check_outputs(options.json, options.html)
    encoder = ml.load_encoder(options.model)
    report, samples = retrieval.report(encoder, data=options.data, split=options.split)
    show(report, samples, options)
