"""A library that grows to a million pictures: their rows, full text, vectors and files' names, without the files.

Every row is one of the site's own tables, on SQLite or PostgreSQL. The first pictures are real ones that the site has
worked on; what is added repeats their renditions and work under new keys, has a caption, camera and date of its own,
greys at random, and a vector near theirs.
"""

import itertools
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import vectors
from bench.search_library import Library

if TYPE_CHECKING:
    from django.db.models import Model

    from gallery.models import Image

PIECE = 10_000
# Of these greys each picture has a piece that begins elsewhere.
GREYS = np.random.default_rng(0).bytes(1_000_000)
GREYS_OF_IMAGE = "substr(%s, CAST(1 + image.id * 997 %% 990000 AS integer), length(model.greys))"


class Growing:
    """The library of a site whose first pictures, so many, are real and have vectors by the active version.

    `dress` changes each copy, given its number from 0 on, before it is saved.
    """

    def __init__(self, real: int, dress: "Callable[[Image, int], None] | None" = None) -> None:
        from gallery.models import Image
        from search.models import Embedding, ModelVersion
        from search.vectors import unpack

        self._version = ModelVersion.objects.get(state=ModelVersion.State.ACTIVE)
        self._sources = list(Image.objects.order_by("pk")[:real])
        stored = Embedding.objects.filter(model_version=self._version, image__in=self._sources)
        halves = [unpack(each.vector, dimension=self._version.dimension) for each in stored]
        given = Image.with_trash.count() - real  # goes on from there
        self._clusters = vectors.Clusters(np.stack(halves).astype(np.float32), given)
        self._dress = dress or Library(given).dress
        self._numbers = itertools.count(given)

    def grow(self, total: int) -> None:
        """Add pictures until there are `total`."""
        from gallery.models import Image

        missing = total - Image.with_trash.count()
        for start in range(0, missing, PIECE):
            self._add(min(PIECE, missing - start))

    def _add(self, number: int) -> None:
        from django.db import transaction

        from gallery.models import Image
        from search import services

        with transaction.atomic():
            copies = [self._copy(source) for source in itertools.islice(itertools.cycle(self._sources), number)]
            Image.objects.bulk_create(copies, batch_size=1_000)
            keys = [copy.pk for copy in copies]
            self._repeat(keys[0])
            new = self._clusters.more(number)
            services.embeddings_record(version=self._version, vectors=dict(zip(keys, new, strict=True)))

    def _copy(self, source: "Image") -> "Image":
        from gallery.models import Image

        fields = {field.attname: getattr(source, field.attname) for field in Image._meta.concrete_fields}
        del fields["id"]
        copy = Image(**fields | {"uuid": uuid.uuid4(), "sha256": uuid.uuid4().hex * 2})
        self._dress(copy, next(self._numbers))
        return copy

    def _repeat(self, first: int) -> None:
        """The other rows of the pictures from key `first` on, as those of a real one."""
        from captioning.models import Caption
        from gallery.models import Rendition, Stage
        from search.models import Look

        source = self._sources[0].pk
        _copy_rows(Rendition, source, first)
        _copy_rows(Stage, source, first, _long_ago(), state="'done'", finished_at="%s")
        _copy_rows(Caption, source, first, text="image.description", unsure="image.description_unsure")
        _copy_rows(Look, source, first, GREYS, greys=GREYS_OF_IMAGE, is_compared="TRUE")


def _long_ago() -> Any:
    """An hour ago, for SQL. Had all been done just now, it would be counted as what a worker does these minutes."""
    from django.db import connection
    from django.utils import timezone

    return connection.ops.adapt_datetimefield_value(timezone.now() - timedelta(hours=1))


def _copy_rows(table: "type[Model]", source: int, first: int, *values: Any, **changed: str) -> None:
    """For each picture from `first` on, the rows that picture `source` has, with some columns changed: to SQL, whose
    placeholders `values` fill."""
    from django.db import connection

    columns = [field.column for field in table._meta.concrete_fields if field.column != "id"]
    sources = {column: f"model.{column}" for column in columns} | {"image_id": "image.id", **changed}
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table._meta.db_table} ({', '.join(columns)}) SELECT {', '.join(sources.values())}"
            f" FROM gallery_image image, {table._meta.db_table} model WHERE image.id >= %s AND model.image_id = %s",
            [*values, first, source],
        )
