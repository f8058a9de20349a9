"""Is this installation well? One finding for each thing that can be wrong, each with what to do about it."""

import secrets
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_q.brokers import get_broker

from captioning import engine as captioning_engine
from captioning.describers import others
from gallery import stages
from gallery.pauses import pauses
from gallery.quotas import in_words
from gallery.storage import base_of, is_local
from gallery.wording import grouped
from ml.errors import DeviceUnavailable, ModelError, RuntimeUnavailable
from mmsite import clocks, pipeline, queues
from reading import engine as reading_engine
from search import cursors, factory, index, pushing, selectors
from search import engine as search_engine
from search.backends.exceptions import IndexUnavailable

# The sweep is due each minute, and waits for a slice of work.
SWEEP_OVERDUE = timedelta(seconds=60 + 2 * settings.WORK_SLICE_SECONDS)
SCARCE_BYTES = 1_000_000_000
_seen_ready: set[str] = set()
FOLDER = "checkup"  # of the bucket: what is put there to try it


@dataclass(frozen=True)
class Finding:
    """`advice` is "" where all is well."""

    subject: str
    sentence: str
    advice: str = ""

    @property
    def is_well(self) -> bool:
        return not self.advice


def examine() -> Iterator[Finding]:
    """Every finding, in the order in which things build on each other."""
    database = check_database()
    yield database
    if settings.REDIS_URL:
        yield check_broker()
    yield check_media_folder() if is_local() else check_bucket()
    yield _check_model("captioner", captioning_engine.describe)
    for name in others():
        yield check_other_captioner(name)
    yield _check_model("encoder", search_engine.describe)
    yield check_text_reader()
    if database.is_well:
        yield check_worker()
        yield check_work()
        yield from check_clock()
        yield check_index()
        if factory.is_shared():
            yield check_vector_server()


def check_database() -> Finding:
    """It answers, and knows today's tables."""
    try:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        sentence = _("does not answer: %(error)s") % {"error": error}
        return Finding(_("database"), sentence, _("Check MMSITE_DATABASE_URL and that the server runs."))
    if missing:
        sentence = ngettext("lacks %(number)s migration", "lacks %(number)s migrations", len(missing))
        return Finding(_("database"), sentence % {"number": len(missing)}, _("Run `manage.py setup`."))
    return Finding(_("database"), _("%(kind)s, up to date") % {"kind": connection.vendor})


def is_database_ready() -> bool:
    """It answers and has today's tables, which are not looked for again once they are there: this is asked often."""
    if not _seen_ready:
        if check_database().is_well:
            _seen_ready.add(connection.alias)
        return bool(_seen_ready)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def is_store_ready() -> bool:
    """Pictures can be written into their folder, or their bucket answers."""
    if is_local():
        return base_of(Path(settings.MEDIA_ROOT))[1]
    try:
        default_storage.exists(f"{FOLDER}/ready")
    except OSError:
        return False
    return True


def check_broker() -> Finding:
    """Redis takes wake-ups."""
    try:
        waiting = sum(get_broker(queues.cluster(queue)).queue_size() for queue in queues.names())
    except queues.BrokerUnavailable as error:
        advice = "Check MMSITE_REDIS_URL and that the server runs. Uploads are safe, and wait."
        return Finding("broker", f"Redis does not answer: {error}", advice)
    return Finding("broker", f"Redis, {waiting:,} wake-ups wait")


def check_media_folder() -> Finding:
    """Pictures can be written, and there is room for them."""
    folder = Path(settings.MEDIA_ROOT)
    existing, is_writable = base_of(folder)
    if not is_writable:
        sentence = _("%(folder)s is not writable") % {"folder": existing}
        return Finding(_("pictures"), sentence, _("Give its owner the right to write, or set MMSITE_MEDIA_DIR."))
    free = shutil.disk_usage(existing).free
    sentence = _("%(folder)s, %(size)s free") % {"folder": folder, "size": in_words(free)}
    return Finding(
        _("pictures"), sentence, _("Make room: uploads will soon be refused.") if free < SCARCE_BYTES else ""
    )


def check_bucket() -> Finding:
    """Objects can be put, read, listed and deleted, and none is overwritten."""
    folder = f"{FOLDER}/{secrets.token_hex(8)}"
    bucket = f"bucket {settings.S3_BUCKET}"
    try:
        names = [default_storage.save(f"{folder}/probe", ContentFile(content)) for content in (b"first", b"second")]
        with default_storage.open(names[0]) as file:
            is_kept = file.read() == b"first" and len(default_storage.listdir(folder)[1]) == len(names)
        for name in names:
            default_storage.delete(name)
    except OSError as error:
        advice = (
            "Check MMSITE_S3_BUCKET, MMSITE_S3_ENDPOINT, MMSITE_S3_REGION and the credentials, which must allow to "
            "put, get, list and delete."
        )
        return Finding("pictures", f"{bucket} does not serve: {error}", advice)
    if not is_kept:
        advice = "Take a store that knows If-None-Match: on this one, two workers could overwrite each other's files."
        return Finding("pictures", f"{bucket} overwrites objects that are there", advice)
    return Finding("pictures", f"{bucket} takes, gives and deletes")


def check_worker() -> Finding:
    """The proof of life is a sweep that it finished; django-q2's heartbeat is none."""
    last = queues.last_sweep()
    if last is None:
        advice = _("Start it with `manage.py run`, or wait two minutes.")
        return Finding(_("worker"), _("has never finished a sweep"), advice)
    age = timezone.now() - last
    seconds = round(age.total_seconds())
    sentence = ngettext("last swept %(number)s second ago", "last swept %(number)s seconds ago", seconds)
    advice = _("Start it with `manage.py run`.") if age > SWEEP_OVERDUE else ""
    return Finding(_("worker"), sentence % {"number": grouped(seconds)}, advice)


def check_work() -> Finding:
    """Work moves, and none of it has failed."""
    counts = stages.counts()
    sentence = _("%(waiting)s steps wait, %(running)s run, %(failed)s failed") % {
        "waiting": grouped(counts.waiting),
        "running": grouped(counts.running),
        "failed": grouped(counts.failed),
    }
    if paused := pauses():
        steps = ", ".join(map(str, paused))
        sentence = _("%(sentence)s; paused on purpose: %(steps)s") % {"sentence": sentence, "steps": steps}
    for queue in queues.names():
        if stages.stalled(for_seconds=settings.WATCHDOG_SECONDS, steps=pipeline.steps_of(queue)):
            stalled = _("%(sentence)s, and nothing moves in the queue %(queue)s")
            if not settings.GPU_QUEUE:
                stalled = _("%(sentence)s, and nothing moves")
            advice = _("Restart the worker: `manage.py run` does it by itself.")
            return Finding(_("work"), stalled % {"sentence": sentence, "queue": queue}, advice)
    if counts.failed:
        advice = _("The pictures say why; `manage.py process_images --failed` tries them again.")
        return Finding(_("work"), sentence, advice)
    return Finding(_("work"), sentence)


def check_clock() -> Iterator[Finding]:
    """Told only where it jumped lately, by what this host's sweeps saw."""
    reading = clocks.last_reading()
    if reading and reading.waits > clocks.AFTER_START:
        sentence = _("jumped lately: for %(minutes)s minutes more nothing in the trash is deleted for good")
        advice = _("See that the clock is right, and set by the network.")
        yield Finding(_("clock"), sentence % {"minutes": grouped(round(reading.waits / 60))}, advice)


def check_index() -> Finding:
    """Search finds every picture that has a vector."""
    try:
        live = index.get_indexes()
        found = live.pictures.count() if live else 0
    except DatabaseError as error:
        return Finding(_("index"), _("cannot be read: %(error)s") % {"error": error}, _("Check the database."))
    except IndexUnavailable as error:
        return Finding(_("index"), _("does not answer: %(error)s") % {"error": error}, _("Check the vector server."))
    if live is None:
        return Finding(_("index"), _("no encoder is active yet"), _("Run `manage.py setup`."))
    coverage = selectors.coverage(version=live.version)
    sentence = _("%(found)s of %(pictures)s pictures can be found, by %(model)s") % {
        "found": grouped(found),
        "pictures": grouped(coverage.pictures),
        "model": live.version.key,
    }
    if live.version.awaits_captions:
        sentence = _("%(sentence)s; captions by people wait to be embedded") % {"sentence": sentence}
    repair = _("Run `manage.py fsck --only index --repair`, and restart.")
    return Finding(_("index"), sentence, repair if found != coverage.embedded else "")


def check_vector_server() -> Finding:
    """It answers, and is not far behind the database."""
    subject, advice = _("vector server"), ""
    told = []
    try:
        for version, lag in pushing.lags().items():
            server = pushing.server_of(version)
            points = {"number": grouped(server.count()), "place": server.location}
            told.append(_("%(number)s points at %(place)s") % points)
            if cursors.is_far_behind(version):
                told.append(_("%(number)s changes behind") % {"number": grouped(lag)})
                advice = _("Wait: the worker sends them. If the number doesn't fall, its log says why.")
    except IndexUnavailable as error:
        sentence = _("does not serve: %(error)s") % {"error": error}
        return Finding(subject, sentence, _("Check MMSITE_QDRANT_URL, its key and that the server runs."))
    return Finding(subject, ", ".join(told) or _("has nothing to hold yet"), advice)


def check_other_captioner(name: str) -> Finding:
    """One that people may ask to describe a picture again can be loaded."""
    try:
        return Finding("other captioner", captioning_engine.describe(name))
    except ModelError as error:
        advice = "Fetch it, or take it out of MMSITE_OTHER_CAPTIONERS. What people asked it for waits."
        return Finding("other captioner", str(error), advice)


def check_text_reader() -> Finding:
    """It can be loaded, or there is none on purpose."""
    subject = "text reader"
    try:
        return Finding(subject, reading_engine.describe())
    except ModelError as error:
        return Finding(subject, str(error), "Or set MMSITE_TEXT_READER=none. Until then, text in pictures waits.")


def _check_model(role: str, describe: Callable[[], str]) -> Finding:
    try:
        return Finding(role, describe())
    except DeviceUnavailable as error:
        return Finding(role, str(error), "Check the GPU and its driver, or set MMSITE_DEVICE=cpu. Uploads wait.")
    except RuntimeUnavailable as error:
        return Finding(role, str(error), "Install it, or set MMSITE_RUNTIME=auto. Uploads wait.")
    except ModelError as error:
        return Finding(
            role, str(error), f"Set MMSITE_{role.upper()} to a model that is here, or fetch it. Uploads wait."
        )
