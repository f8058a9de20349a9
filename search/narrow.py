"""Filters that would narrow a search, taken from the pictures on its page: each holds for some of them and not for all.

No SQL: what the pictures themselves say is enough to offer something, and a filter counts in the whole library anyway.
"""

from collections import Counter
from collections.abc import Iterable, Sequence

from django.utils import timezone

from gallery.models import Image, Viewer, Visibility
from search.query.terms import Filter, Query

MOST_OF_A_FIELD = 3


def narrowing_filters(query: Query, images: Sequence[Image], *, viewer: Viewer) -> list[Filter]:
    """Filters of fields that the query doesn't have yet, the most frequent first within each field."""
    taken = {part.field for part in query.filters}
    years = (str(timezone.localtime(image.sort_date).year) for image in images)
    whose = ("me" for image in images if image.owner_id == viewer.pk)
    offered = [
        *_some("on", years, len(images)),
        *_some("camera", (image.camera_model.strip() for image in images), len(images)),
        *_some("orientation", map(_orientation, images), len(images)),
        *_some("by", whose, len(images)),
        *_some("is", (state for image in images for state in _states(image)), len(images)),
    ]
    return [each for each in offered if each.field not in taken]


def _some(field: str, values: Iterable[str], everything: int) -> list[Filter]:
    counted = Counter(filter(None, values)).most_common()
    return [Filter(field, value) for value, number in counted if number < everything][:MOST_OF_A_FIELD]


def _orientation(image: Image) -> str:
    if image.width == image.height:
        return "square"
    return "landscape" if image.width > image.height else "portrait"


def _states(image: Image) -> list[str]:
    states = {
        "unsure": image.description_unsure,
        "animated": image.frames > 1,
        "public": image.visibility == Visibility.PUBLIC,
    }
    return [name for name, holds in states.items() if holds]
