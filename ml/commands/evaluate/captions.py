"""`python -m ml evaluate captions`."""

from collections.abc import Sequence

import ml
from ml.commands.evaluate.options import add_outputs, check_outputs, parser_of, show
from ml.evaluation import captions


def run(arguments: Sequence[str], prog: str) -> None:
    """Print the figures with their intervals, of all pictures and of groups of them."""
    parser = parser_of(prog, "Score a captioner on a data set.")
    add_outputs(parser)
    options = parser.parse_args(arguments)
    check_outputs(options.json, options.html)
    captioner = ml.load_captioner(options.model)
    report, samples = captions.report(captioner, data=options.data, split=options.split)
    show(report, samples, options)
