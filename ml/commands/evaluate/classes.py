"""`python -m ml evaluate classes`."""

from collections.abc import Sequence

import ml
from ml.commands import say
from ml.commands.evaluate.options import parser_of
from ml.evaluation import classes


def run(arguments: Sequence[str], prog: str) -> None:
    """Print the scores as a table."""
    options = parser_of(prog, "Score a encoder on a data set.").parse_args(arguments)
    encoder = ml.load_encoder(options.model)
    say(classes.evaluate(encoder, data=options.data, split=options.split).table())
