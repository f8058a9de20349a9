"""The index of this process: a view of the Embedding table that can be thrown away.

`get_index` first reads whatever the table has that the index has not: one statement when nothing changed. A snapshot,
written by the worker's sweep, spares a new process the reading of everything.
"""

import logging
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from django.db.models import Exists, OuterRef, Subquery
from django.utils.module_loading import import_string

from gallery.models import Image, Viewer, Visibility
from search.backends.base import Any, FieldKind, Filter, Hit, Match, Point, Vector, VectorIndex
from search.backends.exceptions import IndexCorrupt
from search.exceptions import BadVector
from search.models import Embedding, ModelVersion
from search.vectors import Stored, unpack

# Changes that are read from the table at once: a few megabytes of vectors.
CHUNK = 4_000
# How old a snapshot gets before newer changes are worth writing it again, in seconds.
SNAPSHOT_AGE = 300

OWNER, VISIBILITY = "owner", "visibility"
FIELDS: dict[str, FieldKind] = {OWNER: "integer", VISIBILITY: "keyword"}

logger = logging.getLogger(__name__)


def create_index(version: ModelVersion) -> VectorIndex:
    """The index of a version, of the kind that settings.VECTOR_INDEX names."""
    backend = import_string(settings.VECTOR_INDEX["BACKEND"])
    index: VectorIndex = backend(
        dimension=version.dimension, name=str(version.pk), fields=FIELDS, **settings.VECTOR_INDEX["OPTIONS"]
    )
    return index


def listed_for(viewer: Viewer) -> Filter:
    """The filter that is to the index what ImageQuerySet.listed_for is to SQL."""
    public = Match(VISIBILITY, (Visibility.PUBLIC.value,))
    return public if viewer.pk is None else Any((public, Match(OWNER, (viewer.pk,))))


class LiveIndex:
    """The index of one model version, kept level with its embeddings. Safe to share between threads."""

    def __init__(self, version: ModelVersion) -> None:
        self.version = version
        self.seq = 0
        self._saved_seq = 0
        self._index = create_index(version)
        self._following = threading.Lock()
        self._load_snapshot()

    def search(self, vector: Vector, *, limit: int, where: Filter | None = None) -> list[Hit]:
        """See VectorIndex.search. The vector must come from the encoder of `self.version`."""
        return self._index.search(vector, limit=limit, where=where)

    def count(self) -> int:
        """How many pictures can be found."""
        return self._index.count()

    def follow(self, last_seq: int) -> None:
        """Take in the changes up to `last_seq`, which was just read from the table, at least."""
        if last_seq == self.seq:
            return
        with self._following:
            if last_seq < self.seq and self._last_seq() < self.seq:
                # Not just another thread that was faster: the table went back, as after restoring a backup.
                logger.warning("The vectors of %s went back in time; the index is built anew.", self.version)
                self._start_over()
            while self.seq < last_seq:
                self._take_chunk(last_seq)

    def save_snapshot_if_due(self) -> bool:
        """Write the snapshot if there are changes since the last one and that one is not fresh; says whether it did."""
        if not self._index.supports_snapshots or self.seq == self._saved_seq or not self._is_snapshot_old():
            return False
        with self._following:  # so that the points are those of `seq`
            self._index.save_snapshot(self._snapshot_path, label=self._label, generation=self.seq)
            self._saved_seq = self.seq
        for other in settings.INDEX_DIR.glob("*.index"):
            if other != self._snapshot_path:
                other.unlink(missing_ok=True)
        return True

    def _last_seq(self) -> int:
        return ModelVersion.objects.values_list("last_seq", flat=True).get(pk=self.version.pk)

    def _start_over(self) -> None:
        self._index, self.seq, self._saved_seq = create_index(self.version), 0, 0

    def _take_chunk(self, last_seq: int) -> None:
        picture = Image.objects.filter(pk=OuterRef("image_id"))
        changes = list(
            Embedding.objects.filter(model_version_id=self.version.pk, seq__gt=self.seq)
            .annotate(owner_id=Subquery(picture.values("owner_id")), visibility=Subquery(picture.values("visibility")))
            .order_by("seq")
            .values_list("seq", "image_id", "vector", "owner_id", "visibility")[:CHUNK]
        )
        self._apply((image_id, vector, owner, visibility) for _, image_id, vector, owner, visibility in changes)
        newest = changes[-1][0] if changes else 0
        self.seq = newest if len(changes) == CHUNK else max(newest, last_seq)

    def _apply(self, changes: Iterable[tuple[int, Stored | None, int | None, str | None]]) -> None:
        points, gone = [], []
        for image_id, stored, owner, visibility in changes:
            if stored is None or owner is None or visibility is None:
                gone.append(image_id)
                continue
            try:
                vector = unpack(stored, dimension=self.version.dimension)
            except BadVector:
                logger.exception("The vector of picture %d by %s is damaged; embed it again.", image_id, self.version)
                gone.append(image_id)
            else:
                points.append(Point(image_id, vector, {OWNER: owner, VISIBILITY: visibility}))
        self._index.delete(gone)
        self._index.upsert(points)

    @property
    def _snapshot_path(self) -> Path:
        return Path(settings.INDEX_DIR) / f"{self.version.pk}.index"

    @property
    def _label(self) -> str:
        """Tells versions apart, and those of another database that had the same number."""
        return f"{self.version.key} {self.version.created_at.isoformat()}"

    def _is_snapshot_old(self) -> bool:
        try:
            return time.time() - self._snapshot_path.stat().st_mtime > SNAPSHOT_AGE
        except FileNotFoundError:
            return True

    def _load_snapshot(self) -> None:
        if not self._index.supports_snapshots:
            return
        try:
            self.seq = self._saved_seq = self._index.load_snapshot(self._snapshot_path, label=self._label)
        except FileNotFoundError:
            return
        except IndexCorrupt as error:
            logger.warning("%s The index is built anew.", error)
            return
        last_seq = self._last_seq()
        self.follow(last_seq)
        vectors = Embedding.objects.filter(
            Exists(Image.objects.filter(pk=OuterRef("image_id"))),
            model_version_id=self.version.pk,
            vector__isnull=False,
        )
        if self.seq == last_seq and self.count() != vectors.count():
            logger.warning("The snapshot of %s doesn't fit its vectors; the index is built anew.", self.version)
            self._start_over()


_current: LiveIndex | None = None
_switching = threading.Lock()


def get_index() -> LiveIndex | None:
    """The index of the active version, level with the table; None as long as no version is active.

    Whoever holds it holds a version and an index that belong together, whatever becomes active meanwhile.
    """
    version = _active_version()
    if version is None:
        return None
    live = _current
    if live is None or live.version.pk != version.pk:
        live = _switch()
    if live is not None and live.version.pk == version.pk:
        live.version = version  # the same one; its encoder may go by another name now
        live.follow(version.last_seq)
    return live


def save_snapshot_if_due() -> bool:
    """Write the active version's snapshot when it is due; for the worker's sweep. Says whether it did."""
    live = get_index()
    return live is not None and live.save_snapshot_if_due()


def reset() -> None:
    """Forget this process's index; the next `get_index` makes a new one."""
    global _current  # noqa: PLW0603  the one place of this process that holds it
    with _switching:
        _current = None


def _active_version() -> ModelVersion | None:
    return ModelVersion.objects.filter(state=ModelVersion.State.ACTIVE).first()


def _switch() -> LiveIndex | None:
    """Make the active version's index, level with the table, and only then put it in the place of the old one."""
    global _current  # noqa: PLW0603  see reset
    with _switching:
        version = _active_version()  # again: whoever waited here may have seen an older one
        if version is None:
            return None
        if _current is None or _current.version.pk != version.pk:
            live = LiveIndex(version)
            live.follow(version.last_seq)
            _current = live
        return _current
