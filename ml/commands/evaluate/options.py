"""What every evaluation takes."""

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ml.commands import say
from ml.datasets.examples import SPLITS
from ml.errors import UsageError

if TYPE_CHECKING:
    from ml.evaluation.report import Sample
    from ml.evaluation.results import Report


def parser_of(prog: str, description: str) -> argparse.ArgumentParser:
    """A parser of the model, the data set and its split."""
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--data", type=Path, required=True, help="an image folder, or Flickr8k in its usual layout")
    parser.add_argument("--split", choices=SPLITS, default="test")
    parser.add_argument("--model", default="builtin", help="builtin, fake, a hub id or a folder")
    return parser


def add_outputs(parser: argparse.ArgumentParser) -> None:
    """Let the report be written."""
    parser.add_argument("--json", type=Path, metavar="OUT", help="write all figures, those of each picture too")
    parser.add_argument("--html", type=Path, metavar="OUT", help="write a page with the worst and the best pictures")


def check_outputs(*paths: Path | None) -> None:
    """Say so before the work begins where a file cannot be written after it. Raises UsageError."""
    for path in filter(None, paths):
        if path.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
            raise UsageError(f"{path} cannot be written: name a file in a folder that is there and may be written to.")


def show(report: "Report", samples: Mapping[str, Sequence["Sample"]], options: argparse.Namespace) -> None:
    """Print a report's tables, and write what was asked for."""
    from ml.evaluation.report import write_page

    tables = [report.table(), report.category_table()]
    say("\n\n".join(table.markdown() for table in tables))
    if options.json:
        report.write(options.json)
    if options.html:
        title = f"{report.kind.capitalize()} of {report.model} on {report.split}"
        sections = {f"{heading} {len(chosen)}": chosen for heading, chosen in samples.items()}
        write_page(options.html, title, tables=tables, sections=sections)
