"""Copies what can't be made anew into a folder, while the site runs."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from gallery.models import Image
from gallery.storage import StoreUnavailable
from mmsite.backup import BackupFailed, Report, backup
from mmsite.databases import DatabaseFailed

INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C: 128 + SIGINT


@contextmanager
def failures_told(*, interrupted: str, failed: str) -> Iterator[None]:
    """Turns what can stop a backup or a restoration into sentences."""
    try:
        yield
    except KeyboardInterrupt:
        raise CommandError(interrupted, returncode=INTERRUPTED) from None
    except (BackupFailed, DatabaseFailed) as error:
        raise CommandError(str(error)) from error
    except StoreUnavailable as error:
        raise CommandError(f"The store of pictures doesn't answer: {error}") from error
    except OSError as error:
        raise CommandError(f"{failed}: {error.strerror or error}.") from error


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
            failures_told(interrupted=interrupted, failed=failed),
            tqdm(total=Image.with_trash.count(), unit="picture", disable=None) as bar,
        ):
            report = backup(folder=folder, verify=verify, progress=bar.update)
        self.stdout.write(
            f"{report.copied:,} originals copied, {report.kept:,} there already, {report.dropped:,} dropped."
        )
        refuse_wrong(report)
