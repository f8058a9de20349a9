"""Starts the site, or this machine's part of it: web and workers under one supervisor."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from gallery.models import User
from mmsite import instruments
from mmsite.checkup import check_database
from mmsite.supervisor import WEB, WORKER, Supervisor, split, why_not_free


class Command(BaseCommand):
    """`manage.py run`"""

    help = "Runs web, and a worker for each of MMSITE_QUEUES, until Ctrl-C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--photos", type=Path, metavar="FOLDER", help="import this folder meanwhile")
        parser.add_argument("--only", choices=[WEB, WORKER], help="where others do the rest")

    def handle(self, *args: Any, photos: Path | None, only: str | None, **options: Any) -> None:
        if only != WORKER and (problem := why_not_free(settings.WEB_ADDRESS)):
            raise CommandError(problem)
        if not (database := check_database()).is_well:
            raise CommandError(f"The database {database.sentence}. {database.advice}")
        import_options = None if photos is None else _import_options(photos)
        instruments.share(only or "all")
        if only == WORKER and (address := settings.WORKER_METRICS_ADDRESS):
            try:
                instruments.serve(*split(address))
            except OSError as error:
                sentence = f"Cannot listen on {address}, which is MMSITE_WORKER_METRICS_ADDRESS: {error.strerror}."
                raise CommandError(sentence) from error
        Supervisor(say=self.stdout.write, only=only, import_options=import_options).run()


def _import_options(photos: Path) -> list[str]:
    folder = photos.expanduser()
    if not folder.is_dir():
        raise CommandError(f"{photos} is not a folder.")
    owner = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if owner is None:
        raise CommandError("Nobody can own the photos yet: run `manage.py setup` first.")
    return [str(folder.absolute()), "--owner", owner.get_username()]
