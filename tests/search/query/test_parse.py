"""The one search box: what is typed, what it means, and how it is written."""

import subprocess
import sys
from datetime import date
from uuid import UUID

import pytest

from search.query.dates import Period
from search.query.parse import parse
from search.query.terms import FIELDS, LONGEST_TEXT, MOST_PARTS, Filter, Like, Part, Query, Text

TODAY = date(2026, 11, 26)
PICTURE = UUID("3f2a9c1e-0b4d-4e8a-9c55-d1f0a7b6e342")
OTHER = UUID("00000000-0000-4000-8000-000000000001")
JULY = Period(date(2023, 7, 1), date(2023, 8, 1))


def read(text: str) -> Query:
    return parse(text, today=TODAY)


UNDERSTOOD: list[tuple[str, list[Part]]] = [
    # free words
    ("", []),
    ("   ", []),
    ("beach", [Text("beach")]),
    ("a dog on a beach", [Text("a dog on a beach")]),
    ("  a   dog\ton a\nbeach ", [Text("a dog on a beach")]),
    ("A Dog, (on a) beach!", [Text("A Dog, (on a) beach!")]),
    ("red car | blue sky", [Text("red car"), Text("blue sky")]),
    ("| red car | | blue sky |", [Text("red car"), Text("blue sky")]),
    ("cat|dog", [Text("cat|dog")]),
    ("black-and-white", [Text("black-and-white")]),
    ("beach - sunset", [Text("beach - sunset")]),
    ("rock + roll", [Text("rock + roll")]),
    ("C++ --verbose", [Text("C++ --verbose")]),
    ('a 5" screen', [Text('a 5" screen')]),
    ("don't ~ worry", [Text("don't ~ worry")]),
    # phrases
    ('"red car"', [Text("red car", exact=True)]),
    ("“red car”", [Text("red car", exact=True)]),
    ("„rotes Auto“", [Text("rotes Auto", exact=True)]),
    ("« voiture rouge »", [Text("voiture rouge", exact=True)]),
    ("»rotes Auto«", [Text("rotes Auto", exact=True)]),
    ("”röd bil”", [Text("röd bil", exact=True)]),
    (r'"say \"hi\" \\ there"', [Text(r'say "hi" \ there', exact=True)]),
    ('"-people"', [Text("-people", exact=True)]),
    ('"tag:beach"', [Text("tag:beach", exact=True)]),
    ('"July 2023"', [Text("July 2023", exact=True)]),
    ('"a""b"', [Text("a", exact=True), Text("b", exact=True)]),
    # signs
    ("-people", [Text("people", "-")]),
    ("+people", [Text("people", "+")]),
    ('-"a crowd"', [Text("a crowd", "-", exact=True)]),
    ('+"a crowd"', [Text("a crowd", "+", exact=True)]),
    ("-black-and-white", [Text("black-and-white", "-")]),
    ("dog -people beach", [Text("dog beach"), Text("people", "-")]),
    ("-5°", [Text("5°", "-")]),
    # weights
    ("beach^2", [Text("beach", weight=2)]),
    ("beach^0.5", [Text("beach", weight=0.5)]),
    ("beach^0,5", [Text("beach", weight=0.5)]),
    ("beach^.5", [Text("beach", weight=0.5)]),
    ("beach^1", [Text("beach")]),
    ("beach^10", [Text("beach", weight=10)]),
    ("beach^0.333", [Text("beach", weight=0.33)]),
    ('"red car"^0.5', [Text("red car", exact=True, weight=0.5)]),
    ("beach^2 -people", [Text("beach", weight=2), Text("people", "-")]),
    ("-people^2", [Text("people", "-", weight=2)]),
    ("+people^2", [Text("people", "+", weight=2)]),
    ("beach^2 a dog", [Text("a dog"), Text("beach", weight=2)]),
    ("🏖^2", [Text("🏖", weight=2)]),
    (":^) ^_^ ^^ ^2", [Text(":^) ^_^ ^^ ^2")]),
    # pictures
    (f"~{PICTURE}", [Like(PICTURE)]),
    (f"~:{PICTURE}", [Like(PICTURE)]),
    (f"~{PICTURE.hex.upper()}", [Like(PICTURE)]),
    (f"~{PICTURE}^2", [Like(PICTURE, weight=2)]),
    (f"-~{PICTURE}", [Like(PICTURE, "-")]),
    (f"+~{PICTURE}", [Like(PICTURE)]),
    (f"~{PICTURE} -~{OTHER}^0.5 snow", [Text("snow"), Like(PICTURE), Like(OTHER, "-", 0.5)]),
    # filters
    ("tag:beach", [Filter("tag", "beach")]),
    ("TAG:Beach", [Filter("tag", "Beach")]),
    ("tag：海", [Filter("tag", "海")]),
    ("-tag:beach", [Filter("tag", "beach", "-")]),
    ("+tag:beach", [Filter("tag", "beach", "+")]),
    ("tag:a tag:b tag:a", [Filter("tag", "a"), Filter("tag", "b")]),
    ('album:"Iceland 2024"', [Filter("album", "Iceland 2024")]),
    ("album:“Iceland 2024”", [Filter("album", "Iceland 2024")]),
    ("by:ada by:me", [Filter("by", "ada"), Filter("by", "me")]),
    ("camera:fuji", [Filter("camera", "fuji")]),
    ("camera:-x+y^2", [Filter("camera", "-x+y^2")]),
    ("orientation:Portrait", [Filter("orientation", "portrait")]),
    ("is:unsure", [Filter("is", "unsure")]),
    ("-is:UNSURE", [Filter("is", "unsure", "-")]),
    ('text:"grand hotel"', [Filter("text", "grand hotel")]),
    ("text:c:\\x", [Filter("text", "c:\\x")]),
    ("dog tag:pet on a beach", [Text("dog on a beach"), Filter("tag", "pet")]),
    # dates
    ("on:2023-07", [Filter("on", "2023-07", period=JULY)]),
    ("before:2023-07", [Filter("before", "2023-07", period=JULY)]),
    ('after:"July 2023"', [Filter("after", "July 2023", period=JULY)]),
    ("on:July-2023", [Filter("on", "July-2023", period=JULY)]),
    ("on:July  2023 beach", [Text("beach"), Filter("on", "July 2023", period=JULY)]),
    ("-on:2023-07", [Filter("on", "2023-07", "-", JULY)]),
    (
        "on:last summer dog",
        [Text("dog"), Filter("on", "last summer", period=Period(date(2026, 6, 1), date(2026, 9, 1)))],
    ),
    ("on:14 July 2023", [Filter("on", "14 July 2023", period=Period(date(2023, 7, 14), date(2023, 7, 15)))]),
    ("on:today", [Filter("on", "today", period=Period(TODAY, date(2026, 11, 27)))]),
    # dates that end free words
    ("beach July 2023", [Text("beach"), Filter("on", "2023-07", period=JULY)]),
    ("July 2023", [Filter("on", "2023-07", period=JULY)]),
    ("beach, in July 2023", [Text("beach"), Filter("on", "2023-07", period=JULY)]),
    ("beach before July 2023 | dog", [Text("beach"), Text("dog"), Filter("before", "2023-07", period=JULY)]),
    ("beach July 2023 tag:x", [Text("beach"), Filter("tag", "x"), Filter("on", "2023-07", period=JULY)]),
    ("July 2023 beach", [Text("July 2023 beach")]),
    ("beach July 2031", [Text("beach July 2031")]),
    # not ours
    ("https://example.org/a?b=c", [Text("https://example.org/a?b=c")]),
    ("at 12:30", [Text("at 12:30")]),
    ("foo:bar", [Text("foo:bar")]),
    ("-foo:bar^2", [Text("foo:bar", "-", weight=2)]),
    # Unicode
    ("cafe\u0301", [Text("caf\u00e9")]),
    ("tag:cafe\u0301", [Filter("tag", "caf\u00e9")]),
    ("海 -人", [Text("海"), Text("人", "-")]),
    ("пляж\u00a0лето", [Text("пляж лето")]),
    ("a\x00b \ud800c", [Text("a b c")]),
    ("👩‍👩‍👧 -👨", [Text("👩‍👩‍👧"), Text("👨", "-")]),
]


@pytest.mark.parametrize(("text", "parts"), UNDERSTOOD, ids=[text for text, _ in UNDERSTOOD])
def test_understands(text: str, parts: list[Part]) -> None:
    query = read(text)
    assert list(query.parts) == parts
    assert bool(query) == bool(parts)
    assert read(query.text) == query


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        (" Beach^2.0  “red car” TAG:x", 'Beach^2 "red car" tag:x'),
        ("tag:x dog -people on a beach", "dog on a beach -people tag:x"),
        ("beach July 2023", "beach on:2023-07"),
        ("on:last summer", 'on:"last summer"'),
        ("album:“Iceland”", "album:Iceland"),
        (r'album:"7\" singles"', r'album:"7\" singles"'),
        ("red car|x | blue", "red car|x | blue"),
        (f"~{PICTURE.hex}", f"~{PICTURE}"),
    ],
)
def test_writes(text: str, canonical: str) -> None:
    assert read(text).text == str(read(text)) == canonical


@pytest.mark.parametrize(
    ("text", "marked", "sentence", "corrected", "canonical"),
    [
        # a field that isn't one stays words
        ("tags:beach x", "tags:", "no “tags:”", "tag:beach x", "tags:beach x"),
        ("Tags: beach", "Tags:", "no “Tags:”", "tag: beach", "Tags: beach"),
        ("date:2023", "date:", "no “date:”", "on:2023", "date:2023"),
        ("foo:bar", "foo:", "no “foo:”", "foo:bar", "foo:bar"),
        ("тег:море", "тег:", "no “тег:”", "тег:море", "тег:море"),
        # nothing after the colon
        ("tag: beach", "tag: ", "says nothing", "tag:beach", "beach"),
        ("beach tag:", "tag:", "says nothing", "beach tag:", "beach"),
        ('tag:"" beach', 'tag:""', "says nothing", 'tag:"" beach', "beach"),
        ('dog ""', '""', "nothing between", 'dog ""', "dog"),
        # quotes
        ('dog "red car', '"red car', "isn't closed", 'dog "red car"', 'dog "red car"'),
        ("dog “red car", "“red car", "isn't closed", 'dog "red car"', 'dog "red car"'),
        ('album:"Iceland 2024', '"Iceland 2024', "isn't closed", 'album:"Iceland 2024"', 'album:"Iceland 2024"'),
        ('"red \\', '"red \\', "isn't closed", '"red \\\\"', '"red \\\\"'),
        # dates
        ("dog on:someday", "on:someday", "“someday” can't be read as a date", "dog on:someday", "dog"),
        ("dog before:2024-13", "before:2024-13", "can't be read", "dog before:2024-13", "dog"),
        ("on:July", "on:July", "can't be read", 'on:"last July"', ""),
        # closed sets
        ("is:unsur dog", "is:unsur", "unsure, animated", "is:unsure dog", "dog"),
        ("orientation:wide", "orientation:wide", "portrait, landscape or square", "orientation:wide", ""),
        # weights
        ("beach^20", "^20", "0.01 to 10", "beach^10", "beach"),
        ("beach^0", "^0", "0.01 to 10", "beach", "beach"),
        ("beach^-1 x", "^-1", "0.01 to 10", "beach x", "beach x"),
        ("beach^much", "^much", "0.01 to 10", "beach", "beach"),
        ("beach^", "^", "0.01 to 10", "beach", "beach"),
        ("beach^2^3", "^2^3", "0.01 to 10", "beach", "beach"),
        ("-beach^" + "9" * 400, "^" + "9" * 400, "0.01 to 10", "-beach^10", "-beach"),
        ('"red car"^x', "^x", "0.01 to 10", '"red car"', '"red car"'),
        ('album:"A b"^2', "^2", "no weight", 'album:"A b"', 'album:"A b"'),
        # pictures
        ("dog ~3f2a", "~3f2a", "“3f2a” is no picture's ID", "dog ~3f2a", "dog"),
        (f"dog ~{PICTURE}0", f"~{PICTURE}0", "no picture's ID", f"dog ~{PICTURE}0", "dog"),
        ("dog ~:", "~:", "no picture's ID", "dog ~:", "dog"),
    ],
)
def test_a_mistake_gets_one_hint(text: str, marked: str, sentence: str, corrected: str, canonical: str) -> None:
    query = read(text)
    (hint,) = query.hints
    assert query.source[hint.start : hint.end] == marked
    assert sentence in hint.sentence
    assert hint.is_mistake
    assert query.corrected(hint) == corrected
    assert query.text == canonical


@pytest.mark.parametrize(
    "text",
    [
        "https://example.org",
        "12:30",
        "std::vector",
        "C:\\Users",
        "Note: a dog",
        "a:b",
        "re: the dog",
        "file:/etc",
        "x :y",
    ],
)
def test_what_does_not_look_like_a_field_gets_no_hint(text: str) -> None:
    assert read(text).hints == ()
    assert read(text).text == text


def test_several_mistakes_leave_the_rest() -> None:
    query = read('dog is:odd tag:pet before:x ~1 -people^x "red car')
    assert query.text == 'dog -people "red car" tag:pet'
    assert [query.source[hint.start : hint.end] for hint in query.hints] == [
        "is:odd",
        "before:x",
        "~1",
        "^x",
        '"red car',
    ]


def test_a_date_among_words_says_how_it_was_read() -> None:
    query = read("beach in July 2023")
    (hint,) = query.hints
    assert hint.sentence == "Read “in July 2023” as a date: on:2023-07"
    assert not hint.is_mistake
    assert query.corrected(hint) == 'beach "in July 2023"'
    assert read(query.text).hints == ()


def test_a_date_that_a_filter_divides_is_one_that_cannot_be_undone() -> None:
    query = read("beach July tag:x 2023")
    assert query.text == "beach tag:x on:2023-07"
    assert query.hints[0].suggestion is None


def test_spans_point_into_the_cleaned_text() -> None:
    query = read("  cafe\u0301 tags:x")
    (hint,) = query.hints
    assert query.source[hint.start : hint.end] == "tags:"
    assert query.corrected(hint) == "caf\u00e9 tag:x"


@pytest.mark.parametrize(
    ("text", "first", "end"),
    [
        ("before:2023-07", None, date(2023, 7, 1)),
        ("after:2023-07", date(2023, 8, 1), None),
        ("on:2023-07", date(2023, 7, 1), date(2023, 8, 1)),
        ("tag:2023", None, None),
    ],
)
def test_days_of_a_filter(text: str, first: date | None, end: date | None) -> None:
    assert read(text).filters[0].days == (first, end)


def test_kinds_of_parts() -> None:
    query = read(f"tag:x ~{PICTURE} beach -people")
    assert query.texts == (Text("beach"), Text("people", "-"))
    assert query.pictures == (Like(PICTURE),)
    assert query.filters == (Filter("tag", "x"),)


def test_a_text_that_is_too_long_is_cut_at_a_word() -> None:
    query = read("word " * 1000)
    assert len(query.source) <= LONGEST_TEXT
    assert set(query.source.split()) == {"word"}
    assert "1,000 characters" in query.hints[0].sentence
    assert read(query.text) == query


def test_a_word_that_is_too_long_is_cut() -> None:
    assert read("x" * 5000).text == "x" * LONGEST_TEXT


def test_a_text_of_the_greatest_length_is_whole() -> None:
    text = "x" * (LONGEST_TEXT - 2) + " y"
    assert read(text).text == text
    assert read(text).hints == ()


def test_too_many_parts() -> None:
    query = read(" ".join(f"tag:{number}" for number in range(MOST_PARTS + 1)))
    assert len(query.parts) == MOST_PARTS
    assert f"only {MOST_PARTS} parts" in query.hints[0].sentence
    assert read(query.text) == query


def test_what_is_written_is_never_too_long_to_read() -> None:
    query = read("“" + "\\x" * 499)  # each backslash is doubled
    assert query.parts == ()
    assert query.hints
    assert read("dog “" + "\\x" * 490 + "”").text == "dog"


@pytest.mark.parametrize(
    ("text", "field", "value", "written"),
    [
        ("", "tag", "beach", "tag:beach"),
        ("dog", "tag", "beach", "dog tag:beach"),
        ("dog tag:beach", "tag", "beach", "dog tag:beach"),
        ("dog tag:cat", "tag", "beach", "dog tag:cat tag:beach"),
        ("on:2023", "on", "2023", "on:2023"),
        ("dog", "album", "Iceland 2024", 'dog album:"Iceland 2024"'),
        ("dog", "album", 'The "best" \\ 7"', r'dog album:"The \"best\" \\ 7\""'),
        ("dog", "album", '"quoted"', r'dog album:"\"quoted\""'),
        ("dog", "album", "“quoted”", 'dog album:"“quoted”"'),
        ("dog", "camera", " ", "dog"),
        ("dog", "tag", "cafe\u0301\x00", "dog tag:caf\u00e9"),
    ],
)
def test_a_chip_adds_a_filter(text: str, field: str, value: str, written: str) -> None:
    assert read(text).with_filter(field, value) == written
    assert read(written).text == written


def test_a_chip_may_exclude() -> None:
    assert read("dog").with_filter("tag", "beach", "-") == "dog -tag:beach"


def test_a_chip_of_no_field() -> None:
    with pytest.raises(ValueError, match="no field 'tags'"):
        read("dog").with_filter("tags", "beach")


def test_a_chip_takes_a_part_away() -> None:
    query = read("a dog beach^2 tag:x tag:y")
    assert [query.without(part) for part in query.parts] == [
        "beach^2 tag:x tag:y",
        "a dog tag:x tag:y",
        "a dog beach^2 tag:y",
        "a dog beach^2 tag:x",
    ]


def test_every_field_has_a_sentence_and_can_be_typed() -> None:
    for name, kind in FIELDS.items():
        value = "2024" if kind.is_date else (*kind.choices, "x")[0]
        assert kind.sentence
        assert read(f"{name}:{value}").with_filter(name, value) == f"{name}:{value}"


def test_knows_nothing_of_the_database() -> None:
    """Of Django it knows the languages of its sentences alone."""
    program = "import sys, search.query.parse; sys.exit(any(name.startswith('django.db') for name in sys.modules))"
    subprocess.run([sys.executable, "-c", program], check=True)
