"""Searches: from the text of the one box to the pictures that fit it, and why they do."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from PIL.Image import Image as Picture

from gallery.models import Image, Viewer
from gallery.selectors import images_found
from gallery.wording import grouped
from ml.errors import ModelError
from search import engine, index, metrics
from search.backends.exceptions import IndexUnavailable
from search.exceptions import ModelChanged, SearchNotReady
from search.models import Embedding, ModelVersion
from search.query import cutoff, enough, filters, fulltext, legs
from search.query.fusion import fuse, ranks
from search.query.ids import columns, one_of
from search.query.legs import DEPTH, LEGS, LOOKS, MEANING, UNDESCRIBED, WEIGHTS, Leg, Vector, Words
from search.query.parse import parse
from search.query.terms import Query

# Read beyond what is asked for, so that pictures which SQL no longer lets through don't make the list shorter.
SPARE_HITS = 50
# Of what filters alone let through, so many are counted, as of what legs find: counting all takes longer, the more
# there are.
MOST_COUNTED = DEPTH

WORDS_ALONE = gettext_lazy("These are found by the words of captions and file names alone.")


@dataclass(frozen=True)
class SearchHit:
    """A picture found, and why.

    `score`: the cosine between it and what was asked for, in [-1, 1], None where it was found by words or filters
    alone. `ranks`: its place, from 1, in each leg that found it. `caption`: in pieces, and whether each is one of the
    words that were asked for. `text`: the line of what can be read in the picture that has the words, likewise; empty
    where there is none. `is_match`: whether that is enough.
    """

    image: Image
    score: float | None
    is_match: bool = True
    ranks: Mapping[str, int] = field(default_factory=dict)
    caption: list[tuple[str, bool]] = field(default_factory=list)
    text: list[tuple[str, bool]] = field(default_factory=list)

    @property
    def why(self) -> list[tuple[Leg, int]]:
        """The legs that found it, in the order in which people are told, and its place in each."""
        return [(leg, self.ranks[leg.name]) for leg in LEGS.values() if leg.name in self.ranks]


@dataclass(frozen=True)
class SearchResult:
    """What a search found, best first: some of `total` that match, and after them the nearest of what doesn't.

    `no_match`: even the best is rather not what was meant; the nearest are listed all the same, to be shown as such.
    `empty_library`: the viewer has no picture to search in. `not_ready`: `sentence` says why there can be no answer.
    `notice`: a sentence for people where the search works, but not as it should. `is_total_exact`: False where there
    may be more than could be counted. `is_judged`: False where nothing tells which pictures really match, and all count
    as matches. `is_last`: nothing follows.
    """

    state: Literal["ok", "no_match", "empty_library", "not_ready"]
    hits: list[SearchHit] = field(default_factory=list)
    sentence: str = ""
    notice: str = ""
    query: Query = field(default_factory=Query)
    total: int = 0
    is_total_exact: bool = True
    is_judged: bool = True
    is_last: bool = True

    @property
    def matches(self) -> list[SearchHit]:
        return [hit for hit in self.hits if hit.is_match]

    @property
    def others(self) -> list[SearchHit]:
        """The nearest of what rather doesn't match."""
        return [hit for hit in self.hits if not hit.is_match]


@dataclass(frozen=True)
class _Aim:
    """What the vectors of pictures, and those of captions, are to be near to: (d,) each, L2-normalised, None where it
    isn't asked for; and the cosines below which nothing really matches, None where nobody knows one. `background`: what
    the best pictures are judged against instead of the floor."""

    looks: Vector | None
    floor: float | None
    meaning: Vector | None = None
    meaning_floor: float | None = None
    background: cutoff.Background | None = None


@dataclass(frozen=True)
class _Found:
    """What the legs found: pictures by leg, best first; cosines; which match, whether these are all, and whether any
    might not; whether filters let all of them through, or are still to be asked; which pictures they let through, where
    that is known; and what people should know."""

    ids: dict[str, list[int]]
    scores: dict[int, float] = field(default_factory=dict)
    matching: set[int] = field(default_factory=set)
    is_all: bool = True
    is_judged: bool = True
    is_filtered: bool = True
    only: Sequence[int] | None = None
    problem: str = ""
    notice: str = ""


@metrics.SEARCHES.time()
def search_images(
    *, viewer: Viewer, query: str | Query, limit: int = 50, offset: int = 0, picture: Picture | None = None
) -> SearchResult:
    """The pictures that fit the text of the box best (see search.query.parse, or search.query.build for programs), and
    `picture` (RGB) where there is one, among those that may be listed for the viewer: `limit` of them past the first
    `offset`.

    A constant number of SQL statements, whatever is found.
    """
    asked = query if isinstance(query, Query) else parse(query, today=timezone.localdate())
    if not asked and picture is None:
        return SearchResult("no_match", query=asked)
    has_looks = asked.texts or asked.pictures or picture is not None
    found = _by_vectors(asked, viewer, picture) if has_looks else _Found({})
    words = Words.of(asked)
    if words.optional or words.required:
        found = _with_words(found, words, asked, viewer)
    elif not found.ids and not found.problem:
        return _by_filters(asked, viewer, limit, offset)
    if found.problem and not any(found.ids.values()):
        return SearchResult("not_ready", sentence=found.problem, query=asked)
    return _listed(asked, found, viewer, limit, offset)


def images_like_picture(*, viewer: Viewer, picture: Picture, limit: int = 5) -> SearchResult:
    """The pictures that look most like an RGB picture, among those that may be listed for the viewer."""

    def aim(live: index.Indexes) -> _Aim:
        return _Aim(engine.encode_pictures([picture], version=live.version)[0], floor=None)

    try:
        found = _nearest(viewer, aim, Query(), limit=limit + SPARE_HITS)
    except SearchNotReady as reason:
        return SearchResult("not_ready", sentence=str(reason))
    return _listed(Query(), found, viewer, limit, 0)


def index_notice() -> str:
    """A sentence for people where searches are answered, but not by the index that should; "" where all is well."""
    live = index.get_indexes()
    return live.pictures.notice if live else ""


def _by_vectors(asked: Query, viewer: Viewer, picture: Picture | None) -> _Found:
    """By how pictures look, and by what people said of them."""

    def aim(live: index.Indexes) -> _Aim:
        version = live.version
        looks = legs.looks(asked, version=version, viewer=viewer, picture=picture)
        floor = engine.match_floor(version)
        # Words alone, since pictures are far from all captions; and for nothing where nobody described any.
        meaning = legs.looks(Query(asked.texts), version=version, viewer=viewer) if live.captions.count() else None
        texts = engine.background(version)
        meaning_floor = None if meaning is None or texts is None else cutoff.caption_floor(meaning, texts)
        judged = None if picture is not None else enough.background_for(asked, version=version)
        return _Aim(looks, floor, meaning, meaning_floor, judged)

    try:
        return _nearest(viewer, aim, asked, limit=DEPTH)
    except SearchNotReady as reason:
        return _Found({}, problem=str(reason))


def _with_words(found: _Found, words: Words, asked: Query, viewer: Viewer) -> _Found:
    """With what is said in captions, file names and pictures: all of the words make a match, some only a place."""
    said = fulltext.find(
        viewer=viewer,
        words=words.optional,
        required=words.required,
        excluded=words.excluded,
        where=filters.condition(asked.filters, viewer=viewer),
        only=found.only,
        limit=DEPTH,
    )
    return _Found(
        {**found.ids, **{source: each.ids for source, each in said.items()}},
        found.scores,
        found.matching.union(*(each.ids[: each.whole] for each in said.values())),
        is_all=found.is_all and all(each.whole < DEPTH for each in said.values()),
        is_judged=found.is_judged,
        is_filtered=found.is_filtered,
        problem=found.problem,
        notice=f"{found.problem} {WORDS_ALONE}" if found.problem else found.notice,
    )


def _by_filters(asked: Query, viewer: Viewer, limit: int, offset: int) -> SearchResult:
    """All that the filters let through, newest first. Beyond MOST_COUNTED nobody counts them."""
    few = filters.few(asked.filters, viewer=viewer, most=MOST_COUNTED)
    if few is None:
        where, total, is_exact = filters.condition(asked.filters, viewer=viewer, is_walked=True), MOST_COUNTED, False
    else:
        where, total, is_exact = one_of(few), len(few), True
    images = Image.objects.listed_for(viewer).filter(where).newest_first()
    found = images_found(images[offset : offset + limit + 1])
    page, is_last = found[:limit], len(found) <= limit
    if few is None and page and is_last:
        total, is_exact = offset + len(page), True
    words = _to_read(asked)
    hits = [
        SearchHit(
            image, None, caption=[(image.description, False)], text=fulltext.best_line(image.text_in_picture, words)
        )
        for image in page
    ]
    state: Literal["ok", "no_match"] = "ok" if total else "no_match"
    return SearchResult(
        state,
        hits,
        query=asked,
        total=total,
        is_total_exact=is_exact,
        is_last=is_last,
    )


def _nearest(viewer: Viewer, aim: Callable[[index.Indexes], _Aim], asked: Query, *, limit: int) -> _Found:
    """The points nearest to what is aimed at, of each index. Raises SearchNotReady."""
    live, at = _ready(viewer, aim)
    if at.looks is None:
        return _Found({LOOKS: []})
    among = legs.among(asked, viewer=viewer)
    try:
        answer = live.pictures.search(at.looks, limit=limit, where=among.filter)
    except IndexUnavailable:
        raise SearchNotReady(_("The search server doesn't answer. Try again in a minute.")) from None
    said = [] if at.meaning is None else live.captions.search(at.meaning, limit=limit, where=among.filter).hits
    least = enough.least_cosine(
        at.looks,
        answer.hits[: cutoff.BEST],
        among=enough.searched(answer.hits, live, among.filter),
        version=live.version,
        background=at.background,
        floor=at.floor,
        at_hand=live.pictures.vectors,
    )
    alike = {hit.key for hit in answer.hits if least is None or hit.score >= least}
    meant = {hit.key for hit in said if at.meaning_floor is not None and hit.score >= at.meaning_floor}
    return _Found(
        {LOOKS: [hit.key for hit in answer.hits], MEANING: [hit.key for hit in said]},
        {hit.key: hit.score for hit in answer.hits},
        alike | meant,
        is_all=max(len(alike), len(meant)) < limit,
        is_judged=least is not None,
        is_filtered=among.is_exact,
        only=among.keys,
        notice=answer.notice,
    )


def _listed(asked: Query, found: _Found, viewer: Viewer, limit: int, offset: int) -> SearchResult:
    """The page of the results. What the legs believe is a hint; what may be seen is decided here."""
    images = Image.objects.listed_for(viewer).filter(one_of(set().union(*found.ids.values())))
    if not found.is_filtered:
        images = images.filter(legs.allowed(asked, viewer=viewer))
    is_described = dict(zip(*columns(images, "pk", "description_by_person"), strict=True))
    # Else those that nobody described, which one leg can't find, would come after all that somebody did.
    undescribed = [pk for pk, by_person in is_described.items() if not by_person] if found.ids.get(MEANING) else []
    fused = fuse(found.ids, weights=WEIGHTS, factors=dict.fromkeys(undescribed, UNDESCRIBED))
    listed = [image_id for image_id in fused if image_id in is_described]
    matches = [image_id for image_id in listed if image_id in found.matching]
    others = [image_id for image_id in listed if image_id not in found.matching]
    order = matches + others[:limit]
    if not order:
        return _nothing_found(asked, viewer)
    return SearchResult(
        "ok" if matches else "no_match",
        _hits(order[offset : offset + limit], asked, found),
        notice=found.notice,
        query=asked,
        total=len(matches),
        is_total_exact=found.is_all,
        is_judged=found.is_judged,
        is_last=offset + limit >= len(order),
    )


def _hits(page: list[int], asked: Query, found: _Found) -> list[SearchHit]:
    shown = {image.pk: image for image in images_found(Image.objects.filter(pk__in=page))}
    words = " ".join(text.words for text in asked.texts if text.sign != "-")
    return [
        SearchHit(
            image := shown[image_id],
            max(-1.0, min(found.scores[image_id], 1.0)) if image_id in found.scores else None,
            is_match=image_id in found.matching,
            ranks=ranks(found.ids, image_id),
            caption=fulltext.highlight(image.description, words),
            text=fulltext.best_line(image.text_in_picture, f"{words} {_to_read(asked)}"),
        )
        for image_id in page
        if image_id in shown
    ]


def _to_read(asked: Query) -> str:
    """The words that filters want to be in the picture."""
    return " ".join(part.value for part in asked.filters if part.field == "text" and part.sign != "-")


def _ready(viewer: Viewer, aim: Callable[[index.Indexes], _Aim]) -> tuple[index.Indexes, _Aim]:
    """The indexes, and what to aim at in them: the two always belong together. Raises SearchNotReady."""
    live = index.get_indexes()
    if live is None:
        raise SearchNotReady(_("Search has no model yet: the worker sets it up when it starts."))
    try:
        try:
            return live, aim(live)
        except ModelChanged:
            newer = index.get_indexes(wait=True)
            if newer is None or newer is live:
                raise
            return newer, aim(newer)
    except ModelChanged:
        raise SearchNotReady(_model_changed()) from None
    except ModelError as error:
        if not viewer.pk:  # the reason may name folders of this machine
            raise SearchNotReady(_("The search model can't be used.")) from error
        raise SearchNotReady(_("The search model can't be used: %(reason)s") % {"reason": error}) from error


def _model_changed() -> str:
    building = ModelVersion.objects.filter(state=ModelVersion.State.BUILDING).first()
    if building is None:
        return _("The search model changed: the worker will embed the pictures again when it starts.")
    # Not selectors.coverage, which takes long where there are many: every search comes here. A share, not numbers:
    # these are everybody's pictures, and how many there are is not for every visitor.
    share = min(1.0, Embedding.objects.filter(model_version=building).count() / max(1, Image.objects.count()))
    done = {"percent": f"{100 * share:.0f}"}
    return _("The search model changed: pictures are being embedded again (%(percent)s%% done).") % done


def _nothing_found(asked: Query, viewer: Viewer) -> SearchResult:
    waiting = Image.objects.listed_for(viewer).count()
    if not waiting:
        return SearchResult("empty_library", query=asked)
    if asked.pictures or legs.allowed(asked, viewer=viewer):
        return SearchResult("no_match", query=asked)
    sentence = _("None of the pictures here (%(waiting)s) is ready for search yet.") % {"waiting": grouped(waiting)}
    return SearchResult("not_ready", sentence=sentence, query=asked)
