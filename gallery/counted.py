"""How many pictures albums and tags hold, which their rows keep, and how many of anything, up to a bound.

What lies in the trash doesn't count. Whoever changes what does has it counted anew in the same transaction, after the
change: not added up, so that a number that was wrong is right after the next change. What people's originals take is
the database's own business (gallery.tally_schema); here is told where it is wrong.
"""

from collections.abc import Iterable
from typing import Any

from django.db.models import BigIntegerField, F, Func, IntegerField, OuterRef, QuerySet, Subquery, Sum
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Coalesce

from gallery.chunks import AT_ONCE, in_chunks
from gallery.models import Album, AlbumImage, Image, ImageTag, Tag, Tally, User


def holders(of: type[Album] | type[Tag], image_ids: Iterable[int]) -> set[int]:
    """The ids of the albums or tags that hold some of these pictures, be they in the trash."""
    links, holder = _links(of)
    found = links.values_list(holder, flat=True).distinct()
    return {pk for chunk in in_chunks(image_ids, AT_ONCE) for pk in found.filter(image__in=chunk)}


def hold(of: type[Album] | type[Tag], ids: Iterable[int]) -> None:
    """Locks albums or tags until the end of the transaction. Pictures, albums, people, tags and, for their vectors,
    model versions are locked in this order, so that no two writers wait for each other."""
    for chunk in in_chunks(ids, AT_ONCE):
        rows: QuerySet[Any] = of._default_manager.filter(pk__in=chunk)
        list(rows.select_for_update(no_key=True).order_by("pk").values_list("pk"))


def recount(of: type[Album] | type[Tag], ids: Iterable[int], **changes: Any) -> None:
    """Has albums or tags keep how many pictures they hold now, with other `changes` of theirs. Locks them, before they
    are counted, to see what others did until they let go of them."""
    for chunk in in_chunks(ids, AT_ONCE):
        hold(of, chunk)
        of._default_manager.filter(pk__in=chunk).update(pictures=counted(of), **changes)


def counted(of: type[Album] | type[Tag]) -> CombinedExpression:
    """The number of pictures in an album or with a tag, for an annotation: all less those in the trash, each told by
    indexes alone."""
    links, holder = _links(of)
    every = links.filter(**{holder: OuterRef("pk")}).order_by()
    trash = Image.with_trash.filter(trashed_at__isnull=False).values("pk")
    return _number(every) - _number(every.filter(image__in=trash))


def tallies_wrong() -> QuerySet[Any]:
    """People of whom it is `said` that their originals take other than is `taken`, in bytes."""

    def total(rows: QuerySet[Any], field: str) -> Coalesce:
        of_person = rows.filter(owner=OuterRef("pk")).order_by().values("owner")
        return Coalesce(Subquery(of_person.values(bytes=Sum(field))), 0, output_field=BigIntegerField())

    said, taken = total(Tally.objects.all(), "bytes"), total(Image.with_trash.all(), "byte_size")
    return User.objects.annotate(said=said, taken=taken).exclude(said=F("taken"))


def tallies_mend(people: Iterable[Any]) -> None:
    """Adds what is missing of people of `tallies_wrong`, or takes off what is too much: what others change meanwhile
    counts beside it."""
    Tally.objects.bulk_create([Tally(owner=person, bytes=person.taken - person.said) for person in people])


def up_to(rows: QuerySet[Any], most: int) -> tuple[int, bool]:
    """How many there are, or `most` of more; and whether those are all."""
    number = rows.order_by()[: most + 1].count()
    return min(number, most), number <= most


def _links(of: type[Album] | type[Tag]) -> tuple[QuerySet[Any], str]:
    """The links to pictures, and their field that leads to the album or tag."""
    return (AlbumImage.objects.all(), "album") if of is Album else (ImageTag.objects.all(), "tag")


def _number(rows: QuerySet[Any]) -> Coalesce:
    number = Func(template="COUNT(*)", output_field=IntegerField())  # Count would group by what is one and the same
    return Coalesce(Subquery(rows.annotate(number=number).values("number")), 0)
