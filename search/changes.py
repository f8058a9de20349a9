"""What an index reads of its table: points as filters know them, in the order of their changes or of their
pictures."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import OuterRef, QuerySet, Subquery

from gallery.models import Image, Viewer, Visibility
from gallery.sharing import listed_beside_own
from search.backends.base import Any, FieldKind, Filter, HasKey, Match, Point
from search.exceptions import BadVector
from search.models import ModelVersion, Table, VersionedVector
from search.query.ids import ids_selected
from search.vectors import Stored, unpack, unpack_all

# Changes that are read from the table at once: a few megabytes of vectors.
CHUNK = 4_000
# Of what others share with somebody, so many pictures are told to the index one by one.
MOST_SHARED = 50_000

OWNER, VISIBILITY = "owner", "visibility"
FIELDS: dict[str, FieldKind] = {OWNER: "integer", VISIBILITY: "keyword"}

# seq, image id, vector, owner id, visibility; no vector in a tombstone, no owner where the picture is gone
Row = tuple[int, int, Stored | None, int | None, str | None]

logger = logging.getLogger(__name__)


def listed_for(viewer: Viewer) -> Filter:
    """The filter that is to the index what ImageQuerySet.listed_for is to SQL. At most two statements.

    What others let the viewer see is told by its keys: what is shared is found at once, and not any more as soon as it
    isn't. Where that is too much, all of those people's pictures are let through, for SQL to take out the rest.
    """
    public = Match(VISIBILITY, (Visibility.PUBLIC.value,))
    if viewer.pk is None:
        return public
    own = Match(OWNER, (viewer.pk,))
    others = listed_beside_own(viewer)[: MOST_SHARED + 1]
    keys = ids_selected(*others.query.sql_with_params())
    if not len(keys):
        return Any((public, own))
    if len(keys) > MOST_SHARED:
        owners = Image.objects.shared_with(viewer).values_list("owner_id", flat=True).distinct().order_by()
        return Any((public, Match(OWNER, (viewer.pk, *owners))))
    return Any((public, own, HasKey(keys)))


@dataclass(frozen=True)
class Changes:
    """Changes in their order: the points to write, the pictures to take out, and the number of the last one."""

    points: list[Point]
    gone: list[int]
    seq: int


def read_changes(table: Table, version: ModelVersion, *, after: int, last_seq: int) -> Changes:
    """The next CHUNK changes of a version's vectors past `after`. `last_seq`: a number up to which, as the table
    said, all changes are there; the answer's `seq` gets to it where no others lie between."""
    rows = list(_rows(table, version).filter(seq__gt=after).order_by("seq")[:CHUNK])
    newest = rows[-1][0] if rows else 0
    points, gone = as_points(version, rows)
    return Changes(points, gone, newest if len(rows) == CHUNK else max(newest, last_seq))


def read_pictures(table: Table, version: ModelVersion, *, after: int, limit: int) -> list[Row]:
    """The rows of the first `limit` pictures whose id is above `after`, by id: tombstones and orphans too."""
    return list(_rows(table, version).filter(image_id__gt=after).order_by("image_id")[:limit])


def as_points(version: ModelVersion, rows: Iterable[Row]) -> tuple[list[Point], list[int]]:
    """The points of those that can be found, and the ids of the others: deleted, or with a damaged vector."""
    found: list[tuple[int, Stored, int, str]] = []
    gone: list[int] = []
    for _seq, image_id, stored, owner, visibility in rows:
        if stored is None or owner is None or visibility is None:
            gone.append(image_id)
        else:
            found.append((image_id, stored, owner, visibility))
    vectors = unpack_all([stored for _, stored, _, _ in found], dimension=version.dimension)
    if vectors is None:  # one of them is damaged: which one?
        damaged = [image_id for image_id, stored, _, _ in found if not _is_whole(version, image_id, stored)]
        found = [each for each in found if each[0] not in damaged]
        gone += damaged
        vectors = unpack_all([stored for _, stored, _, _ in found], dimension=version.dimension)
        assert vectors is not None  # noqa: S101  each of them has just been unpacked
    points = [
        Point(image_id, vector, {OWNER: owner, VISIBILITY: visibility})
        for (image_id, _, owner, visibility), vector in zip(found, vectors, strict=True)
    ]
    return points, gone


def _rows(table: Table, version: ModelVersion) -> "QuerySet[VersionedVector, Row]":
    # Not a join, which would leave out tombstones, whose pictures are gone.
    picture = Image.objects.filter(pk=OuterRef("image_id"))
    return (
        table.objects.filter(model_version_id=version.pk)
        .annotate(owner_id=Subquery(picture.values("owner_id")), visibility=Subquery(picture.values("visibility")))
        .values_list("seq", "image_id", "vector", "owner_id", "visibility")
    )


def _is_whole(version: ModelVersion, image_id: int, stored: Stored) -> bool:
    try:
        unpack(stored, dimension=version.dimension)
    except BadVector:
        logger.exception("The vector of picture %d by %s is damaged; embed it again.", image_id, version)
        return False
    return True
