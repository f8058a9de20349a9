"""Tags that a picture's caption suggests."""

import re
from collections.abc import Iterable

from django import template

from gallery.models import Image, Tag
from search.query.fulltext import STOP_WORDS
from search.query.stemming import stem

register = template.Library()

MOST = 5
SHORTEST = 3
# Besides those that say nothing of a picture, words that captions are full of and nobody tags with.
VAGUE = frozenset(
    """one two three four five several many some couple pair group front back side top next near large small big little
    young old standing sitting lying looking wearing holding""".split()  # noqa: SIM905  shorter
)
_WORD = re.compile(r"[^\W\d_]+")


@register.simple_tag
def suggested_tags(image: Image, tags: Iterable[Tag], own_tags: Iterable[Tag]) -> list[str]:
    """Words of the caption that `tags`, those of the picture, don't say yet, at most five: first the owner's own tags.

    Words are compared by their stems; an own tag is suggested as it is written.
    """
    taken = {stem(word) for tag in tags for word in _WORD.findall(tag.key)}
    own = {stem(tag.key): tag.name for tag in own_tags}
    found: dict[str, str] = {}
    for word in _WORD.findall(image.description.lower()):
        root = stem(word)
        if len(word) >= SHORTEST and word not in STOP_WORDS | VAGUE and root not in taken:
            found.setdefault(root, own.get(root, word))
    return [found[root] for root in sorted(found, key=lambda root: root not in own)][:MOST]
