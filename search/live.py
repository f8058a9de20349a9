"""The index that a process holds in its own memory: a view of a table of vectors that can be thrown away.

A snapshot, written by the worker's sweep, spares a new process the reading of everything.
"""

import logging
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db.models import Exists, OuterRef

from gallery.models import Image
from search import changes, factory
from search.backends.base import Filter, Hit, Vector
from search.backends.exceptions import IndexCorrupt
from search.models import CaptionEmbedding, Embedding, ModelVersion, Table
from search.reconcile import Piece, compare

# How old a snapshot gets before newer changes are worth writing it again, in seconds.
SNAPSHOT_AGE = 300

SNAPSHOTS: dict[Table, str] = {Embedding: "{}.index", CaptionEmbedding: "{}.captions.index"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What an index found. `notice`: a sentence for people, where it is not the index that should have answered."""

    hits: list[Hit]
    notice: str = ""


class LiveIndex:
    """The index of one model version's vectors in one table, kept level with it. Safe to share between threads."""

    notice = ""  # see SharedIndex; nothing stands in for this index

    def __init__(self, table: Table, version: ModelVersion) -> None:
        self.table = table
        self.version = version
        self.seq = 0
        self._saved_seq = 0
        self.points = factory.create_local(table, version)
        self._following = threading.Lock()
        self._maintaining = threading.Lock()
        self._load_snapshot()

    def search(self, vector: Vector, *, limit: int, where: Filter | None = None) -> Answer:
        """See VectorIndex.search. The vector must come from the encoder of `self.version`."""
        return Answer(self.points.search(vector, limit=limit, where=where))

    def count(self, where: Filter | None = None) -> int:
        """How many pictures can be found, of those that the filter lets through."""
        return self.points.count(where)

    def vectors(self, keys: Collection[int]) -> Vector | None:
        """See VectorIndex.vectors."""
        return self.points.vectors(keys)

    def follow(self, last_seq: int) -> None:
        """Take in the changes up to `last_seq`, which was just read from the table, at least."""
        if last_seq != self.seq:
            self._take_in(last_seq)
        if self.points.wants_maintenance and self._maintaining.acquire(blocking=False):
            threading.Thread(target=self._maintain, name="index maintenance", daemon=True).start()

    def _take_in(self, last_seq: int) -> None:
        with self._following:
            if last_seq < self.seq and self._last_seq() < self.seq:
                # Not just another thread that was faster: the table went back, as after restoring a backup.
                logger.warning("The vectors of %s went back in time; the index is built anew.", self.version)
                self._start_over()
            while self.seq < last_seq:
                change = changes.read_changes(self.table, self.version, after=self.seq, last_seq=last_seq)
                self.points.delete(change.gone)
                self.points.upsert(change.points)
                self.seq = change.seq

    def save_snapshot_if_due(self) -> bool:
        """Write the snapshot if there are changes since the last one and that one is not fresh; says whether it did."""
        if not self.points.supports_snapshots or self.seq == self._saved_seq or not self._is_snapshot_old():
            return False
        self.save_snapshot()
        versions = list(ModelVersion.objects.values_list("pk", flat=True))
        known = {name.format(pk) for pk in versions for name in SNAPSHOTS.values()}
        for other in settings.INDEX_DIR.glob("*.index"):
            if other.name not in known:
                other.unlink(missing_ok=True)
        return True

    def save_snapshot(self) -> None:
        """Write the snapshot, whatever the last one is like."""
        with self._following:  # so that the points are those of `seq`
            self.points.save_snapshot(self._snapshot_path, label=self._label, generation=self.seq)
            self._saved_seq = self.seq

    def reconcile(self, *, after: int, limit: int, repair: bool) -> Piece:
        """Compare a piece of the points with the table; see search.reconcile.compare."""
        with self._following:
            return compare(self.points, self.table, self.version, seq=self.seq, after=after, limit=limit, repair=repair)

    def _maintain(self) -> None:
        try:
            self.points.maintain()
        except Exception:  # the end of a thread: answers stay right without it, only slower
            logger.exception("The index of %s could not be reorganised.", self.version)
        finally:
            self._maintaining.release()

    def _last_seq(self) -> int:
        return ModelVersion.objects.values_list("last_seq", flat=True).get(pk=self.version.pk)

    def _start_over(self) -> None:
        self.points, self.seq, self._saved_seq = factory.create_local(self.table, self.version), 0, 0

    @property
    def _snapshot_path(self) -> Path:
        return Path(settings.INDEX_DIR) / SNAPSHOTS[self.table].format(self.version.pk)

    @property
    def _label(self) -> str:
        """Tells versions apart, and those of another database that had the same number."""
        return f"{self.version.key} {self.version.created_at.isoformat()}"

    def _is_snapshot_old(self) -> bool:
        try:
            return time.time() - self._snapshot_path.stat().st_mtime > SNAPSHOT_AGE
        except FileNotFoundError:
            return self.count() > 0  # most sites have no captions by people

    def _load_snapshot(self) -> None:
        if not self.points.supports_snapshots:
            return
        try:
            self.seq = self._saved_seq = self.points.load_snapshot(self._snapshot_path, label=self._label)
        except FileNotFoundError:
            return
        except IndexCorrupt as error:
            logger.warning("%s The index is built anew.", error)
            return
        last_seq = self._last_seq()
        self.follow(last_seq)
        vectors = self.table.objects.filter(
            Exists(Image.objects.filter(pk=OuterRef("image_id"))),
            model_version_id=self.version.pk,
            vector__isnull=False,
        )
        if self.seq == last_seq and self.count() != vectors.count():
            logger.warning("The snapshot of %s doesn't fit its vectors; the index is built anew.", self.version)
            self._start_over()
