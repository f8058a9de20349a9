"""Writes the captions of a person's pictures for other programs."""

from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from captioning.sidecars import sidecars_of
from captioning.tables import csv_of, jsonl_of
from gallery.models import User

TABLES = {"csv": csv_of, "jsonl": jsonl_of}


class Command(BaseCommand):
    """`manage.py export_captions`"""

    help = (
        "Writes a table of a person's pictures and their captions (csv, jsonl), or a folder of XMP sidecars (xmp), "
        "such as beach.jpg.xmp, of what is certain."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--owner", required=True, metavar="NAME", help="whose pictures")
        parser.add_argument("--format", choices=[*TABLES, "xmp"], default="csv")
        parser.add_argument("--output", required=True, type=Path, help="a file, or for xmp a folder; written over")

    def handle(self, *args: Any, owner: str, output: Path, **options: Any) -> None:
        user = User.objects.filter(username=owner).first()
        if user is None:
            raise CommandError(f"There is nobody called {owner}.")
        try:
            if options["format"] == "xmp":
                _write_folder(output, sidecars_of(user))
            else:
                with output.open("w", encoding="utf-8", newline="") as file:
                    file.writelines(TABLES[options["format"]](user))
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror or error}.") from error


def _write_folder(folder: Path, files: Iterator[tuple[str, bytes]]) -> None:
    # No bar where nobody watches (disable=None), such as in a log.
    for name, content in tqdm(files, unit="sidecar", disable=None):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
