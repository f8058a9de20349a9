"""Captions go out as tables and come back."""

import csv
import io
import json
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from captioning import imports, services, tables
from captioning.exceptions import BadTable
from captioning.imports import captions_import
from captioning.tables import COLUMNS, csv_of, jsonl_of
from gallery.models import Image, User
from ml.interfaces import CaptionResult, ModelInfo

MakeImage = Callable[..., Image]

INFO = ModelInfo(name="one", revision="1", weights_hash="1" * 64, preprocessing="none")


@pytest.fixture
def guessed(make_image: MakeImage) -> Image:
    image = make_image("red", name="red.jpg")
    services.caption_record(image_id=image.pk, result=CaptionResult('a "dog", é', 0.4), info=INFO, unsure=True)
    return image


@pytest.fixture
def told(make_image: MakeImage, user: User) -> Image:
    image = make_image("blue", name="blue.jpg")
    services.caption_write_by_person(image_id=image.pk, author=user, text="the sea")
    return image


def table_of(rows: list[dict[str, Any]]) -> io.BytesIO:
    return io.BytesIO("\n".join(map(json.dumps, rows)).encode())


def take(owner: User, rows: list[dict[str, Any]], **options: Any) -> tuple[int, int, int, list[str]]:
    report = captions_import(owner=owner, file=table_of(rows), **options)
    return report.written, report.same, report.kept, [str(problem) for problem in report.problems]


def caption(image: Image) -> str:
    return Image.objects.get(pk=image.pk).description


def test_a_row_says_everything_of_a_caption(
    guessed: Image, told: Image, make_image: MakeImage, user: User, other_user: User
) -> None:
    silent = make_image("green", name="green.jpg")
    make_image("white", owner=other_user)
    rows = list(csv.DictReader("".join(csv_of(user)).splitlines()))
    assert [row["uuid"] for row in rows] == [str(image.uuid) for image in (guessed, told, silent)]
    assert {name: rows[0][name] for name in ("file_name", "sha256", "caption", "source", "model", "unsure", "by")} == {
        "file_name": "red.jpg",
        "sha256": guessed.sha256,
        "caption": 'a "dog", é',
        "source": "model",
        "model": INFO.key,
        "unsure": "True",
        "by": "",
    }
    assert (rows[1]["source"], rows[1]["by"], rows[1]["review"]) == ("person", "ada", "open")
    assert rows[1]["when"] == told.captions.get().created_at.isoformat()
    assert rows[2]["caption"] == ""
    of_json = [json.loads(line) for line in jsonl_of(user)]
    assert [{name: str(value) for name, value in row.items()} for row in of_json] == rows


def test_who_approved_a_caption_is_said(guessed: Image, user: User) -> None:
    services.caption_choose(caption=guessed.captions.get(), person=user)
    (row,) = map(json.loads, jsonl_of(user))
    assert (row["source"], row["review"], row["by"]) == ("model", "approved", "ada")


def test_an_empty_library_is_a_table_without_rows(user: User) -> None:
    assert "".join(csv_of(user)) == ",".join(COLUMNS) + "\r\n"
    assert list(jsonl_of(user)) == []


def test_a_table_has_as_few_statements_as_there_are_tables(
    guessed: Image, told: Image, user: User, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(2):
        list(csv_of(user))


@pytest.mark.parametrize("name", ["uuid", "sha256", "file_name"])
def test_a_picture_is_known_by_any_of_its_names(guessed: Image, user: User, name: str) -> None:
    row = {name: str(getattr(guessed, name)), "caption": " Rex  in the snow"}
    assert take(user, [row]) == (1, 0, 0, [])
    assert caption(guessed) == "Rex in the snow"
    assert guessed.captions.get(is_current=True).author == user


def test_what_a_person_said_stays_unless_told(guessed: Image, told: Image, user: User) -> None:
    rows = [{"uuid": str(image.uuid), "caption": "a boat"} for image in (guessed, told)]
    assert take(user, rows) == (1, 0, 1, [])
    assert (caption(guessed), caption(told)) == ("a boat", "the sea")
    assert take(user, rows, replace=True) == (1, 1, 0, [])
    assert caption(told) == "a boat"


def test_what_a_person_says_meanwhile_stays(guessed: Image, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    write = imports._write

    def later(*args: Any, **options: Any) -> None:
        services.caption_write_by_person(image_id=guessed.pk, author=user, text="Rex")
        write(*args, **options)

    monkeypatch.setattr(imports, "_write", later)
    assert take(user, [{"uuid": str(guessed.uuid), "caption": "a boat"}]) == (0, 0, 1, [])
    assert caption(guessed) == "Rex"


def test_a_table_that_comes_back_as_it_was_changes_nothing(guessed: Image, told: Image, user: User) -> None:
    report = captions_import(owner=user, file=io.BytesIO("".join(csv_of(user)).encode()))
    assert (report.written, report.same) == (0, 2)
    assert guessed.captions.get().review == "open"


@pytest.mark.parametrize("text", ['=HYPERLINK("x")', "'-tis a dog"])
def test_no_caption_is_a_formula_of_a_spreadsheet(told: Image, user: User, text: str) -> None:
    services.caption_write_by_person(image_id=told.pk, author=user, text=text)
    table = "".join(csv_of(user))
    assert next(csv.DictReader(table.splitlines()))["caption"] == f"'{text}"
    report = captions_import(owner=user, file=io.BytesIO(table.encode()))
    assert (report.written, report.same) == (0, 1)


def test_rows_that_name_no_picture_are_told(
    guessed: Image, user: User, other_user: User, make_image: MakeImage
) -> None:
    make_image("pink", name="red.jpg")
    theirs = make_image("white", owner=other_user)
    rows: list[dict[str, Any]] = [
        {"uuid": str(theirs.uuid), "caption": "stolen"},
        {"uuid": "no uuid", "caption": "a boat"},
        {"file_name": "red.jpg", "caption": "a boat"},
        {"caption": "a boat"},
        {"uuid": str(guessed.uuid), "caption": " "},
        {"uuid": str(guessed.uuid), "caption": "x" * 2_001},
        {"file_name": "no\0name", "caption": "a boat"},
        {"file_name": "\ud800", "caption": "a boat"},
    ]
    assert take(user, rows) == (
        0,
        0,
        0,
        [
            "Row 1 names no picture.",
            "Row 2 names no picture.",
            "Row 3 names several pictures; say which by uuid.",
            "Row 4 names no picture.",
            "Row 6 has more than 2,000 characters.",
            "Row 7 names no picture.",
            "Row 8 names no picture.",
        ],
    )
    assert caption(theirs) == ""


GOOD = '{"file_name": "red.jpg", "caption": "a boat"}'


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The table has no column “caption”."),
        (b"name\na", "The table has no column “caption”."),
        (b"caption\na", "The table names no pictures"),
        (b"[]", "The table has no column “caption”."),
        (b"{", "Row 1 of the table can’t be read."),
        (f"{GOOD}\n\n[]".encode(), "Row 3 of the table can’t be read."),
        (f"{GOOD}\n{{{GOOD}".encode(), "Row 2 of the table can’t be read."),
        (b'{"caption": ' + b"[" * 100_000, "Row 1 of the table can’t be read."),
        (b'{"caption": ' + b"1" * 5_000 + b"}", "Row 1 of the table can’t be read."),
        (b"caption,file_name\na boat,red.jpg\n" + b"x" * 200_000, "Row 3 of the table can’t be read."),
        (b"x" * 200_000, "Row 1 of the table can’t be read."),
        (b"caption,file_name\n" + b'"\nab",' * 50_000, "Row 2 of the table can’t be read."),
        (b'{"a": [' + b"[]," * 50_000 + b"[]]}", "Row 1 of the table can’t be read."),
        (f'{GOOD}\n{{"file_name": "red.jpg", "caption": 5}}'.encode(), "Row 2 of the table can’t be read."),
        ("caption,file_name\na boat,red.jpg".encode("utf-16"), "This is no text in UTF-8."),
        ("caption,file_name\na boat,red.jpg".encode("utf-16-le"), "The table has no column “caption”."),
        ("caption,file_name\na boat,red.jpg\né,blue.jpg".encode("cp1252"), "This is no text in UTF-8."),
        (b"PK\x03\x04\x14\x00\x00\x00\xff", "This archive is damaged or cut short."),
    ],
)
def test_what_is_no_table_is_refused_whole(guessed: Image, content: bytes, sentence: str) -> None:
    with pytest.raises(BadTable) as refusal:
        captions_import(owner=guessed.owner, file=io.BytesIO(content))
    assert str(refusal.value).startswith(sentence)
    assert caption(guessed) == 'a "dog", é'


def test_a_table_has_an_end(guessed: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_ROWS", 2)
    with pytest.raises(BadTable, match="more than 2 rows"):
        captions_import(owner=guessed.owner, file=io.BytesIO(b"caption,uuid\n\n\n"))


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_spreadsheets_write_tables_in_many_ways(guessed: Image, mark: str, delimiter: str, end: str) -> None:
    rows = [["File_Name ", "Caption"], ["photos/red.jpg", '"Rex; ""the""\tdog, né"', "more"], [], ["x"]]
    table = mark + end.join(delimiter.join(cells) for cells in rows)
    report = captions_import(owner=guessed.owner, file=io.BytesIO(table.encode()))
    assert (report.written, report.unused) == (1, 0)
    assert caption(guessed) == 'Rex; "the" dog, né'


def test_rows_are_counted_as_spreadsheets_do(user: User) -> None:
    table = b'caption,file_name\n\n"a\nboat",none.jpg\na boat,none.jpg\n'
    report = captions_import(owner=user, file=io.BytesIO(table))
    assert [problem.row for problem in report.problems] == [3, 4]


def test_a_hundred_problems_are_told_and_the_others_counted(user: User) -> None:
    report = captions_import(owner=user, file=table_of([{"uuid": "none", "caption": "a boat"}] * 103))
    assert (len(report.problems), report.unused, report.more_problems) == (100, 103, 3)
    with translation.override("de"):
        assert str(report.problems[99]) == "Zeile 100 nennt kein Bild."


def test_a_picture_is_described_once(guessed: Image, told: Image, user: User) -> None:
    named: list[dict[str, Any]] = [{"file_name": "red.jpg"}, {"sha256": guessed.sha256}, {"uuid": str(guessed.uuid)}]
    rows = [name | {"caption": text} for name, text in zip(named, ("a boat", "a boat", "Rex"), strict=True)]
    assert take(user, rows) == (1, 1, 0, ["Row 3 says something else of a picture than one above."])
    assert caption(guessed) == "a boat"


def test_an_import_that_is_told_to_stop_goes_on_the_next_time(
    make_image: MakeImage, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "_READ_AT_ONCE", 3)
    images = [make_image((20 * number, 0, 0)) for number in range(5)]
    rows = [{"uuid": str(image.uuid), "caption": f"boat {image.pk}"} for image in images]
    more = [rows[4], {"file_name": "none.jpg", "caption": "a boat"}]  # which nobody has to wait for to be told
    for same, written, left in ((1, 2, 3), (3, 2, 1), (5, 1, 0)):
        report = captions_import(owner=user, file=table_of(rows + more), most=2)
        assert (report.same, report.written, report.left, report.unused) == (same, written, left, 1)
    assert [caption(image) for image in images] == [row["caption"] for row in rows]


def test_rows_are_looked_up_together(make_image: MakeImage, user: User) -> None:
    images = [make_image((20 * number, 0, 0), name=f"{number}.jpg") for number in range(12)]
    for number, image in enumerate(images):
        services.caption_write_by_person(image_id=image.pk, author=user, text=f"boat {number}")

    def statements(number: int) -> int:
        rows = [
            {kind: str(getattr(image, kind)), "caption": image.description}
            for kind, image in zip(cycle(tables.NAMES), Image.objects.order_by("pk")[:number])
        ]
        with CaptureQueriesContext(connection) as asked:
            assert take(user, rows) == (0, number, 0, [])
        return len(asked)

    assert statements(12) == statements(6) == 4


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_commands_write_and_read_them(guessed: Image, tmp_path: Path, kind: str, capsys: Any) -> None:
    path = tmp_path / f"captions.{kind}"
    call_command("export_captions", owner="ada", format=kind, output=path)
    path.write_text(path.read_text(encoding="utf-8").replace("é", "and a cat"), encoding="utf-8")
    call_command("import_captions", path, owner="ada")
    assert "1 captions taken in, 0 there already" in capsys.readouterr().out
    assert caption(guessed) == 'a "dog", and a cat'


def test_commands_say_what_is_wrong(user: User, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="nobody called nobody"):
        call_command("export_captions", owner="nobody", output=tmp_path / "x")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export_captions", owner="ada", output=tmp_path)
    with pytest.raises(CommandError, match="nobody called nobody"):
        call_command("import_captions", tmp_path / "x.csv", owner="nobody")
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_captions", tmp_path / "x.csv", owner="ada")
    (tmp_path / "x.csv").write_bytes(b"caption\n\xff")
    with pytest.raises(CommandError, match="no text in UTF-8"):
        call_command("import_captions", tmp_path / "x.csv", owner="ada")


@pytest.mark.parametrize(
    ("kind", "name"), [("csv", "captions.csv"), ("jsonl", "captions.jsonl"), ("xmp", "captions-xmp.zip")]
)
def test_they_are_downloaded(client: Client, told: Image, other_user: User, kind: str, name: str) -> None:
    client.force_login(told.owner)
    response = client.get(f"/captions/export/?format={kind}")
    assert response["Content-Disposition"] == f'attachment; filename="{name}"'
    assert b"blue.jpg" in response.getvalue()
    client.force_login(other_user)
    assert b"blue.jpg" not in client.get(f"/captions/export/?format={kind}").getvalue()
    assert client.get("/captions/export/?format=exe").status_code == 404
