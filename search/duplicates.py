"""Finds pictures of one owner that are nearly the same, and remembers which of them are to be left alone.

A picture is looked at once, when it has its thumbnail, and compared once, when it has its vector: vectors suggest whom
it resembles, greys prove it (search.likeness). Both go in small pieces, in the worker, whenever nothing else is due.
Whoever compares has written its look before, so that of two that are compared at once, one sees the other.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from gallery.chunks import AT_ONCE as IDS_AT_ONCE
from gallery.chunks import in_chunks
from gallery.exceptions import UploadRefused
from gallery.models import Image, ImageQuerySet, Rendition, Stage, User
from gallery.renditions import rendition_pixels
from search import pushing
from search.backends.base import Match
from search.backends.exceptions import VectorIndexError
from search.changes import OWNER
from search.exceptions import BadVector
from search.index import Indexes, get_indexes
from search.likeness import LEAST_COSINE, SIDE, Greys, greys_of, kind_of, likenesses
from search.models import Embedding, Look, ModelVersion, NearDuplicate
from search.vectors import unpack

# Pictures of a piece, and how many others each is compared with at most: those that its vector is nearest to.
AT_ONCE = 20
NEIGHBOURS = 50

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """How many of somebody's pictures are still to be compared; those that failed in the work never are."""

    waiting: int
    pictures: int

    @property
    def compared(self) -> int:
        return self.pictures - self.waiting


def compare_some() -> int:
    """Get on with a piece of what `is_behind` tells; with how many pictures. 0 also where it has to wait for what
    isn't there now."""
    try:
        return _look() or _compare()
    except (OSError, VectorIndexError) as error:  # of the disk, or the place where the pictures lie
        logger.warning("Pictures can't be compared now: %s", error)
        return 0


def is_behind() -> bool:
    """Whether pictures could be looked at or compared."""
    version = _active_version()
    return _unseen().exists() or (version is not None and _uncompared(version).exists())


def progress_of(owner: User) -> Progress | None:
    """How far the comparing of somebody's pictures is; None where none of them waits. Two SQL statements, or three.

    Pictures are looked at in the order of their keys: those past the last one that was, still wait for that. To ask of
    each would take the longer, the more there are; one whose thumbnail comes late is passed over until it is looked at.
    """
    images = Image.objects.filter(owner=owner)
    failed = Stage.objects.filter(image=OuterRef("pk"), state=Stage.State.FAILED).exclude(priority=Stage.Priority.LATER)
    last = Look.objects.order_by("-pk").values("pk")[:1]
    unseen = images.filter(~Exists(failed), pk__gt=Coalesce(Subquery(last), 0))
    own = Exists(images.filter(pk=OuterRef("pk")))
    waiting = unseen.count() + Look.objects.filter(own, ~Exists(failed), is_compared=False).count()
    return Progress(waiting=waiting, pictures=images.count()) if waiting else None


def look_again(*, image_ids: Iterable[int]) -> None:
    """Their thumbnails were just made: those that could not be read before are looked at after all."""
    Look.objects.filter(image_id__in=image_ids, greys=None).delete()


def compare_again(*, image_ids: Iterable[int]) -> None:
    """They were away while others were compared."""
    for chunk in in_chunks(image_ids, IDS_AT_ONCE):
        Look.objects.filter(image_id__in=chunk, greys__isnull=False).update(is_compared=False)


def near_duplicates_dismiss(*, owner: User, image_ids: Iterable[int]) -> list[int]:
    """Keep these pictures and don't ask about them again; the keys of the pairs that this settles.

    With those that were kept beside one of them before: a picture that came later would else return with each of them
    in turn.
    """
    ids = set(image_ids)
    pairs = _pairs_of(owner)
    kept = pairs.filter(Q(first__in=ids) | Q(second__in=ids), is_dismissed=True).values_list("first_id", "second_id")
    ids.update(pk for pair in kept for pk in pair)
    return _settle(pairs.filter(first__in=ids, second__in=ids, is_dismissed=False), is_dismissed=True)


def near_duplicates_ask_again(*, owner: User, pair_ids: Iterable[int]) -> int:
    """Ask again about pairs that the owner kept, by their keys; of how many that is true."""
    kept = _pairs_of(owner).filter(is_dismissed=True)
    chunks = in_chunks(pair_ids, IDS_AT_ONCE)
    return sum(len(_settle(kept.filter(pk__in=chunk), is_dismissed=False)) for chunk in chunks)


def _pairs_of(owner: User) -> QuerySet[NearDuplicate]:
    return NearDuplicate.objects.filter(first__owner=owner, second__owner=owner)


def _settle(pairs: QuerySet[NearDuplicate], *, is_dismissed: bool) -> list[int]:
    with transaction.atomic():
        found = list(pairs.select_for_update(of=("self",)).order_by("pk").values_list("pk", flat=True))
        for chunk in in_chunks(found, IDS_AT_ONCE):
            NearDuplicate.objects.filter(pk__in=chunk).update(is_dismissed=is_dismissed)
    return found


def _active_version() -> ModelVersion | None:
    return ModelVersion.objects.filter(state=ModelVersion.State.ACTIVE).first()


def _look() -> int:
    images = list(_unseen().with_renditions()[:AT_ONCE])
    looks = [_look_at(image.thumbnail) for image in images if image.thumbnail]  # it may have gone since
    with transaction.atomic():
        present = _present(image.pk for image in images)
        Look.objects.bulk_create([look for look in looks if look.image_id in present], ignore_conflicts=True)
    return len(images)


def _look_at(thumbnail: Rendition) -> Look:
    try:
        greys = greys_of(rendition_pixels(thumbnail))
    except (FileNotFoundError, UploadRefused) as error:
        logger.warning("The %s can't be read: %s", thumbnail, error)
        return Look(image_id=thumbnail.image_id, greys=None, is_compared=True)
    return Look(image_id=thumbnail.image_id, greys=greys.tobytes())


def _compare() -> int:
    version = _active_version()
    looks = list(_uncompared(version).select_related("image")[:AT_ONCE]) if version else []
    if not looks:
        return 0
    indexes = get_indexes(wait=True)  # after the looks, so that it has the vector of each: two new ones find each other
    if indexes is None or indexes.version != version or pushing.lags().get(version):
        return 0
    nearest = _nearest(indexes, looks)
    others = Look.objects.filter(greys__isnull=False, pk__in={pk for near in nearest.values() for pk in near})
    known = {look.pk: look for look in others.select_related("image")}
    pairs = [pair for look in looks for pair in _pairs(look, nearest[look.pk], known)]
    with transaction.atomic():
        present = _present(pk for pair in pairs for pk in (pair.first_id, pair.second_id))
        NearDuplicate.objects.bulk_create(
            [pair for pair in pairs if {pair.first_id, pair.second_id} <= present], ignore_conflicts=True
        )
        Look.objects.filter(pk__in=[look.pk for look in looks]).update(is_compared=True)
    return len(looks)


def _nearest(indexes: Indexes, looks: Sequence[Look]) -> dict[int, dict[int, float]]:
    """For each picture its nearest ones of the same owner, with their cosines."""
    rows = Embedding.objects.filter(model_version=indexes.version, image_id__in=[look.pk for look in looks])
    stored = dict(rows.values_list("image_id", "vector"))
    nearest: dict[int, dict[int, float]] = {}
    for look in looks:
        try:
            vector = unpack(stored.get(look.pk) or b"", dimension=indexes.version.dimension)
        except BadVector:  # or one that has just been deleted
            nearest[look.pk] = {}
            continue
        own = Match(OWNER, (look.image.owner_id,))
        hits = indexes.pictures.search(vector.astype(np.float32), limit=NEIGHBOURS + 1, where=own).hits
        nearest[look.pk] = {hit.key: hit.score for hit in hits if hit.key != look.pk and hit.score >= LEAST_COSINE}
    return nearest


def _pairs(look: Look, cosines: Mapping[int, float], known: Mapping[int, Look]) -> list[NearDuplicate]:
    others = [known[pk] for pk in cosines if pk in known and known[pk].image.owner_id == look.image.owner_id]
    pairs = []
    for other, likeness in zip(others, likenesses(_greys(look), map(_greys, others)), strict=True):
        kind = kind_of(cosines[other.pk], likeness, _seconds_between(look.image.taken_at, other.image.taken_at))
        if kind is not None:
            first, second = sorted((look.pk, other.pk))
            pairs.append(NearDuplicate(first_id=first, second_id=second, kind=kind))
    return pairs


def _greys(look: Look) -> Greys:
    return np.frombuffer(look.greys or b"", np.uint8).reshape(SIDE, SIDE)


def _seconds_between(one: datetime | None, other: datetime | None) -> float | None:
    return None if one is None or other is None else abs((one - other).total_seconds())


def _unseen() -> ImageQuerySet:
    """Pictures with a thumbnail that nobody has looked at."""
    thumbnail = Rendition.objects.filter(image=OuterRef("pk"), kind=Rendition.Kind.THUMBNAIL)
    seen = Look.objects.filter(image=OuterRef("pk"))
    # in this order: SQLite answers for 100,000 pictures that all were seen in half of the time (20 ms)
    return Image.objects.filter(~Exists(seen), Exists(thumbnail)).order_by("pk")


def _uncompared(version: ModelVersion) -> QuerySet[Look]:
    """Pictures that were looked at, have their vector, and are to be compared."""
    vector = Embedding.objects.filter(image_id=OuterRef("pk"), model_version=version, vector__isnull=False)
    # in the trash they wait: the index doesn't have them
    return Look.objects.filter(Exists(vector), is_compared=False, image__trashed_at=None).order_by("pk")


def _present(image_ids: Iterable[int]) -> set[int]:
    """Those of the pictures that haven't been deleted, nor can be until the end of the transaction."""
    locked = Image.objects.select_for_update(no_key=True).order_by("pk")
    return set(locked.filter(pk__in=set(image_ids)).values_list("pk", flat=True))
