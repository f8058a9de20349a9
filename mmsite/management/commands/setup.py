"""Makes a clone ready to run, or a site ready for a new version. Safe to repeat, and quick when nothing changed."""

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.utils import timezone
from django_q.models import Schedule

from captioning import engine as captioning_engine
from gallery.models import Image, User
from gallery.samples import load_samples
from ml.errors import ModelError
from mmsite import stamps, static_files
from search import versions

BEGUN = "begun"


class Command(BaseCommand):
    """`manage.py setup`"""

    help = "Prepares database, static files, models, the first administrator and sample pictures."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        self.stdout.write("Database: ready")
        self._collect_static()
        self._schedule_sweep()
        self._prepare_models()
        self._create_administrator()
        self._load_samples()

    def _collect_static(self) -> None:
        files = [
            Path(storage.path(name)) for finder in get_finders() for name, storage in finder.list(ignore_patterns=[])
        ]
        mark = stamps.fingerprint(str(settings.STATIC_ROOT), files=[*files, Path(static_files.__file__)])
        if not (stamps.is_current("static", mark) and Path(settings.STATIC_ROOT).is_dir()):
            # Whoever was killed meanwhile left half a file, younger than its source and so never copied again.
            was_begun = stamps.is_current("static", BEGUN)
            stamps.put("static", BEGUN)
            call_command("collectstatic", interactive=False, verbosity=0, clear=was_begun)
            stamps.put("static", mark)
        self.stdout.write("Static files: ready")

    def _schedule_sweep(self) -> None:
        wanted = {"func": "mmsite.tasks.sweep", "schedule_type": Schedule.MINUTES, "minutes": 1, "repeats": -1}
        schedules = Schedule.objects.filter(name="sweep").order_by("pk")
        # Names are not unique: two hosts that are set up at once can each make one.
        schedules.exclude(pk__in=schedules[:1].values("pk")).delete()
        if not schedules.update(**wanted):
            Schedule.objects.create(name="sweep", next_run=timezone.now(), **wanted)

    def _prepare_models(self) -> None:
        """Load each model once: it is verified, and the encoder's version is known before the first picture comes."""
        mark = _models_mark()
        if versions.is_setting_followed() and stamps.is_current("models", mark):
            self.stdout.write("Models: ready")
            return
        self.stdout.write("Models: loading them for the first time…")
        ready = [
            self._prepare("captioner", settings.CAPTIONER, captioning_engine.warm),
            self._prepare("encoder", settings.ENCODER, versions.model_version_ensure),
        ]
        if all(ready):
            stamps.put("models", mark)

    def _prepare(self, role: str, name: str, prepare: Callable[[], object]) -> bool:
        try:
            prepare()
        except ModelError as error:
            self.stderr.write(
                self.style.WARNING(f"The {role} {name!r} is not usable: {error} Pictures wait until it is.")
            )
            return False
        self.stdout.write(f"Models: the {role} {name!r} is ready")
        return True

    def _create_administrator(self) -> None:
        if User.objects.exists():
            return
        password = settings.ADMIN_PASSWORD or secrets.token_urlsafe(12)
        User.objects.create_superuser(settings.ADMIN_NAME, password=password)
        shown = "the one in MMSITE_ADMIN_PASSWORD" if settings.ADMIN_PASSWORD else password
        self.stdout.write(self.style.SUCCESS(f"First administrator: {settings.ADMIN_NAME}, password: {shown}"))
        if not settings.ADMIN_PASSWORD:
            self.stdout.write("(shown this once; `manage.py changepassword` sets another)")

    def _load_samples(self) -> None:
        owner = User.objects.filter(is_superuser=True).order_by("pk").first()
        if settings.SAMPLES and owner is not None and not Image.with_trash.exists():
            count = load_samples(owner=owner)
            self.stdout.write(f"Sample pictures: {count} (MMSITE_SAMPLES=0 leaves them out)")


def _models_mark() -> str:
    """Changes when other models are configured, or the files of the built-in ones or of a folder change."""
    folders = [settings.BASE_DIR / "ml", Path(settings.CAPTIONER), Path(settings.ENCODER)]
    files = [path for folder in folders if folder.is_dir() for path in folder.rglob("*") if path.is_file()]
    return stamps.fingerprint(
        settings.CAPTIONER, settings.ENCODER, files=[path for path in files if path.suffix != ".pyc"]
    )
