"""`python -m ml export`: write a run's model as a folder that the site can serve."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ml.commands import say


def run(arguments: Sequence[str], prog: str) -> None:
    """Write the folder, and print how to serve it."""
    parser = argparse.ArgumentParser(prog=prog, description="Write a run's model as a folder that the site can serve.")
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("output", type=Path, metavar="OUTPUT", help="the folder to make")
    parser.add_argument("--unfinished", action="store_true", help="take the best so far of a run that is not done")
    options = parser.parse_args(arguments)
    from ml.export import export

    role = export(options.run, options.output, unfinished=options.unfinished)
    setting = f"MMSITE_{role.upper()}={options.output.absolute()}"
    say(f"{options.output} holds the {role}, with its hashes in SHA256SUMS. The site serves it with {setting}.")
