"""How well each model version finds what people marked as right, so that a switch can be judged before it is made."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from search import versions
from search.exceptions import VersionUnknown
from search.query.evaluate import (
    MEASURES,
    MOST_QUERIES,
    Evaluation,
    Outcome,
    evaluate,
    golden_queries,
    versions_to_evaluate,
)

WHAT = {"answer": "whole answers", "looks": "looks alone"}
NOTHING = "No search has a picture marked as right yet: people mark them on the results page (✓)."
HARDEST = 10


class Command(BaseCommand):
    """`manage.py evaluate_search`"""

    help = (
        "Scores model versions on golden queries: Recall@k, MRR and the precision of the cutoff, with 95 % intervals."
    )

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        # Django's own --version gives way: here versions are those of models.
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--version",
            action="append",
            dest="wanted",
            metavar="KEY_OR_ID",
            help="its number, its key or the beginning of it, or its name; again for another. All where none is given",
        )
        parser.add_argument("--json", action="store_true", dest="as_json", help="for programs, with every query")

    def handle(self, *args: Any, wanted: list[str] | None, as_json: bool, **options: Any) -> None:
        queries = golden_queries()[:MOST_QUERIES]
        try:
            chosen = [versions.version_named(text) for text in wanted or []]
        except VersionUnknown as error:
            raise CommandError(str(error)) from error
        evaluations = evaluate(queries, chosen or versions_to_evaluate(queries))
        if as_json:
            self.stdout.write(json.dumps([_described(each) for each in evaluations], indent=2, ensure_ascii=False))
        elif not queries:
            self.stdout.write(NOTHING)
        elif not evaluations:
            self.stdout.write("No model version has the vectors of what was marked as right yet.")
        else:
            self._tell(evaluations, len(queries))

    def _tell(self, evaluations: list[Evaluation], queries: int) -> None:
        self.stdout.write(f"{queries:,} golden queries; in brackets what 95 % of such sets of queries would give")
        for each in evaluations:
            version = each.version
            self.stdout.write(f"\n{version.pk}  {version.key} ({version.state}), {WHAT[each.what]}")
            for line in _lines(each):
                self.stdout.write(f"    {line}")
        hardest = sorted(evaluations[0].outcomes, key=lambda outcome: outcome.reciprocal)[:HARDEST]
        if hardest:
            self.stdout.write(f"\nHardest for {evaluations[0].version.key}, {WHAT[evaluations[0].what]}:")
        for outcome in hardest:
            self.stdout.write(f"    {_ranks(outcome):>12}  {outcome.query.text}  ({outcome.query.owner})")


def _lines(evaluation: Evaluation) -> list[str]:
    if evaluation.problem:
        return [evaluation.problem]
    lines = []
    for name, label in MEASURES.items():
        figure, apart = evaluation.figures.get(name), evaluation.against_active.get(name)
        told = f"{figure.value:6.3f}  [{figure.low:.3f} to {figure.high:.3f}]" if figure else "     –"
        if apart:
            told += f"  {apart.value:+.3f} against the active one [{apart.low:+.3f} to {apart.high:+.3f}]"
        lines.append(f"{label!s:<24}{told}")
    return lines + evaluation.notes


def _ranks(outcome: Outcome) -> str:
    return ", ".join("–" if rank is None else f"{rank:,}" for rank in outcome.ranks)


def _described(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "version": evaluation.version.pk,
        "key": evaluation.version.key,
        "state": evaluation.version.state,
        "what": evaluation.what,
        "problem": evaluation.problem,
        "queries": len(evaluation.outcomes),
        "left_out": evaluation.left_out,
        "embedded": evaluation.embedded,
        "pictures": evaluation.pictures,
        "figures": {name: vars(figure) for name, figure in evaluation.figures.items()},
        "against_active": {name: vars(apart) for name, apart in evaluation.against_active.items()},
        "outcomes": [
            {
                "owner": outcome.query.owner.get_username(),
                "query": outcome.query.text,
                "ranks": outcome.ranks,
                "kept": outcome.kept and {"right": outcome.kept[0], "wrong": outcome.kept[1]},
            }
            for outcome in evaluation.outcomes
        ],
    }
