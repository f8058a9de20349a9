"""Writes approved captions and their pictures as a data set."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from captioning.export import captions_export
from gallery.models import User
from ml.errors import DatasetError
from mmsite.management.failures import failures_told


class Command(BaseCommand):
    """`manage.py export_dataset`"""

    help = (
        "Writes the captions that people wrote or approved, with their pictures, as an image folder that "
        "`python -m ml train` reads. Done again, it adds what is new, changes what was changed, and drops what is "
        "gone. Originals go out as they are, with what their cameras noted in them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--owner", action="append", default=[], metavar="NAME", help="only their pictures; repeat")
        parser.add_argument(
            "--split-seed", type=int, default=0, help="draws which pictures are train, dev and test; 0 unless told"
        )

    def handle(self, *args: Any, folder: Path, owner: list[str], split_seed: int, **options: Any) -> None:
        owners = list(User.objects.filter(username__in=owner))
        if missing := set(owner) - {user.username for user in owners}:
            raise CommandError(f"There is nobody called {', '.join(sorted(missing))}.")
        interrupted, failed = "Stopped. Start it again to go on.", f"{folder} cannot be written"
        with failures_told(DatasetError, interrupted=interrupted, failed=failed):
            export = captions_export(folder=folder, owners=owners, split_seed=split_seed)
        for sentence in export.skipped:
            self.stdout.write(sentence)
        self.stdout.write(
            f"{export.added:,} added, {export.changed:,} changed, {export.dropped:,} dropped, "
            f"{len(export.skipped):,} left out."
        )
        self.stdout.write(", ".join(f"{split}: {count:,} pictures" for split, count in export.pictures.items()) + ".")
