"""Checks that what can be made anew agrees with what cannot, and repairs it."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from search import fsck
from search.backends.exceptions import IndexUnavailable
from search.cursors import LeaseLost


class Command(BaseCommand):
    """`manage.py fsck`"""

    help = (
        "Compares the search index with the vectors in the database, both ways, and repairs it. Exit code 1 where "
        "something differs and was not repaired."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--index", action="store_true", help="the search index")
        parser.add_argument("--dry-run", action="store_true", help="only tell, repair nothing")

    def handle(self, *args: Any, index: bool, dry_run: bool, **options: Any) -> None:
        if not index:
            raise CommandError("Say what to check: --index.")
        is_level = True
        with tqdm(unit="point", disable=None) as bar:
            try:
                for report in fsck.check(repair=not dry_run, progress=bar.update):
                    is_level &= self._tell(report, dry_run=dry_run)
            except IndexUnavailable as error:
                raise CommandError(f"The index on the search server can't be checked: {error}") from error
            except LeaseLost:
                raise CommandError("The worker took over the index meanwhile. Try again.") from None
        if not is_level:
            raise CommandError("The index differs from the database; without --dry-run it is repaired.")

    def _tell(self, report: fsck.Report, *, dry_run: bool) -> bool:
        """Print a line; says whether all is well now."""
        if report.drift is None:
            raise CommandError(f"{report.where}: the worker is writing to it. Try again in a moment.")
        done = "" if report.drift.is_none or dry_run else "; repaired"
        self.stdout.write(f"{report.where}: {report.drift}{done}")
        return report.drift.is_none or not dry_run
