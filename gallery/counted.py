"""How many pictures an album or a tag holds, told by indexes alone, and how many of anything, up to a bound.

The former are all less those in the trash. To count what is kept would be to read the row of each picture: of 20 albums
with 9,000 pictures each that takes 180 ms on SQLite, and this 5.
"""

from typing import Any

from django.db.models import Func, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.expressions import CombinedExpression, RawSQL

from gallery.models import Album, AlbumImage, Image, ImageTag, Tag


def pictures_of_album() -> CombinedExpression:
    """The number of pictures in an album, for an annotation on albums."""
    return _kept(AlbumImage.objects.all(), "album")


def pictures_of_tag() -> CombinedExpression:
    """The number of pictures with a tag, for an annotation on tags."""
    return _kept(ImageTag.objects.all(), "tag")


def pictures_in(of: Album | Tag) -> int:
    """The number of pictures of one album or tag. One SQL statement."""
    number = pictures_of_album() if isinstance(of, Album) else pictures_of_tag()
    rows: QuerySet[Any] = type(of)._default_manager.filter(pk=of.pk).annotate(pictures=number)
    return rows.values_list("pictures", flat=True).first() or 0


def up_to(rows: QuerySet[Any], most: int) -> tuple[int, bool]:
    """How many there are, or `most` of more; and whether those are all."""
    number = rows.order_by()[: most + 1].count()
    return min(number, most), number <= most


def _kept(links: QuerySet[Any], of: str) -> CombinedExpression:
    number = Func(template="COUNT(*)", output_field=IntegerField())  # Count would group by what is one and the same
    counted = links.filter(**{of: OuterRef("pk")}).order_by().annotate(number=number).values("number")
    return Subquery(counted) - _trashed(links, of)


def _trashed(links: QuerySet[Any], of: str) -> RawSQL:
    """Told for all at once, by what lies in the trash: for each by itself, SQLite would look for all of that."""
    link, image = links.model._meta.db_table, Image._meta.db_table
    holder = links.model._meta.get_field(of).related_model._meta.db_table
    trash = f"SELECT id FROM {image} WHERE trashed_at IS NOT NULL"  # noqa: S608  names of ours
    number = f"SELECT {of}_id AS id, COUNT(*) AS number FROM {link} WHERE image_id IN ({trash}) GROUP BY {of}_id"  # noqa: S608
    counted = f"WITH trashed AS MATERIALIZED ({number}) SELECT number FROM trashed WHERE trashed.id = {holder}.id"  # noqa: S608
    return RawSQL(f"COALESCE(({counted}), 0)", [], output_field=IntegerField())  # noqa: S611
