"""The commands of `python -m ml`, one module each.

A module has `run(arguments, prog)`, which parses and does. Tables of modules are dispatched here, so that a command
imports what it needs and nothing that others need.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

from ml.errors import UsageError

Table = Mapping[str, tuple[str, str]]
"""name of a command -> (its module, what it does in a few words)."""


def dispatch(table: Table, arguments: Sequence[str], prog: str) -> None:
    """Run the command that the first argument names with the others. Raises UsageError where there is none."""
    name, *rest = arguments or ["--help"]
    if name in {"-h", "--help"}:
        say(f"usage: {prog} COMMAND …, and {prog} COMMAND --help for what it takes\n")
        width = max(map(len, table))
        for command, (_, purpose) in table.items():
            say(f"  {command:<{width}}  {purpose}")
        return
    if name not in table:
        raise UsageError(f"{prog} has no command {name}; it has {', '.join(table)}.")
    import_module(table[name][0]).run(rest, f"{prog} {name}")


def say(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
