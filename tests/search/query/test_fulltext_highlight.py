"""Which words of a caption are marked."""

import random

import pytest
from django.template import Context, Template

from search.query.fulltext import highlight

CASES = [
    # text, words, the text with marks
    ("A dog runs.", "dogs running", "A [dog] [runs]."),
    ("A dog", "cat", "A dog"),
    ("A dog", "", "A dog"),
    ("", "dog", ""),
    ("The dog and the cat", "the and cat", "The dog and the [cat]"),
    ("hotdog dogma", "dog", "hotdog dogma"),
    ("Café, cafe\u0301s, CAFE", "cafés", "[Café], [cafe\u0301s], [CAFE]"),
    ("a dog's bowl", "dog’s", "a [dog]'s bowl"),
    ("a black-and-white cat", "black-and-white", "a [black]-and-[white] cat"),
    ("IMG_2041-beach.JPG", "beach 2041", "IMG_[2041]-[beach].JPG"),
    ("MyBeachHouse2024.jpg", "houses 2024", "MyBeach[House][2024].jpg"),
    ("MyBeachHouse2024.jpg", "mybeachhouse2024", "[MyBeachHouse2024].jpg"),
    ("Собака бежит", "СОБАКА", "[Собака] бежит"),
    ("a dog² ①", "dogs ①", "a [dog]² ①"),
    ("<b>dog</b>", "dog b", "<[b]>[dog]</[b]>"),
    ("dog\x00 \ud800dog", "dog\x00\ud800", "[dog]\x00 \ud800[dog]"),
]


@pytest.mark.parametrize(("text", "words", "expected"), CASES)
def test_marks(text: str, words: str, expected: str) -> None:
    assert "".join(f"[{piece}]" if is_match else piece for piece, is_match in highlight(text, words)) == expected


def test_nothing_is_lost_or_empty() -> None:
    chance = random.Random(3)
    pieces = [
        *" .-_'\"<>&;\x00\t\n",
        "dog",
        "Dogs",
        "2041",
        "é",
        "e\u0301",
        "\u0301",
        "ß",
        "İ",
        "狗",
        "\U0001f9a9",
        "aB1",
    ]
    for _ in range(500):
        text, words = ("".join(chance.choices(pieces, k=chance.randint(0, 20))) for _ in range(2))
        marked = highlight(text, words)
        assert "".join(piece for piece, _ in marked) == text
        assert all(piece for piece, _ in marked)


def test_a_template_escapes_it() -> None:
    template = Template(
        "{% for piece, is_match in p %}{% if is_match %}<mark>{{ piece }}</mark>"
        "{% else %}{{ piece }}{% endif %}{% endfor %}"
    )

    rendered = template.render(Context({"p": highlight("<script>dog</script> & dog", "dog script")}))

    assert rendered == (
        "&lt;<mark>script</mark>&gt;<mark>dog</mark>&lt;/<mark>script</mark>&gt; &amp; <mark>dog</mark>"
    )
