"""Words in, numbers out, and back."""

import pytest

from ml.captioners.vocabulary import END, UNKNOWN, Vocabulary, join_words, split_words


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("A man , in a T-shirt , runs .", ["a", "man", "in", "a", "t-shirt", "runs"]),
        ("The dog 's ball and the cat's toy", ["the", "dog", "'s", "ball", "and", "the", "cat", "'s", "toy"]),
        ('Two "skaters" -- 3 o\'clock', ["two", "skaters", "3", "o", "clock"]),
        (" . ", []),
    ],
)
def test_splits_captions_into_words(caption: str, words: list[str]) -> None:
    assert split_words(caption) == words


def test_joins_words_as_people_write_them() -> None:
    assert join_words(["the", "dog", "'s", "ball", "is", "red"]) == "the dog's ball is red"


def test_knows_the_words_seen_often_enough_the_most_frequent_first() -> None:
    vocabulary = Vocabulary.of(["a dog", "a cat", "a dog and a fox"], seen=2)
    assert vocabulary.words == ("a", "dog")


def test_encodes_and_decodes_up_to_the_end() -> None:
    vocabulary = Vocabulary(["a", "dog", "runs"])
    numbers = vocabulary.encode("A dog runs .")
    assert vocabulary.decode([*numbers, END, *numbers]) == "a dog runs"
    assert vocabulary.encode("a fox") == [numbers[0], UNKNOWN]
    assert len(vocabulary) == 6
