"""Takes in captions that a person has in a table, or in sidecars."""

from argparse import ArgumentParser
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from captioning.exceptions import BadTable
from captioning.imports import captions_import
from gallery.models import User


class Command(BaseCommand):
    """`manage.py import_captions`"""

    help = (
        "Takes the captions of a CSV file or of JSON Lines for the owner's own. Each row has a caption, and names a "
        "picture by uuid, sha256 or file_name, as export_captions writes it. So do XMP sidecars, in a folder or a ZIP "
        "archive or one by itself, such as beach.jpg.xmp or beach.xmp. What a person wrote or approved stays, unless "
        "--replace; what was said before stays in the history."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="or a folder of sidecars")
        parser.add_argument("--owner", required=True, metavar="NAME", help="whose pictures, and who said it")
        parser.add_argument("--replace", action="store_true", help="what the owner said otherwise, too")

    def handle(self, *args: Any, file: Path, owner: str, replace: bool, **options: Any) -> None:
        user = User.objects.filter(username=owner).first()
        if user is None:
            raise CommandError(f"There is nobody called {owner}.")
        try:
            with nullcontext(file) if file.is_dir() else file.open("rb") as given:
                report = captions_import(owner=user, file=given, replace=replace)
        except OSError as error:
            raise CommandError(f"{error.filename or file} cannot be read: {error.strerror or error}.") from error
        except BadTable as error:
            raise CommandError(str(error)) from error
        for problem in report.problems:
            self.stdout.write(str(problem))
        if report.more_problems:
            self.stdout.write(f"And {report.more_problems:,} more.")
        self.stdout.write(
            f"{report.written:,} captions taken in, {report.same:,} there already, {report.kept:,} left as a person "
            f"has them, {report.unused:,} that could not be used."
        )
