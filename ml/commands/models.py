"""`python -m ml models`: list the models on this machine."""

import argparse
from collections.abc import Sequence

from ml.commands import say
from ml.registry import captioners, encoders, readers


def run(arguments: Sequence[str], prog: str) -> None:
    """Print each model's role, name and state."""
    argparse.ArgumentParser(prog=prog, description="List the models on this machine.").parse_args(arguments)
    for registry in (encoders, captioners, readers):
        for name in registry.names():
            status = registry.describe(name)
            say(f"{registry.role}  {name}  {status.state}  {status.info.key if status.info else status.sentence}")
