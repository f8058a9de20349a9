"""The names of the ImageNet classes and the sentences made of them."""

import pytest

from ml.datasets import imagenet


def test_a_thousand_classes_each_with_a_name() -> None:
    names = imagenet.class_names()
    assert len(names) == 1000
    assert all(names_of_class and all(names_of_class) for names_of_class in names)
    assert names[0][0] == "tench"
    assert "Egyptian cat" in names[285]
    assert names[999][0] == "toilet paper"


@pytest.mark.parametrize(("name", "expected"), [("owl", "an owl"), ("teapot", "a teapot"), ("Airedale", "an Airedale")])
def test_the_article_follows_the_first_letter(name: str, expected: str) -> None:
    assert imagenet.with_article(name) == expected


def test_prompts_use_every_name_in_every_template() -> None:
    prompts = imagenet.prompts(("tabby cat", "tabby"))
    assert len(prompts) == 2 * len(imagenet.TEMPLATES)
    assert {"a photo of a tabby cat", "a photo of a tabby", "tabby"} <= set(prompts)


def test_everyday_kinds_share_no_class_and_speak_as_captions_do() -> None:
    kinds = imagenet.everyday_kinds()
    classes = [number for numbers in kinds.values() for number in numbers]
    assert len(classes) == len(set(classes))
    assert set(classes) <= set(range(1000))
    for kind in kinds:
        bare = kind.removeprefix("an ").removeprefix("a ")
        assert kind in {bare, imagenet.with_article(bare)}
        assert bare == bare.lower()


def test_everyday_kinds_know_cats_and_dogs() -> None:
    kinds, names = imagenet.everyday_kinds(), imagenet.class_names()
    assert {names[number][0] for number in kinds["a cat"]} >= {"tabby cat", "tiger cat", "Egyptian Mau"}
    assert len(kinds["a dog"]) == 118
