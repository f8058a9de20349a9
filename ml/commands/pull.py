"""`python -m ml pull`: fetch a model from the hub."""

import argparse
from collections.abc import Sequence

from ml import hub
from ml.commands import say


def run(arguments: Sequence[str], prog: str) -> None:
    """Fetch a model and print where it lies."""
    parser = argparse.ArgumentParser(prog=prog, description="Fetch a model from the hub, to be used by its id.")
    parser.add_argument("id", help="owner/name, or owner/name@revision")
    checkpoint = hub.pull(parser.parse_args(arguments).id)
    say(f"{checkpoint.name} at {checkpoint.revision} is in {checkpoint.folder}")
