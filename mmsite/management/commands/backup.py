"""Copies what can't be made anew into a folder, while the site runs."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from gallery.models import Image
from mmsite.backup import BackupFailed, Report, backup
from mmsite.databases import DatabaseFailed
from mmsite.management.failures import failures_told


def refuse_wrong(report: Report) -> None:
    """Name the originals that are not as they came. Raises CommandError where there are any."""
    if report.wrong:
        raise CommandError("\n".join([*report.wrong, f"{len(report.wrong):,} originals are not as they came."]))


class Command(BaseCommand):
    """`manage.py backup`"""

    help = (
        "Copies the database and the originals into a folder, while the site runs. Done again, it copies what is new "
        "and drops what was purged. Exit code 1 where an original is missing or isn't as it came; the rest is copied."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="a new one, or one with a backup; best on another disk")
        parser.add_argument(
            "--verify", action="store_true", help="read what was copied before, and copy anew what differs"
        )

    def handle(self, *args: Any, folder: Path, verify: bool, **options: Any) -> None:
        interrupted, failed = "Stopped; the backup before is as it was.", f"{folder} cannot be written"
        with (
            failures_told(BackupFailed, DatabaseFailed, interrupted=interrupted, failed=failed),
            tqdm(total=Image.with_trash.count(), unit="picture", disable=None) as bar,
        ):
            report = backup(folder=folder, verify=verify, progress=bar.update)
        self.stdout.write(
            f"{report.copied:,} originals copied, {report.kept:,} there already, {report.dropped:,} dropped."
        )
        refuse_wrong(report)
