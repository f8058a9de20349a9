"""Groups of pictures to report apart: those that the data set names, or else those that captions speak of."""

from collections import defaultdict
from collections.abc import Sequence

from ml.datasets.examples import Example
from ml.evaluation.text import plain

WORDS = {
    "person": "man men woman women boy boys girl girls child children kid kids baby toddler person people guy lady "
    "couple player players rider someone family crowd climber skier surfer snowboarder cyclist skateboarder",
    "dog": "dog dogs puppy puppies",
    "other animal": "cat cats bird birds horse horses cow cows sheep animal animals elephant bear duck ducks fish",
    "water": "water ocean sea lake river pool beach wave waves surf pond stream waterfall fountain swimming",
    "snow": "snow snowy ski skis skier skiers skiing snowboard snowboarder snowboarding ice sled",
    "grass": "grass grassy field lawn meadow yard",
    "mountain": "mountain mountains hill hills cliff rock rocks rocky climber climbing",
    "street": "street road sidewalk city building buildings bus car cars traffic",
    "wheels": "bike bikes bicycle bicycles motorcycle motorbike skateboard skateboarder scooter car cars truck bus",
    "ball game": "ball soccer football basketball baseball tennis volleyball rugby hockey frisbee",
    "food": "food eating eats cake plate table drink drinking pizza meal fruit kitchen restaurant",
    "indoors": "room kitchen bed couch sofa inside indoors floor table restaurant",
}
"""What captions say of a picture of the group; a picture may be in several."""
OTHER = "other"


def categories(examples: Sequence[Example]) -> list[tuple[str, ...]]:
    """The groups of each picture: its own where the set names any, else those of which its captions speak.

    That is, of which two of its captions do, or the only one; a picture of no group is in `other`.
    """
    if any(example.category for example in examples):
        return [(example.category or OTHER,) for example in examples]
    return [_spoken_of(example.captions) for example in examples]


def _spoken_of(captions: Sequence[str]) -> tuple[str, ...]:
    counts: defaultdict[str, int] = defaultdict(int)
    for caption in captions:
        for group in {group for word in plain(caption).split() for group in _GROUPS.get(word, ())}:
            counts[group] += 1
    return tuple(group for group in WORDS if counts[group] >= min(2, len(captions))) or (OTHER,)


_GROUPS: defaultdict[str, list[str]] = defaultdict(list)
for _group, _words in WORDS.items():
    for _word in _words.split():
        _GROUPS[_word].append(_group)
