"""Checks that nothing is lost, and nothing left behind: files, rows, work, captions, vectors and indexes."""

import json
import sys
from argparse import ArgumentParser
from collections import Counter
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError
from tqdm import tqdm

from gallery.findings import GRACE, Finding, NotChecked, Scope
from mmsite.fsck import CHECKS

# Lines of one kind; --json has all of them.
MOST_LINES = 20
WRONG, UNCHECKED = 1, 2


class Command(BaseCommand):
    """`manage.py fsck`"""

    help = (
        "Checks files, rows, the work on pictures, captions, vectors and indexes against each other, while the site "
        "runs or not. Changes nothing without --repair. Exit code 0: all is well, or is now; 1: something is wrong and "
        "was not repaired; 2: something could not be checked."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="mend what can be mended; no row is ever deleted")
        parser.add_argument("--deep", action="store_true", help="read every original and compare its SHA-256")
        parser.add_argument("--only", action="append", choices=[check.name for check in CHECKS], help="a part of it")
        parser.add_argument("--json", action="store_true", help="every finding, for programs")
        minutes = int(GRACE.total_seconds()) // 60
        parser.add_argument(
            "--grace", type=int, default=minutes, metavar="MINUTES", help=f"how old litter is at least ({minutes})"
        )

    def handle(self, *args: Any, repair: bool, deep: bool, grace: int, **options: Any) -> None:
        checks = [check for check in CHECKS if not options["only"] or check.name in options["only"]]
        report: _Report = (_Json if options["json"] else _Lines)(self)
        for check in checks:
            try:
                # No bar where nobody watches (disable=None), such as in a log.
                total = check.total() if check.total else None
                with tqdm(desc=check.name, unit=check.unit, total=total, leave=False, disable=None) as bar:
                    scope = Scope(repair=repair, deep=deep, grace=timedelta(minutes=grace), progress=bar.update)
                    for finding in check.run(scope):
                        report.found(finding)
            except (NotChecked, OSError, DatabaseError) as error:
                report.unchecked[check.name] = str(error)
        report.checked = [check.name for check in checks if check.name not in report.unchecked]
        report.end()
        if left := report.wrong.total() - report.repaired.total():
            advice = "" if repair else "; --repair mends what can be mended"
            raise CommandError(f"Wrong and not repaired: {left:,}{advice}.", returncode=WRONG)
        if report.unchecked:
            raise CommandError("Not everything could be checked.", returncode=UNCHECKED)


class _Report:
    """Counts what was found, by its kind, and what could not be checked; tells of it as it comes."""

    def __init__(self, command: BaseCommand) -> None:
        self.checked: list[str] = []
        self.wrong, self.repaired = Counter[str](), Counter[str]()
        self.unchecked: dict[str, str] = {}
        self._out = command.stdout

    def found(self, finding: Finding) -> None:
        self.wrong[finding.kind] += 1
        self.repaired[finding.kind] += finding.repaired
        self._tell(finding)

    def end(self) -> None:
        raise NotImplementedError

    def _tell(self, finding: Finding) -> None:
        raise NotImplementedError

    def _write(self, text: str) -> None:
        with tqdm.external_write_mode(file=sys.stdout):
            self._out.write(text)


class _Lines(_Report):
    """A line for each finding, though no more than MOST_LINES of a kind, and one for each kind."""

    def end(self) -> None:
        for kind, number in self.wrong.items():
            if number > MOST_LINES:
                self._write(f"{kind}: and {number - MOST_LINES:,} more")
        for name, why in self.unchecked.items():
            self._write(f"{name} could not be checked: {why}")
        self._write(f"Checked: {', '.join(self.checked) or 'nothing'}.")
        for kind, number in sorted(self.wrong.items()):
            self._write(f"  {kind}: {number:,} found, {self.repaired[kind]:,} repaired")
        if not self.wrong and not self.unchecked:
            self._write("All is well.")

    def _tell(self, finding: Finding) -> None:
        if self.wrong[finding.kind] <= MOST_LINES:
            done = " (repaired)" if finding.repaired else ""
            self._write(f"{finding.kind}: {finding.subject}: {finding.detail}{done}")


class _Json(_Report):
    """One document, written as it grows: a line for each finding, then the numbers."""

    def end(self) -> None:
        numbers = {
            "checked": self.checked,
            "unchecked": self.unchecked,
            "found": self.wrong,
            "repaired": self.repaired,
        }
        begun = "\n" if self.wrong else '{"findings": ['
        self._write(f"{begun}], {json.dumps(numbers)[1:]}")

    def _tell(self, finding: Finding) -> None:
        self._out.write('{"findings": [\n' if self.wrong.total() == 1 else ",\n", ending="")
        self._out.write(json.dumps(asdict(finding)), ending="")
