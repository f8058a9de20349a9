"""The names of the 1,000 ImageNet classes, sentences made of them, and plain words for kinds of them.

`imagenet_classes.json` lists for each class, in the classifier's order, the names that people use for it: OpenAI's
curated one first (https://github.com/openai/CLIP), then torchvision's, then the lemmas of its WordNet synset.
`imagenet_kinds.json` gives the everyday words for classes, many of which nobody tells apart: `a dog` for 118 breeds. It
leaves out what is worn, held or stood beside, since no class is the person, and what is seen in nearly any texture.
"""

import json
from functools import cache
from pathlib import Path

NAMES = Path(__file__).with_name("imagenet_classes.json")
KINDS = Path(__file__).with_name("imagenet_kinds.json")

# after the prompts of Radford et al. 2021, https://arxiv.org/abs/2103.00020
TEMPLATES = (
    "{name}",
    "a photo of {a_name}",
    "a photo of {a_name}.",
    "{a_name}",
    "the {name}",
    "a photo of the {name}",
    "a picture of {a_name}",
    "a close-up photo of {a_name}",
    "a good photo of the {name}",
    "a photo of one {name}",
    "a cropped photo of {a_name}",
    "a bright photo of the {name}",
    "a photo of a large {name}",
    "a photo of a small {name}",
    "a photo of my {name}",
    "there is {a_name} in the photo",
    "an image of {a_name}",
    "{a_name} on a table",
    "{a_name} in the background",
    "a person with {a_name}",
    "this is {a_name}",
    "a photo of many {name}s",
    "{a_name} outdoors",
)


@cache
def class_names() -> tuple[tuple[str, ...], ...]:
    """The names of each class, the most usual first."""
    return tuple(tuple(names) for names in json.loads(NAMES.read_text(encoding="utf-8")))


@cache
def everyday_kinds() -> dict[str, tuple[int, ...]]:
    """Kinds of things as a caption would say them (`a cat`, `corn`), and the numbers of the classes of each."""
    kinds = json.loads(KINDS.read_text(encoding="utf-8"))
    return {kind: tuple(n for first, last in runs for n in range(first, last + 1)) for kind, runs in kinds.items()}


def prompts(names: tuple[str, ...]) -> list[str]:
    """Every template filled with every name of a class."""
    return [template.format(name=name, a_name=with_article(name)) for name in names for template in TEMPLATES]


def with_article(name: str) -> str:
    """`a cat`, `an owl`."""
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
