"""The legs of a search: each finds pictures by a measure of its own, under the same filters."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt
from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from PIL.Image import Image as Picture

from gallery.models import Image, Viewer
from search import engine
from search.backends.base import All, Filter, HasKey, Not
from search.changes import listed_for
from search.models import Embedding, ModelVersion
from search.query import fulltext
from search.query.filters import condition
from search.query.ids import Ids, ids_of
from search.query.terms import Like, Query, Text
from search.vectors import unpack

# Pictures that a leg gives at most, and so how far down a list of results goes.
DEPTH = 1_000
# Of what must hold or must not, so many pictures are told to the index one by one. Beyond that it finds what it finds,
# and SQL takes out the rest.
MOST_KEYS = 50_000
# How much a text or picture that is not meant pushes away.
REPULSION = 0.5


@dataclass(frozen=True)
class Leg:
    """A measure by which pictures are found. `weight`: how much a place by it counts. `label` and `meaning` tell
    people what that place is: "words #3"."""

    name: str
    weight: float
    label: Promise
    meaning: Promise

    @property
    def sentence(self) -> str:
        return str(self.meaning)


LOOKS, CAPTION, CAPTIONER, MEANING, TEXT, OWN = "looks", "caption", "captioner", "meaning", "text", "own"
# Weights are what bench.fusion chooses on Flickr8k dev, but for OWN and TEXT, which nobody measured; see docs/why.md.
LEGS = {
    leg.name: leg
    for leg in (
        Leg(
            CAPTION,
            0.5,
            _("words"),
            _("Its place among the pictures whose file name or caption by a person has the words"),
        ),
        Leg(OWN, 0.5, _("title and tags"), _("Its place among the pictures whose title, tags or notes have the words")),
        Leg(TEXT, 0.5, _("text in the picture"), _("Its place among the pictures in which the words can be read")),
        Leg(
            CAPTIONER,
            0.2,
            _("describer’s words"),
            _("Its place among the pictures that the describer uses the words for"),
        ),
        Leg(
            MEANING,
            1.5,
            _("meaning"),
            _("Its place among the pictures whose caption by a person means what was asked for"),
        ),
        Leg(LOOKS, 1.0, _("looks"), _("Its place among the pictures that look like what was asked for")),
    )
}
WEIGHTS = {leg.name: leg.weight for leg in LEGS.values()}
# How many times as much places count of pictures that no person described: their looks stand in for what they mean.
UNDESCRIBED = 1 + WEIGHTS[MEANING] / WEIGHTS[LOOKS]

Vector = npt.NDArray[np.float32]
Meant = Text | Like


@dataclass(frozen=True)
class Words:
    """A query's texts as the full-text leg takes them."""

    optional: str
    required: tuple[str, ...]
    excluded: tuple[str, ...]

    @classmethod
    def of(cls, query: Query) -> "Words":
        """Quoted words must be there, as they are, unless they only have a weight in common."""
        wanted = [text for text in query.texts if text.sign != "-"]
        required = [text for text in wanted if text.sign == "+" or (text.exact and text.weight == 1)]
        excluded = [text for text in query.texts if text.sign == "-"]
        return cls(
            " ".join(text.words for text in wanted if text not in required),
            tuple(text.words for text in required),
            tuple(text.words for text in excluded),
        )


def allowed(query: Query, *, viewer: Viewer) -> Q:
    """The pictures that filters, and words that must or must not be there, let through; empty where all may."""
    words = Words.of(query)
    where = condition(query.filters, viewer=viewer)
    if words.required or words.excluded:
        where &= fulltext.holding(required=words.required, excluded=words.excluded)
    return where


def looks(query: Query, *, version: ModelVersion, viewer: Viewer, picture: Picture | None = None) -> Vector | None:
    """What the pictures should look like, (d,), L2-normalised: the query's texts and pictures, each by its weight, away
    from those that are not meant, and `picture` (RGB), which is not of the library. None where nothing is meant.
    Pictures that the viewer may not open count for nothing.

    Raises ModelChanged, or an error of ml.errors.
    """
    parts: list[Meant] = [*query.texts, *query.pictures]
    if picture is None and all(part.sign == "-" for part in parts):
        return None
    vectors = _vectors_of_texts(query.texts, version) | _vectors_of_pictures(query.pictures, version, viewer)
    total = np.zeros(version.dimension, np.float32)
    if picture is not None:
        total += engine.encode_pictures([picture], version=version)[0]
    for part in parts:
        if part in vectors:
            total += vectors[part] * part.weight * (-REPULSION if part.sign == "-" else 1.0)
    length = float(np.linalg.norm(total))
    return total / length if length > 0 else None


def _vectors_of_texts(texts: tuple[Text, ...], version: ModelVersion) -> dict[Meant, Vector]:
    if not texts:
        return {}
    return dict(zip(texts, engine.encode_query([text.words for text in texts], version=version), strict=True))


def _vectors_of_pictures(pictures: tuple[Like, ...], version: ModelVersion, viewer: Viewer) -> dict[Meant, Vector]:
    if not pictures:
        return {}
    stored = Embedding.objects.filter(
        model_version_id=version.pk,
        vector__isnull=False,
        image__in=Image.objects.reachable_by(viewer).filter(uuid__in=[part.picture for part in pictures]),
    )
    known = dict(stored.values_list("image__uuid", "vector"))
    return {
        part: unpack(vector, dimension=version.dimension).astype(np.float32)
        for part in pictures
        if (vector := known.get(part.picture)) is not None
    }


@dataclass(frozen=True)
class Among:
    """What the index is asked to look among. `is_exact`: it knows all that filters, and words that must or must not be
    there, let through. `keys`: these pictures, and maybe some that aren't listed for the viewer, where they are few
    enough to be told to full text; None where nothing is asked for that tells."""

    filter: Filter
    is_exact: bool
    keys: Sequence[int] | None = None


def among(query: Query, *, viewer: Viewer) -> Among:
    """What may be listed for the viewer and, where they are few enough to be told, just the pictures that filters, and
    words that must or must not be there, let through: with filters by one SQL statement for these two."""
    words = Words.of(query)
    if query.filters:
        images = Image.objects.listed_for(viewer).filter(allowed(query, viewer=viewer))
        keys = ids_of(images[: MOST_KEYS + 1])
        if len(keys) <= MOST_KEYS:
            return Among(HasKey(keys), is_exact=True, keys=_few(keys))
    # Not with what is listed, whose rows would have to be read: the index knows owners and visibility itself.
    told, is_exact = [listed_for(viewer)], not query.filters
    held = [fulltext.holders([term], limit=MOST_KEYS + 1) for term in words.required]
    left_out = fulltext.holders(words.excluded, limit=MOST_KEYS + 1)
    required = [keys for keys in held if keys is not None]
    for keys in required:
        is_exact &= _tell(told, keys)
    if left_out is not None:
        is_exact &= _tell(told, left_out, is_left_out=True)
    if not (required and is_exact):
        return Among(All(tuple(told)), is_exact)
    through = np.setdiff1d(reduce(np.intersect1d, required), [] if left_out is None else left_out)
    return Among(All(tuple(told)), is_exact, _few(through))


def _few(keys: Ids) -> list[int] | None:
    return keys.tolist() if len(keys) <= fulltext.MOST_TOLD else None


def _tell(told: list[Filter], keys: Ids, *, is_left_out: bool = False) -> bool:
    """Add the pictures to what the index is told; whether they are few enough."""
    if len(keys) > MOST_KEYS:
        return False
    has_key = HasKey(keys)
    told.append(Not(has_key) if is_left_out else has_key)
    return True
