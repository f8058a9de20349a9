"""Near-duplicates in groups: each around the picture that is suggested to be kept, which every other one resembles.

So no chain of small differences puts different pictures together.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from django.db.models import Case, Exists, F, OuterRef, QuerySet, When

from gallery.models import Image, User, Visibility
from search.models import NearDuplicate
from search.query.ids import one_of

GROUPS_A_PAGE = 10
# Of more pictures that resemble one, the others follow once these are seen to.
MOST_IN_GROUP = 24
# Pairs that are put in groups, the newest first: a bound on the time that a page takes. Others follow likewise.
MOST_PAIRS = 500
# The best first: the most pixels; what a person described; what the most people see; the largest file; the earliest.
BEST_FIRST = (
    (F("width") * F("height")).desc(),
    "-description_by_person",
    Case(When(visibility=Visibility.PUBLIC, then=0), When(visibility=Visibility.LINK, then=1), default=2),
    "-byte_size",
    "pk",
)

Kind = NearDuplicate.Kind
Near = Mapping[int, Mapping[int, Kind]]
"""For each picture those that resemble it, with what they are to each other."""


@dataclass(frozen=True)
class Group:
    """The picture to keep, and those that resemble it, the best first, with what each is to it; their renditions, tags
    and albums prefetched."""

    best: Image
    others: list[tuple[Image, Kind]]


@dataclass(frozen=True)
class GroupPage:
    """Some of the groups, those with the newest pictures first. `number` counts pages from 1; `is_total_exact`: False
    where there are more."""

    groups: list[Group]
    total: int
    number: int
    pages: int
    is_total_exact: bool


def groups_page(*, owner: User, kinds: Collection[Kind], number: int) -> GroupPage:
    """A page of the groups of somebody's pictures, by pairs of these kinds; the last one where there are fewer pages.
    Six SQL statements."""
    own = Image.objects.filter(owner=owner)
    # No joins, for which SQLite would begin with the pictures: all of them, of which few are in a pair.
    pairs = NearDuplicate.objects.filter(
        Exists(own.filter(pk=OuterRef("first"))),
        Exists(own.filter(pk=OuterRef("second"))),
        kind__in=kinds,
        is_dismissed=False,
    )
    near, are_all = _near(pairs)
    groups = sorted(_groups(_best_first(near), near), key=max, reverse=True)
    pages = max(1, -(-len(groups) // GROUPS_A_PAGE))
    number = min(number, pages)
    shown = groups[(number - 1) * GROUPS_A_PAGE : number * GROUPS_A_PAGE]
    images = (
        Image.objects.with_renditions()
        .prefetch_related("tags", "albums")
        .in_bulk([pk for group in shown for pk in group])
    )
    whole = [ids for ids in shown if images.keys() >= set(ids)]  # but for those deleted between the statements
    return GroupPage([_group(ids, near, images) for ids in whole], len(groups), number, pages, are_all)


def _near(pairs: QuerySet[NearDuplicate]) -> tuple[Near, bool]:
    """By the newest MOST_PAIRS; whether those are all."""
    near: dict[int, dict[int, Kind]] = defaultdict(dict)
    newest = list(pairs.order_by("-pk").values_list("first_id", "second_id", "kind")[: MOST_PAIRS + 1])
    for first, second, kind in newest[:MOST_PAIRS]:
        near[first][second] = near[second][first] = Kind(kind)
    return near, len(newest) <= MOST_PAIRS


def _best_first(near: Near) -> list[int]:
    return list(Image.objects.filter(one_of(near)).order_by(*BEST_FIRST).values_list("pk", flat=True))


def _groups(best_first: Iterable[int], near: Near) -> list[list[int]]:
    """Each picture takes those that resemble it and that no better one has taken."""
    taken: set[int] = set()
    groups = []
    rank = {pk: place for place, pk in enumerate(best_first)}
    for pk in rank:
        if pk in taken:
            continue
        others = sorted(
            (other for other in near.get(pk, ()) if other in rank and other not in taken), key=rank.__getitem__
        )
        if others:
            group = [pk, *others[: MOST_IN_GROUP - 1]]
            taken.update(group)
            groups.append(group)
    return groups


def _group(ids: list[int], near: Near, images: Mapping[int, Image]) -> Group:
    best, *others = ids
    return Group(images[best], [(images[pk], near[best][pk]) for pk in others])
