"""Every way in which vectors are written; search.versions has those of model versions.

The `seq` of a vector is taken from `ModelVersion.last_seq` by an UPDATE in the transaction that writes it. That row
stays locked until the commit, so that changes become visible in the order of their numbers, and an index that has read
up to some `seq` has missed nothing before it. The same lock orders writing a vector and deleting its picture.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from django.db import transaction
from django.db.models import F
from PIL.Image import Image as Picture

from gallery.chunks import in_chunks
from gallery.models import Image
from search import engine
from search.exceptions import VersionUnknown
from search.models import CaptionEmbedding, Embedding, ModelVersion, Table
from search.vectors import pack

CHUNK = 1_000
TABLES: tuple[Table, ...] = (Embedding, CaptionEmbedding)


class EmbeddedCaption(NamedTuple):
    """What a person said of a picture, and its vector as search.vectors packs it; None where the encoder fails on it.
    Where `text` is "", nobody says anything of the picture any more."""

    text: str
    vector: bytes | None


def embeddings_write(*, version: ModelVersion, image_ids: Sequence[int], pictures: Sequence[Picture]) -> None:
    """Embed pictures (RGB, in the order of `image_ids`) and record their vectors; those deleted meanwhile pass.

    Where the encoder fails on one of them, nothing is written and its error is raised: give it each picture alone then.
    Raises ModelChanged, or another error of ml.errors, where the model itself is another one, missing or damaged.
    """
    vectors = engine.encode_pictures(pictures, version=version)
    # strict: an encoder that lost a picture must not have its vectors put on the others
    embeddings_record(version=version, vectors=dict(zip(image_ids, vectors, strict=True)))


def embeddings_record(*, version: ModelVersion, vectors: Mapping[int, npt.NDArray[np.floating]]) -> None:
    """Keep the vectors, (d,) float each and of any length but 0, of these pictures, in the place of older ones.

    Pictures that were deleted meanwhile are passed over. Raises BadVector, or VersionUnknown where the version was
    removed, and then keeps none.
    """
    packed = {image_id: pack(vector, dimension=version.dimension) for image_id, vector in vectors.items()}
    for image_ids in in_chunks(packed, CHUNK):
        with transaction.atomic():
            seqs = _allocate(version.pk, len(image_ids))
            # Read after the lock: whoever deletes one of them has either left its tombstone or waits for us.
            present = set(Image.with_trash.filter(pk__in=image_ids).values_list("pk", flat=True))
            _upsert(
                Embedding,
                [
                    Embedding(image_id=image_id, model_version_id=version.pk, vector=packed[image_id], seq=seq)
                    for image_id, seq in zip(image_ids, seqs, strict=True)
                    if image_id in present
                ],
                fields=Embedding.CONTENT,
            )


def captions_record(*, version: ModelVersion, captions: Mapping[int, EmbeddedCaption]) -> None:
    """Keep the vectors of what people said of these pictures, at most CHUNK, in the place of older ones.

    Those of which something else is said by now are passed over. Raises VersionUnknown where the version was removed,
    and then keeps none.
    """
    with transaction.atomic():
        seqs = _allocate(version.pk, len(captions))
        # Read after the lock: whoever changes a caption later is followed by one who embeds it later.
        said = dict(Image.with_trash.described_by_person().filter(pk__in=captions).values_list("pk", "description"))
        _upsert(
            CaptionEmbedding,
            [
                CaptionEmbedding(
                    image_id=image_id, model_version_id=version.pk, seq=seq, **captions[image_id]._asdict()
                )
                for image_id, seq in zip(sorted(captions), seqs, strict=True)
                if captions[image_id].text == said.get(image_id, "")
            ],
            fields=CaptionEmbedding.CONTENT,
        )


def captions_said() -> None:
    """Let the workers look for captions to embed. Call it in the transaction in which a person says something."""
    # one after the other, as all others lock them
    for version_id in ModelVersion.objects.order_by("pk").values_list("pk", flat=True):
        ModelVersion.objects.filter(pk=version_id).update(captions_said=F("captions_said") + 1)


def embeddings_touch(*, image_ids: Collection[int]) -> None:
    """Tell every index that who may see these pictures changed. Call it in the transaction that changes it."""
    _mark(image_ids, is_emptied=False)


def embeddings_forget(*, image_ids: Collection[int], tables: Sequence[Table] = TABLES) -> None:
    """Leave tombstones for these pictures. Call it in the transaction that deletes them, before they go."""
    _mark(image_ids, is_emptied=True, tables=tables)


def _mark(image_ids: Collection[int], *, is_emptied: bool, tables: Sequence[Table] = TABLES) -> None:
    """Give new numbers to what is known of these pictures, and perhaps empty it."""
    with transaction.atomic():
        for version_id in list(ModelVersion.objects.order_by("pk").values_list("pk", flat=True)):
            for chunk in in_chunks(image_ids, CHUNK):
                try:
                    seqs = _allocate(version_id, len(chunk))
                except VersionUnknown:  # so there is nobody left to tell
                    break
                for table in tables:
                    known = table.objects.filter(model_version_id=version_id, image_id__in=chunk)
                    known_ids = known.values_list("image_id", flat=True)
                    # zip, not strict: a number was taken for each picture, and those without a vector leave gaps
                    _upsert(
                        table,
                        [
                            table(image_id=image_id, model_version_id=version_id, seq=seq)
                            for image_id, seq in zip(known_ids, seqs, strict=False)
                        ],
                        fields=table.CONTENT if is_emptied else (),
                    )


def _allocate(version_id: int, number: int) -> range:
    """The next numbers of a version; its row is locked from here to the end of the transaction.

    Raises VersionUnknown where it was removed.
    """
    if not ModelVersion.objects.filter(pk=version_id).update(last_seq=F("last_seq") + number):
        raise VersionUnknown("The model version was removed meanwhile.")
    last = ModelVersion.objects.values_list("last_seq", flat=True).get(pk=version_id)
    return range(last - number + 1, last + 1)


def _upsert(table: Table, rows: Sequence[Any], *, fields: Iterable[str]) -> None:
    """Write rows of the table; of those that are there, these fields and the numbers."""
    table.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["image", "model_version"],
        update_fields=[*fields, "seq", "updated_at"],
        batch_size=CHUNK,
    )
