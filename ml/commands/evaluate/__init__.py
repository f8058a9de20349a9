"""`python -m ml evaluate`: score models, compare runs."""

from collections.abc import Sequence

from ml.commands import Table, dispatch

COMMANDS: Table = {
    "captions": ("ml.commands.evaluate.captions", "how good a captioner's sentences are"),
    "retrieval": ("ml.commands.evaluate.retrieval", "how well an encoder finds pictures by captions, and back"),
    "classes": ("ml.commands.evaluate.classes", "how well an encoder knows single things"),
    "compare": ("ml.commands.evaluate.compare", "runs side by side, in a table and plots"),
}


def run(arguments: Sequence[str], prog: str) -> None:
    """Run one of them."""
    dispatch(COMMANDS, arguments, prog)
