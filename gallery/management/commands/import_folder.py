"""Takes in a folder of pictures."""

import os
from argparse import ArgumentParser
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from gallery.folders import file_take, files_below
from gallery.management import INTERRUPTED
from gallery.models import User, Visibility
from gallery.names import printable
from gallery.validators import clean_file_name


@dataclass
class Tally:
    """What became of the files."""

    created: int = 0
    duplicates: int = 0
    refusals: list[tuple[Path, str]] = field(default_factory=list)

    def note(self, error: OSError) -> None:
        """A folder, or what is in it, can't be read."""
        self.refusals.append((Path(error.filename), f"This could not be read: {error.strerror}."))


class Command(BaseCommand):
    help = (
        "Takes in every picture below a folder, those in ZIP archives too, with what XMP sidecars beside them say. "
        "Hidden files are passed over. Pictures that the owner has already are recognised, so an import that was "
        "stopped goes on when it is started again."
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
            for path in tqdm(sorted(files_below(folder, note=tally.note)), unit="file", disable=None):
                _take(path, user, visibility, tally)
        except KeyboardInterrupt:
            self._report(folder, tally)
            raise CommandError("Stopped. Start it again to go on.", returncode=INTERRUPTED) from None
        self._report(folder, tally)
        if not tally.created and not tally.duplicates:
            raise CommandError(f"There is no picture in {folder} that could be taken in.")

    def _report(self, folder: Path, tally: Tally) -> None:
        for path, reason in tally.refusals:
            # Names on disk are bytes; those that aren't UTF-8 can't be printed as they are, nor what a terminal obeys.
            name = printable(os.fsencode(path.relative_to(folder)).decode("utf-8", "replace"))
            self.stdout.write(f"{name}: {reason}")
        self.stdout.write(
            f"{tally.created:,} taken in, {tally.duplicates:,} there already, {len(tally.refusals):,} refused."
        )


def _take(path: Path, owner: User, visibility: str, tally: Tally) -> None:
    try:
        outcomes = file_take(owner=owner, path=path, visibility=visibility)
    except OSError as error:
        tally.refusals.append((path, f"This file could not be read: {error.strerror}."))
        return
    for outcome in outcomes:
        tally.created += outcome.kind == "created"
        tally.duplicates += outcome.kind == "duplicate"
        if outcome.kind == "refused":
            # of an archive, which file in it
            where = path if outcome.name in (path.name, clean_file_name(path.name)) else path / outcome.name
            tally.refusals.append((where, outcome.sentence))
