"""Takes in a folder of pictures."""

import os
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.files import File
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from gallery.exceptions import UploadRefused
from gallery.models import Stage, User, Visibility
from gallery.services import image_create

# What a shell reports for a program ended by Ctrl-C: 128 + SIGINT.
INTERRUPTED = 130


@dataclass
class Tally:
    """What became of the files."""

    created: int = 0
    duplicates: int = 0
    refusals: list[tuple[Path, str]] = field(default_factory=list)


class Command(BaseCommand):
    help = (
        "Takes in every picture below a folder. Hidden files are passed over. Pictures that the owner has already are "
        "recognised, so an import that was stopped goes on when it is started again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--owner", required=True, metavar="NAME", help="whose pictures they will be")
        parser.add_argument("--visibility", choices=Visibility.values, default=Visibility.PRIVATE)

    def handle(self, *args: Any, folder: Path, owner: str, visibility: str, **options: Any) -> None:
        if not folder.is_dir():
            raise CommandError(f"There is no folder {folder}.")
        user = User.objects.filter(username=owner).first()
        if user is None:
            raise CommandError(f"There is nobody called {owner}.")
        tally = Tally()
        try:
            # No bar where nobody watches (disable=None), such as in a log.
            for path in tqdm(sorted(self._files(folder, tally)), unit="file", disable=None):
                _take(path, user, visibility, tally)
        except KeyboardInterrupt:
            self._report(folder, tally)
            raise CommandError("Stopped. Start it again to go on.", returncode=INTERRUPTED) from None
        self._report(folder, tally)
        if not tally.created and not tally.duplicates:
            raise CommandError(f"There is no picture in {folder} that could be taken in.")

    @staticmethod
    def _files(folder: Path, tally: Tally) -> Iterator[Path]:
        def note(error: OSError) -> None:
            tally.refusals.append((Path(error.filename), f"This folder could not be read: {error.strerror}."))

        for parent, folders, names in os.walk(folder, onerror=note):
            folders[:] = [name for name in folders if not name.startswith(".")]
            paths = (Path(parent, name) for name in names if not name.startswith("."))
            yield from (path for path in paths if path.is_file())

    def _report(self, folder: Path, tally: Tally) -> None:
        for path, reason in tally.refusals:
            # Names on disk are bytes; those that aren't UTF-8 can't be printed as they are.
            name = os.fsencode(path.relative_to(folder)).decode("utf-8", "replace")
            self.stdout.write(f"{name}: {reason}")
        self.stdout.write(
            f"{tally.created:,} taken in, {tally.duplicates:,} there already, {len(tally.refusals):,} refused."
        )


def _take(path: Path, owner: User, visibility: str, tally: Tally) -> None:
    try:
        with path.open("rb") as opened:
            creation = image_create(
                owner=owner,
                file=File(opened),
                file_name=path.name,
                visibility=visibility,
                priority=Stage.Priority.BACKFILL,
            )
    except UploadRefused as refusal:
        tally.refusals.append((path, str(refusal)))
    except OSError as error:
        tally.refusals.append((path, f"This file could not be read: {error.strerror}."))
    else:
        tally.created += creation.created
        tally.duplicates += not creation.created
