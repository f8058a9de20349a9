"""Puts a backup into a new installation."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from tqdm import tqdm

from gallery.models import Image, User
from mmsite.backup import BackupFailed, restore
from mmsite.databases import DatabaseFailed
from mmsite.management.commands.backup import refuse_wrong
from mmsite.management.failures import failures_told


class Command(BaseCommand):
    """`manage.py restore`"""

    help = (
        "Puts what `manage.py backup` wrote into an installation without people and pictures, before its first start. "
        "Interrupted, it can be done again. Exit code 1 where an original is missing or isn't as it came; the rest is "
        "restored."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, folder: Path, **options: Any) -> None:
        with (
            failures_told(
                BackupFailed,
                DatabaseFailed,
                interrupted="Stopped. Start it again to go on.",
                failed="The backup cannot be restored",
            ),
            tqdm(unit="picture", disable=None) as bar,
        ):
            report = restore(folder=folder, progress=bar.update)
        self.stdout.write(
            f"{Image.with_trash.count():,} pictures of {User.objects.count():,} people are back: {report.copied:,} "
            f"originals copied, {report.kept:,} there already. `manage.py setup` makes the site ready to start."
        )
        refuse_wrong(report)
