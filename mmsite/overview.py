"""How the place is, in figures: what people have given it, what is still to be done, and what does it."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from django.conf import settings
from django.db.models import Count, Q, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from captioning.models import Caption
from gallery.jobs import Jobs, Scope, jobs
from gallery.models import Album, Image, Rendition, Stage, User
from gallery.quotas import in_words
from gallery.storage import base_of, is_local
from gallery.wording import grouped
from mmsite import checkup, pipeline
from mmsite.checkup import Finding
from reading import engine as reading_engine
from reading.models import Reading
from search import factory, selectors
from search.models import ModelVersion
from search.wording import state_word

UPLOAD_DAYS = 7


@dataclass(frozen=True)
class Figure:
    """A number or a size, in words."""

    name: str
    value: str


@dataclass(frozen=True)
class Model:
    """A model and how many of the pictures it has done. `problem` says why it can't work, "" where it can."""

    role: str
    name: str
    done: int
    pictures: int
    problem: str = ""

    @property
    def percent(self) -> int:
        """Rounded down: 100 only where it is all of them."""
        return 100 * self.done // self.pictures if self.pictures else 100


@dataclass(frozen=True)
class Overview:
    """What the front page of the admin shows. `uploads` are (day, pictures) of the last UPLOAD_DAYS."""

    counts: list[Figure]
    uploads: list[tuple[date, int]]
    storage: list[Figure]
    models: list[Model]
    jobs: Jobs
    health: list[Finding]


def overview() -> Overview:
    """As of now. A constant number of SQL statements but for three for each encoder in use."""
    pictures = Image.with_trash.aggregate(
        kept=Count("pk", filter=Q(trashed_at=None)),
        trashed=Count("pk", filter=~Q(trashed_at=None)),
        size=Sum("byte_size"),
    )
    captions = dict(Caption.objects.filter(is_current=True).order_by().values_list("source").annotate(Count("pk")))
    counts = [
        Figure(_("Pictures"), grouped(pictures["kept"])),
        Figure(_("In the trash"), grouped(pictures["trashed"])),
        Figure(_("People"), grouped(User.objects.count())),
        Figure(_("Albums"), grouped(Album.objects.count())),
        *(Figure(str(name), grouped(captions.get(source, 0))) for source, name in CAPTIONS.items()),
    ]
    return Overview(
        counts=counts,
        uploads=_uploads(),
        storage=list(_storage(pictures["size"] or 0)),
        models=list(_models(pictures["kept"])),
        jobs=jobs(Scope()),
        health=list(_health()),
    )


CAPTIONS = {
    Caption.Source.MODEL: gettext_lazy("Captions by a model"),
    Caption.Source.PERSON: gettext_lazy("Captions by people"),
    Caption.Source.FILE: gettext_lazy("Captions from the files"),
}


def _uploads() -> list[tuple[date, int]]:
    today = timezone.localdate()
    days = [today - timedelta(days=back) for back in range(UPLOAD_DAYS)]
    late = Image.with_trash.filter(uploaded_at__gte=timezone.now() - timedelta(days=UPLOAD_DAYS))
    found = dict(late.order_by().annotate(day=TruncDate("uploaded_at")).values_list("day").annotate(Count("pk")))
    return [(day, found.get(day, 0)) for day in days]


def _storage(originals: int) -> Iterator[Figure]:
    yield Figure(_("Originals"), in_words(originals))
    yield Figure(_("Smaller versions"), in_words(Rendition.objects.aggregate(size=Sum("byte_size"))["size"] or 0))
    folder = Path(settings.INDEX_DIR)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else 0
    yield Figure(_("Index for searches, saved"), in_words(size))
    if is_local():
        free = shutil.disk_usage(base_of(Path(settings.MEDIA_ROOT))[0]).free
        yield Figure(_("Free on the disk"), in_words(free))


def _models(pictures: int) -> Iterator[Model]:
    problems = _problems()
    captioned = Caption.objects.filter(source=Caption.Source.MODEL, image__trashed_at=None)
    by_model = captioned.order_by().values_list("model").annotate(number=Count("pk")).order_by("-number")[:5]
    waits = problems.get(pipeline.CAPTION, "")
    for model, done in by_model or [("", 0)]:
        yield Model(_("Captioner"), model or settings.CAPTIONER, done, pictures, waits)
        waits = ""
    for version in ModelVersion.objects.filter(state__in=ModelVersion.IN_USE).order_by("pk"):
        covered = selectors.coverage(version=version)
        name = f"{version.key} ({state_word(version)})"
        yield Model(_("Encoder"), name, covered.embedded, covered.pictures, problems.get(pipeline.EMBEDDING, ""))
    if reading_engine.is_on():
        read = Reading.objects.filter(image__trashed_at=None).count()
        yield Model(_("Text reader"), settings.TEXT_READER, read, pictures, problems.get(pipeline.TEXT, ""))
    else:
        yield Model(_("Text reader"), "none", 0, 0, _("No text is read in pictures: MMSITE_TEXT_READER is “none”."))


def _problems() -> dict[str, str]:
    """Step -> what the worker said of its model, where it waits for that. The worker loads models, not this process."""
    waiting = Stage.objects.filter(state=Stage.State.PENDING, attempts=0).exclude(error="")
    return dict(waiting.order_by().values_list("step", "error").distinct()[:20])


def _health() -> Iterator[Finding]:
    """What doctor finds, but for what would load a model or write to a bucket while somebody waits for the page."""
    yield checkup.check_database()
    if is_local():
        yield checkup.check_media_folder()
    yield checkup.check_worker()
    yield checkup.check_work()
    yield checkup.check_index()
    if factory.is_shared():
        yield checkup.check_vector_server()
