"""Full-text search, on whichever database the tests run on: both have to give these very answers."""

import random
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection, transaction
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from gallery.models import Image, User
from search.query.fulltext import MOST_TERMS, best_line, find, holding
from search.query.fulltext_sql import count_holders
from tests.search.query.rows import make_row

LIBRARY = {
    "dog": ("A dog runs along the beach.", "a.jpg"),
    "dogs": ("Two DOGS playing in the park; a dog's bowl", "b.png"),
    "cat": ("A black-and-white cat, asleep.", "IMG_2041-beach.JPG"),
    "cafe": ("People sitting outside a Café in Ærø", "DSC0007.jpg"),
    "cafe-nfd": ("the cafe\u0301 is closed", "x.webp"),
    "red": ("A red car parked by a house", "MyBeachHouse2024.jpg"),
    "car": ("A car with a red roof", "holiday.final.v2.jpg"),
    "cyrillic": ("Собака бежит по пляжу", "фото.jpg"),
    "chinese": ("一只狗 在沙滩上", "照片.jpg"),
    "syntax": ("NEAR AND description* OR (NOT) ^x:y \"quoted\" 'it'", "a&b|c!.jpg"),
    "decade": ("A car of the 1960s, 4x4, 3.5 tons", "see/sand.jpg"),
    "tram": ("Tram 12", "tram.jpg"),
    "empty": ("", "_"),
}

CASES: list[tuple[str, dict[str, Any], set[str]]] = [
    # words: any of them, by their stems
    ("dog", {}, {"dog", "dogs"}),
    ("dogs running", {}, {"dog", "dogs"}),
    ("RUNNING", {}, {"dog"}),
    ("dog’s", {}, {"dog", "dogs"}),
    ("dog's cat's", {}, {"dog", "dogs", "cat"}),
    ("parked parks parking", {}, {"dogs", "red"}),
    ("zebra", {}, set()),
    ("zebra cat", {}, {"cat"}),
    ("do", {}, set()),
    # no part of a word
    ("dogg do og", {}, set()),
    # diacritics, other scripts
    ("cafe", {}, {"cafe", "cafe-nfd"}),
    ("CAFÉ", {}, {"cafe", "cafe-nfd"}),
    ("cafe\u0301s", {}, {"cafe", "cafe-nfd"}),
    ("ærø", {}, {"cafe"}),
    ("Ærö", {}, set()),
    ("собака", {}, {"cyrillic"}),
    ("СОБАКА", {}, {"cyrillic"}),
    ("фото", {}, {"cyrillic"}),
    ("一只狗", {}, {"chinese"}),
    ("照片", {}, {"chinese"}),
    # file names: whole, and by their parts
    ("beach", {}, {"dog", "cat", "red"}),
    ("img", {}, {"cat"}),
    ("2041", {}, {"cat"}),
    ("IMG_2041-beach.JPG", {}, {"cat"}),
    ("img_2041", {}, {"cat"}),
    ("IMG_2042", {}, set()),
    ("mybeachhouse2024", {}, {"red"}),
    ("2024", {}, {"red"}),
    ("houses", {}, {"red"}),
    ("dsc", {}, {"cafe"}),
    ("DSC0007", {}, {"cafe"}),
    ("0007", {}, {"cafe"}),
    ("7", {}, set()),
    ("png", {}, {"dogs"}),
    ("holiday", {}, {"car"}),
    ("final.v2", {}, {"car"}),
    ("sand", {}, {"decade"}),
    # numbers
    ("12", {}, {"tram"}),
    ("1960s", {}, {"decade"}),
    ("4x4", {}, {"decade"}),
    ("3.5", {}, {"decade"}),
    ("-12", {}, {"tram"}),
    ("tram²", {}, {"tram"}),
    ("² ½", {"required": ["①"]}, set()),
    # words in one chunk stand side by side
    ("black-and-white", {}, {"cat"}),
    ("black-white", {}, set()),
    ("white/black", {}, {"cat"}),
    ("zebra,cat;roof(tram)", {}, {"cat", "car", "tram"}),
    ("“cat”—zebra…", {}, {"cat"}),
    ("red-car", {}, {"red"}),
    # stop words
    ("a", {}, set()),
    ("the and of", {}, set()),
    ("the a cat", {}, {"cat"}),
    ("don't", {}, set()),
    ("", {}, set()),
    ("  \t ", {}, set()),
    ("… — ! 🏖️", {}, set()),
    ("", {"required": ["a"]}, set()),
    ("", {"required": ["of the", "the"]}, set()),
    ("cat", {"required": ["the"]}, {"cat"}),
    ("cat", {"excluded": ["a"]}, {"cat"}),
    # phrases
    ("", {"required": ["red car"]}, {"red"}),
    ("", {"required": ["red cars"]}, {"red"}),
    ("", {"required": ["car red"]}, set()),
    ("", {"required": ["along the beach"]}, {"dog"}),
    ("", {"required": ["along a beach"]}, set()),
    ("", {"required": ["along beach"]}, set()),
    ("", {"required": ["dog's bowl"]}, {"dogs"}),
    ("sitting-outside red-roof", {}, {"cafe", "car"}),
    ("cat red-roof", {}, {"cat", "car"}),
    ("", {"required": ["beach house"]}, {"red"}),
    # not from the caption into the file name
    ("", {"required": ["12 tram"]}, set()),
    ("", {"required": ["asleep img"]}, set()),
    # required: then the words only rank
    ("cat dog", {"required": ["beach"]}, {"dog", "cat", "red"}),
    ("", {"required": ["dog", "beach"]}, {"dog"}),
    ("zebra", {"required": ["dog"]}, {"dog", "dogs"}),
    ("", {"required": ["red car"]}, {"red"}),
    ("", {"required": ["car", "holiday"]}, {"car"}),
    ("cat", {"required": ["zebra"]}, set()),
    # excluded
    ("beach", {"excluded": ["dog"]}, {"cat", "red"}),
    ("beach", {"excluded": ["dogs", "img"]}, {"red"}),
    ("car", {"excluded": ["red car"]}, {"car", "decade"}),
    ("", {"excluded": ["dog"]}, set()),
    ("", {"required": ["beach"], "excluded": ["cat", "car"]}, {"dog"}),
    ("dog", {"excluded": ["dog"]}, set()),
    ("dog", {"excluded": [""]}, {"dog", "dogs"}),
    # what is syntax to the databases is only words here
    ("NEAR", {}, {"syntax"}),
    ("dog NOT cat", {}, {"dog", "dogs", "cat"}),
    ("dog AND cat", {}, {"dog", "dogs", "cat"}),
    ("NEAR(dog zebra, 20)", {}, {"dog", "dogs", "syntax"}),
    ("description:dog", {}, {"dog", "dogs", "syntax"}),
    ("file_name:a", {}, set()),
    ("do*", {}, set()),
    ("^dog", {}, {"dog", "dogs"}),
    ('"dog', {}, {"dog", "dogs"}),
    ('dog" OR "cat', {}, {"dog", "dogs", "cat"}),
    ("dog & !cat | <-> :*", {}, {"dog", "dogs", "cat"}),
    ("'dog' \\ %s %(q)s {} ; --", {}, {"dog", "dogs"}),
    ("dog\x00cat", {}, {"dog", "dogs", "cat"}),
    ("dog \x00 cat", {}, {"dog", "dogs", "cat"}),
    ("\ud83d dog", {}, {"dog", "dogs"}),
    ("quoted", {"required": ["\"quoted\" 'it'"]}, {"syntax"}),
]


def ids_found(**asked: Any) -> list[int]:
    """Of one source after the other."""
    return [pk for holders in find(**asked).values() for pk in holders.ids]


def told(**asked: Any) -> list[tuple[str, int, bool]]:
    """Source, picture and whether it is whole, of all that is found."""
    return [(source, pk, pk in ids[:whole]) for source, (ids, whole) in sorted(find(**asked).items()) for pk in ids]


@pytest.fixture
def library(user: User) -> dict[int, str]:
    """The names of the pictures, by id."""
    return {make_row(text, owner=user, name=name).pk: key for key, (text, name) in LIBRARY.items()}


@pytest.mark.parametrize(("words", "others", "expected"), CASES)
def test_what_is_found(
    library: dict[int, str], user: User, words: str, others: dict[str, Any], expected: set[str]
) -> None:
    found = ids_found(viewer=user, words=words, limit=100, **others)

    assert sorted(library[pk] for pk in found) == sorted(expected)  # none twice


def test_better_comes_first(user: User) -> None:
    """Enough pictures of other things are there for each word to be rare, as BM25 wants."""
    for _ in range(20):
        make_row("A house in the snow", owner=user)
    both = make_row("A dog at the beach", owner=user)
    caption = make_row("A beach with umbrellas", owner=user)
    file_name = make_row("Something else entirely", owner=user, name="beach.jpg")
    long = make_row(f"A beach, and so on: {' '.join(map(str, range(100, 150)))}", owner=user)

    found = ids_found(viewer=user, words="dog beach", limit=10)

    assert found[:2] == [both.pk, caption.pk]
    assert found.index(long.pk) > found.index(caption.pk) < found.index(file_name.pk)
    first, *others = ids_found(viewer=user, words="dog", required=["beach"], limit=10)
    assert first == both.pk
    assert len(others) == 3


def test_people_and_the_captioner_are_told_apart(user: User) -> None:
    person = make_row("A dog", owner=user).pk
    captioner = make_row("A dog, a dog", owner=user, description_by_person=False).pk
    named = make_row("A cat", owner=user, description_by_person=False, name="dog.jpg").pk
    both = make_row("A dog in a park", owner=user, description_by_person=False, name="MyDog.jpg").pk

    found = find(viewer=user, words="dogs", limit=2)

    assert {source: holders.ids for source, holders in found.items()} == {
        "caption": [person, named],
        "captioner": [captioner, both],
    }


def test_what_can_be_read_in_a_picture(user: User) -> None:
    sign = make_row("A street", owner=user, text_in_picture="GRAND\nHOTEL Café").pk
    shop = make_row("A grand hotel", owner=user, text_in_picture="hotel supplies").pk

    def found(words: str, **others: Any) -> list[tuple[str, int, bool]]:
        return told(viewer=user, words=words, limit=5, **others)

    assert found("grand hotels") == [("caption", shop, True), ("text", sign, True), ("text", shop, False)]
    # required: in any of them
    assert found("", required=["grand hotel"]) == [("caption", shop, True), ("text", sign, True)]
    assert found("street", required=["cafe"]) == [("caption", sign, True), ("text", sign, False)]
    assert found("", required=["street", "hotel"]) == [("caption", sign, True), ("text", sign, True)]
    assert found("hotel", excluded=["cafe"]) == [("caption", shop, True), ("text", shop, True)]
    assert found("hotel", excluded=["street"]) == [("caption", shop, True), ("text", shop, True)]


def test_what_an_owner_says_of_a_picture(user: User) -> None:
    titled = make_row("a street", owner=user, title="Grand tour", notes="With Ada").pk
    tagged = make_row("a street", owner=user, tag_words="grand\nIceland 2024").pk
    noted = make_row("a street", owner=user, notes="A grand day, rain and rain and rain again").pk

    def found(words: str, **others: Any) -> list[tuple[str, int, bool]]:
        return told(viewer=user, words=words, limit=5, **others)

    assert {hit[1] for hit in found("grand")} == {titled, tagged, noted}
    assert found("grand")[2] == ("own", noted, True)  # notes count for less
    assert found("iceland tour") == [("own", tagged, False), ("own", titled, False)]
    assert found("", required=["grand tour"], excluded=["iceland"]) == [("own", titled, True)]
    assert found("", required=["tour with"]) == []  # no phrase reaches from one into the other
    Image.objects.filter(pk=titled).update(title="", notes="")
    assert found("tour") == []


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("GRAND HOTEL\nopen all year", "hotel", "GRAND [HOTEL]"),
        ("hotel\nGrand Hôtel", "grand hotels", "[Grand] [Hôtel]"),
        ("GRAND HOTEL", "zebra", ""),
        ("", "hotel", ""),
        ("GRAND HOTEL", "the", ""),
        (f"{'word ' * 20}HOTEL {'word ' * 20}", "hotel", f"…{'word ' * 5}[HOTEL] {'word ' * 9}word…"),
    ],
)
def test_the_line_that_says_it(text: str, words: str, expected: str) -> None:
    assert "".join(f"[{piece}]" if asked else piece for piece, asked in best_line(text, words)) == expected


def test_what_holds_all_of_the_words_comes_first(user: User) -> None:
    some = make_row("dog dog dog dog", owner=user).pk
    every = make_row(f"A dog, and so on: {' '.join(map(str, range(100, 130)))} beach", owner=user).pk

    assert find(viewer=user, words="dog beach", limit=5) == {"caption": ([every, some], 1)}
    assert find(viewer=user, words="dog", limit=5)["caption"].whole == 2


def test_of_what_holds_but_frequent_words_only_the_newest_are_ranked(
    user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    both = make_row("A dog and a cat", owner=user).pk
    zebra = make_row("A zebra and a dog", owner=user).pk
    dogs = [make_row(f"A dog number {number}", owner=user).pk for number in range(3)]
    cats = [make_row(f"A cat number {number}", owner=user).pk for number in range(3)]
    monkeypatch.setattr("search.query.fulltext_sql.MOST_RANKED", 2)

    def found(words: str) -> list[int]:
        return ids_found(viewer=user, words=words, limit=9)

    assert found("dog") == dogs[:0:-1]
    assert set(found("dog cat")) == {both, *cats[1:]}
    assert found("dog cat")[0] == both
    assert set(found("dog zebra")) == {zebra, *dogs[1:]}
    assert found("dog zebra")[0] == zebra


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite keeps no statistics of words")
def test_words_that_statistics_call_frequent_are_not_counted(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("search.query.fulltext_sql.MOST_RANKED", 2)
    for word in ("dog", "dog", "dog", "dog", "dog", "cat", "cat", "cat", "cat", "zebra"):
        make_row(f"A {word}", owner=user)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE gallery_image")
    Image.objects.filter(owner=user).delete()

    # twice as frequent, and not quite; phrases are counted anyway
    assert count_holders(["dog", "cat", "a dog"])["search_fulltext"] == [3, 0, 0]


def test_ties_go_to_the_newest_and_the_limit_holds(user: User) -> None:
    ids = [make_row("A dog", owner=user).pk for _ in range(5)]

    assert ids_found(viewer=user, words="dog", limit=3) == ids[:1:-1]
    assert find(viewer=user, words="dog", limit=0) == {}


def test_only_what_is_listed_for_the_viewer_and_before_the_limit(user: User, other_user: User) -> None:
    public = make_row("A dog", owner=user, visibility="public")
    link = make_row("A dog", owner=user, visibility="link")
    private = make_row("A dog", owner=user)

    def found(viewer: Any, limit: int) -> list[int]:
        return ids_found(viewer=viewer, words="dog", limit=limit)

    assert found(user, 10) == [private.pk, link.pk, public.pk]
    assert found(other_user, 1) == found(AnonymousUser(), 1) == [public.pk]


def test_where_is_one_more_condition(user: User) -> None:
    first = make_row("A dog", owner=user, visibility="public")
    second = make_row("A dog", owner=user)

    def found(where: Q) -> list[int]:
        return ids_found(viewer=user, words="dog", where=where, limit=9)

    assert found(Q(visibility="public")) == [first.pk]
    assert found(~Q(owner__username=user.username) | Q(visibility="private")) == [second.pk]
    assert found(Q(pk__in=[])) == []


def test_the_number_of_statements(library: dict[int, str], user: User) -> None:
    asked: dict[str, Any] = {"excluded": ["cat"], "required": ["red car"]}
    with CaptureQueriesContext(
        connection,
    ) as found:
        find(viewer=user, words="dog", where=Q(visibility="private"), limit=5, **asked)
    with CaptureQueriesContext(connection) as nothing:
        find(viewer=user, words="the", limit=5)

    assert (len(found), len(nothing)) == (2, 0)


def test_no_text_is_an_error(library: dict[int, str], user: User) -> None:
    """Neither in a query nor in a caption: whatever people and models write."""
    chance = random.Random(7)
    pieces = [*"\"'()*:^-+{}[]<>&|!\\/.,;%_#@~`$= \t\n\x00\x01\x7f\x85\u2028\u00ad\u200d\ufeff\ud800\udfff\U0001f9a9"]
    pieces += "NEAR AND OR NOT NEAR( dog the é e\u0301 ß 狗 ǅ ² ① ﬁ ا 한 description: rowid <-> <2> :*".split()  # noqa: SIM905
    pieces += ["%s", "%(a)s", "{0}", "--", "/*", "1e9"]
    for _ in range(400):
        texts = ["".join(chance.choices(pieces, k=chance.randint(0, 12))) for _ in range(3)]
        asked: dict[str, Any] = {"excluded": texts[1:2], "required": texts[2:]}
        find(viewer=user, words=texts[0], limit=5, **asked)
        storable = texts[0].replace("\x00", "").encode(errors="ignore").decode()
        image = make_row(storable, owner=user, name=storable[:255])
        for term in set(storable.split()) & {"dog", "狗"}:
            assert image.pk in ids_found(viewer=user, words=term, limit=1000)


@pytest.mark.parametrize(
    "text",
    [
        "dog " * 2_500,
        "d" * 10_000,
        "狗" * 10_000,
        '"' * 10_000,
        "(" * 10_000,
        "NEAR(" * 2_000,
        " ".join(f"w{number}" for number in range(2_500)),
        "-".join(f"w{number}" for number in range(2_500)),
        "\U0001f436 " * 5_000,
        "\x00" * 10_000,
    ],
)
def test_long_texts(library: dict[int, str], user: User, text: str) -> None:
    find(viewer=user, words=text, limit=5)
    for kind in ("required", "excluded"):
        terms = [text, *text.split()]
        find(viewer=user, words="dog", limit=5, **{kind: terms})
    make_row(text.replace("\x00", ""), owner=user)


def test_only_the_first_words_count(library: dict[int, str], user: User) -> None:
    many = " ".join(f"w{number}" for number in range(MOST_TERMS - 1))

    assert len(ids_found(viewer=user, words=f"{many} dog", limit=5)) == 2
    assert not find(viewer=user, words=f"{many} zebra dog", limit=5)


def test_a_huge_caption_can_be_stored(user: User) -> None:
    """PostgreSQL refuses more than 1 MB of words; what comes after 100,000 characters isn't found."""
    image = make_row(" ".join(f"{number:x}ж" for number in range(400_000)) + " zebra", owner=user)

    assert ids_found(viewer=user, words="1ж", limit=5) == [image.pk]
    assert not find(viewer=user, words="zebra", limit=5)


def test_in_the_same_transaction(user: User) -> None:
    image = make_row("A dog", owner=user)

    def found(words: str) -> list[int]:
        return ids_found(viewer=user, words=words, limit=5)

    with pytest.raises(ZeroDivisionError), transaction.atomic():
        Image.objects.filter(pk=image.pk).update(description="A cat")
        assert found("cat") == [image.pk]
        _ = 1 / 0

    assert (found("cat"), found("dog")) == ([], [image.pk])


@pytest.mark.parametrize("words", ["dog", "dog zebra", "dog cat beach", ""])
def test_pictures_told_by_their_ids_are_found_as_by_what_lets_them_through(
    user: User, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    monkeypatch.setattr("search.query.fulltext_sql.MOST_RANKED", 4)
    for caption in ("A dog and a cat", "A zebra and a dog on a beach", "A dog", "A wet dog", "A cat", "A wet beach"):
        for visibility in ("private", "public"):
            make_row(caption, owner=user, visibility=visibility)
    where = Q(visibility="public")
    asked: Any = {"words": words, "required": ["a dog"], "excluded": ["wet"], "limit": 9}
    through = holding(required=asked["required"], excluded=asked["excluded"])
    ids = list(Image.objects.filter(where, through).values_list("pk", flat=True))

    found = find(viewer=user, where=where, **asked)

    assert set(found["caption"].ids) == set(ids)
    assert find(viewer=user, only=ids, **asked) == found
    assert find(viewer=user, only=[], **asked) == {}
