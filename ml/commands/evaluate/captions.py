"""`python -m ml evaluate captions`."""

from collections.abc import Sequence

import ml
from ml.commands import say
from ml.commands.evaluate.options import parser_of
from ml.evaluation import captions


def run(arguments: Sequence[str], prog: str) -> None:
    """Print the scores as a table."""
    options = parser_of(prog, "Score a captioner on a data set.").parse_args(arguments)
    captioner = ml.load_captioner(options.model)
    say(captions.evaluate(captioner, data=options.data, split=options.split).table())
