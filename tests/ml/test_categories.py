"""Groups of pictures to report apart."""

from pathlib import Path

from ml.datasets.examples import Example
from ml.evaluation.categories import OTHER, WORDS, categories


def example(*captions: str, category: str = "") -> Example:
    return Example(Path("x.jpg"), captions, category=category)


def test_a_group_needs_two_captions_or_the_only_one() -> None:
    found = categories(
        [
            example("Two dogs run.", "A dog in SNOW", "some animals"),
            example("a puppy"),
            example("a hot wall", "a tall wall"),
            example("a man and a man", "somebody"),
        ]
    )
    assert found == [("dog",), ("dog",), (OTHER,), (OTHER,)]


def test_what_the_set_names_comes_first() -> None:
    assert categories([example("a dog", category="kitchen"), example("a dog")]) == [("kitchen",), (OTHER,)]


def test_no_word_is_written_so_that_it_can_never_be_found() -> None:
    for group, words in WORDS.items():
        assert all(group in found for found in categories([example(word) for word in words.split()]))
