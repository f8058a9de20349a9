"""Puts a backup into a new installation."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from gallery.models import Image, User
from gallery.storage import StoreUnavailable
from mmsite.backup import BackupFailed, restore
from mmsite.databases import DatabaseFailed
from mmsite.management.commands.backup import INTERRUPTED


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
        try:
            with tqdm(unit="picture", disable=None) as bar:
                report = restore(folder=folder, progress=bar.update)
        except KeyboardInterrupt:
            raise CommandError("Stopped. Start it again to go on.", returncode=INTERRUPTED) from None
        except (BackupFailed, DatabaseFailed) as error:
            raise CommandError(str(error)) from error
        except StoreUnavailable as error:
            raise CommandError(f"The store of pictures doesn't answer: {error}") from error
        except OSError as error:
            raise CommandError(f"The backup cannot be restored: {error}.") from error
        self.stdout.write(
            f"{Image.with_trash.count():,} pictures of {User.objects.count():,} people are back: {report.copied:,} "
            f"originals copied, {report.kept:,} there already. `manage.py setup` makes the site ready to start."
        )
        if report.wrong:
            raise CommandError("\n".join([*report.wrong, f"{len(report.wrong):,} originals are not as they came."]))
