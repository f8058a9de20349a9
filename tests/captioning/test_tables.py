"""Captions go out as tables and come back."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from captioning import services, tables
from captioning.exceptions import BadTable
from captioning.tables import COLUMNS, captions_import, csv_of, jsonl_of
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


def take(owner: User, rows: list[dict[str, Any]], **options: Any) -> tuple[int, int, int, list[str]]:
    lines = io.StringIO("\n".join(map(json.dumps, rows)))
    report = captions_import(owner=owner, file=lines, is_jsonl=True, **options)
    return report.written, report.same, report.kept, report.problems


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
    def found_late(owner: User, row: dict[str, str]) -> list[Image]:
        services.caption_write_by_person(image_id=guessed.pk, author=owner, text="Rex")
        return [guessed]

    guessed.refresh_from_db()
    monkeypatch.setattr(tables, "_named", found_late)
    written, _, _, problems = take(user, [{"uuid": str(guessed.uuid), "caption": "a boat"}])
    assert (written, len(problems)) == (0, 1)
    assert caption(guessed) == "Rex"


def test_a_table_that_comes_back_as_it_was_changes_nothing(guessed: Image, told: Image, user: User) -> None:
    table = io.StringIO("".join(csv_of(user)), newline="")
    report = captions_import(owner=user, file=table, is_jsonl=False)
    assert (report.written, report.same) == (0, 2)
    assert guessed.captions.get().review == "open"


@pytest.mark.parametrize("text", ['=HYPERLINK("x")', "'-tis a dog"])
def test_no_caption_is_a_formula_of_a_spreadsheet(told: Image, user: User, text: str) -> None:
    services.caption_write_by_person(image_id=told.pk, author=user, text=text)
    table = "".join(csv_of(user))
    assert next(csv.DictReader(table.splitlines()))["caption"] == f"'{text}"
    report = captions_import(owner=user, file=io.StringIO(table, newline=""), is_jsonl=False)
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
        {"uuid": str(guessed.uuid), "caption": ["a boat"]},
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
            "Row 8 names no picture.",
            "Row 9 names no picture.",
        ],
    )
    assert caption(theirs) == ""


@pytest.mark.parametrize(("text", "is_jsonl"), [("name\na", False), ("{", True), ("[]", True)])
def test_what_is_no_table_is_refused(user: User, text: str, is_jsonl: bool) -> None:
    with pytest.raises(BadTable):
        captions_import(owner=user, file=io.StringIO(text), is_jsonl=is_jsonl)


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
    with pytest.raises(CommandError, match="no such table"):
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
