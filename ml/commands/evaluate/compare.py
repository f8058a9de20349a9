"""`python -m ml evaluate compare`: runs side by side."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from ml.commands import say
from ml.commands.evaluate.options import check_outputs


def run(arguments: Sequence[str], prog: str) -> None:
    """Print what differs between runs, and which differences are real."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="Compare runs, with the reports that lie in their folders, and other reports, with the first.",
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a run's folder, or what `--json` wrote")
    parser.add_argument("--output", type=Path, metavar="OUT", help="write OUT.html and OUT.png, too")
    options = parser.parse_args(arguments)
    page, plot = (options.output and Path(f"{options.output}.{kind}") for kind in ("html", "png"))
    check_outputs(page, plot)
    from ml.evaluation.compare import compare

    comparison = compare(options.runs)
    say(comparison.markdown())
    if options.output:
        from ml.evaluation.plots import draw
        from ml.evaluation.report import write_page
        from ml.files import writing

        curves = {each.name: each.curve for each in comparison.contenders if each.curve}
        drawn = draw(curves, comparison.figures)
        with writing(plot) as partial:
            partial.write_bytes(drawn)
        notes = [*(f"Warning: {warning}" for warning in comparison.warnings), *comparison.verdicts]
        title = " · ".join(each.name for each in comparison.contenders)
        write_page(page, title, tables=comparison.tables, notes=notes, plot=drawn)
