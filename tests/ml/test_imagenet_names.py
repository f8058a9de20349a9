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
