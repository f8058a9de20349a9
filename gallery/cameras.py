"""Cameras, by their makes and models, of which there are few, however many pictures were taken with them."""

from collections.abc import Iterable

from django.db import connection
from django.db.models import Q

from gallery.models import Image, ImageQuerySet, Viewer
from gallery.narrowing import NONE, narrowed

# Each name leads to the next one by a look into the index of its column, instead of all pictures to their names.
_NAMES = """
    WITH RECURSIVE {column}(name) AS (
        SELECT min({column}) FROM {table} WHERE trashed_at IS NULL AND {column} > ''
        UNION ALL
        SELECT (SELECT min({column}) FROM {table} WHERE trashed_at IS NULL AND {column} > {column}s.name)
        FROM {column} AS {column}s WHERE {column}s.name IS NOT NULL
    )
    SELECT '{column}' AS kind, name FROM {column} WHERE name IS NOT NULL
"""


def taken_with(text: str, *, viewer: Viewer) -> Q:
    """A condition on what is listed for the viewer: make or model of the camera hold this text, in capitals or not. Two
    SQL statements."""
    # Not by the names alone, or SQLite would find all of a frequent one, and sort them.
    return narrowed(has_name_with(text), among=by_name([text]), viewer=viewer)


def has_name_with(text: str) -> Q:
    """The same condition, as it is asked of a picture."""
    return Q(camera_make__icontains=text) | Q(camera_model__icontains=text)


def by_name(texts: Iterable[str]) -> list[ImageQuerySet]:
    """What was taken with any of these, by makes and by models: each is looked up in an index of its own. One SQL
    statement."""
    wanted = [text.casefold() for text in texts]
    names = [(kind, name) for kind, name in _names() if any(text in name.casefold() for text in wanted)]
    makes, models = ([name for kind, name in names if kind == column] for column in ("camera_make", "camera_model"))
    each = Q(camera_make__in=makes) if makes else NONE, Q(camera_model__in=models) if models else NONE
    return [Image.objects.filter(one) for one in each]


def _names() -> list[tuple[str, str]]:
    """(column, name) of each make and each model."""
    table = Image._meta.db_table
    one, other = (_NAMES.format(table=table, column=column) for column in ("camera_make", "camera_model"))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM ({one}) AS makes UNION ALL SELECT * FROM ({other}) AS models")  # noqa: S608
        return [(kind, name) for kind, name in cursor.fetchall()]
