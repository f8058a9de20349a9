"""`manage.py import_folder`."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from gallery import folders
from gallery.folders import files_below
from gallery.management.commands import import_folder
from gallery.models import Image, Stage, User, Visibility
from tests.gallery.making import encode, plain
from tests.gallery.test_embedded import XMP

pytestmark = pytest.mark.usefixtures("told")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures at different depths, one of them twice; a text that poses as one; and what is passed over."""
    root = tmp_path / "photos"
    (root / "2024" / "summer").mkdir(parents=True)
    (root / "a.jpg").write_bytes(encode(plain("red"), "JPEG"))
    (root / "2024" / "b.png").write_bytes(encode(plain("green")))
    (root / "2024" / "summer" / "c.webp").write_bytes(encode(plain("blue"), "WEBP"))
    (root / "2024" / "copy of b.png").write_bytes(encode(plain("green")))
    (root / "2024" / "notes.jpg").write_text("not a picture\n")
    (root / ".hidden.jpg").write_bytes(encode(plain("white"), "JPEG"))
    (root / ".thumbnails").mkdir()
    (root / ".thumbnails" / "t.jpg").write_bytes(encode(plain("black"), "JPEG"))
    os.mkfifo(root / "pipe.jpg")
    return root


def run(folder: Path, owner: str = "ada", **options: Any) -> str:
    out = io.StringIO()
    call_command("import_folder", str(folder), owner=owner, stdout=out, **options)
    return out.getvalue()


def test_a_folder_is_taken_in(user: User, folder: Path) -> None:
    assert run(folder).splitlines() == [
        "2024/notes.jpg: This file is not a picture that we know. "
        "Supported are JPEG, PNG, WebP, GIF, AVIF, HEIC and TIFF.",
        "3 taken in, 1 there already, 1 refused.",
    ]
    images = Image.objects.all()
    assert {image.file_name for image in images} == {"a.jpg", "b.png", "c.webp"}
    assert {(image.owner, image.visibility) for image in images} == {(user, Visibility.PRIVATE)}
    assert set(Stage.objects.values_list("priority", flat=True)) == {Stage.Priority.BACKFILL}


def test_to_be_seen_by_everyone(user: User, folder: Path) -> None:
    run(folder, visibility="public")
    assert set(Image.objects.values_list("visibility", flat=True)) == {Visibility.PUBLIC}


def test_a_second_time_nothing_is_new(user: User, folder: Path) -> None:
    run(folder)
    assert run(folder).splitlines()[-1] == "0 taken in, 4 there already, 1 refused."
    assert Image.objects.count() == 3


def test_stopped_and_started_again(user: User, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[Path] = []
    take = import_folder._take

    def stop_at_the_third(path: Path, *args: Any) -> None:
        if len(taken) == 2:
            raise KeyboardInterrupt
        taken.append(path)
        take(path, *args)

    monkeypatch.setattr(import_folder, "_take", stop_at_the_third)
    with pytest.raises(CommandError, match="Start it again to go on") as caught:
        run(folder)
    assert caught.value.returncode == 130
    monkeypatch.undo()
    assert Image.objects.count() == 1  # b.png and its copy
    assert run(folder).splitlines()[-1] == "2 taken in, 2 there already, 1 refused."


def test_what_is_known_is_not_read_again(user: User, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(folder)
    (folder / "a.jpg").write_bytes(encode(plain("orange"), "JPEG"))  # another picture under a name that was seen
    Image.objects.get(file_name="c.webp").delete()  # and one that was seen, and is no more
    read: list[str] = []
    take = folders.picture_take

    def note(**given: Any) -> Any:
        read.append(given["file_name"])
        return take(**given)

    monkeypatch.setattr(folders, "picture_take", note)
    assert run(folder).splitlines()[-1] == "2 taken in, 2 there already, 1 refused."
    assert sorted(read) == ["a.jpg", "c.webp", "notes.jpg"]


def test_archives_are_looked_into(user: User, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.writestr("2024/a.png", encode(plain("red")))
        archive.writestr("b.png", encode(plain("green")))
        archive.writestr("notes.txt", b"Buy milk.")
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04 and nothing more")
    assert run(tmp_path).splitlines() == [
        "all.zip/notes.txt: This file is not a picture that we know. "
        "Supported are JPEG, PNG, WebP, GIF, AVIF, HEIC and TIFF.",
        "cut.zip: This archive is damaged or cut short.",
        "2 taken in, 0 there already, 2 refused.",
    ]
    assert set(Image.objects.values_list("file_name", flat=True)) == {"a.png", "b.png"}


def test_sidecars_are_read_and_not_reported(user: User, folder: Path, told: list[tuple[str, Any]]) -> None:
    (folder / "a.jpg.xmp").write_bytes(XMP)
    (folder / "2024" / "b.xmp").write_bytes(XMP)
    (folder / "2024" / "lost.xmp").write_bytes(b"no XMP")
    assert run(folder).splitlines()[1:] == ["3 taken in, 1 there already, 1 refused."]
    said = {Image.objects.get(pk=values[0]).file_name for name, values in told if name == "captioned"}
    assert said == {"a.jpg", "b.png"}


def test_names_that_arent_utf8(user: User, tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/caf\xe9.png", "wb") as file:
        file.write(encode(plain()))
    with open(os.fsencode(tmp_path) + b"/th\xe9.png", "wb") as file:
        file.write(b"no picture")
    out = run(tmp_path)
    assert out.startswith("th\N{REPLACEMENT CHARACTER}.png: This file is not a picture")
    assert Image.objects.get().file_name == "caf.png"


def test_names_that_a_terminal_would_obey(user: User, tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2J\n.jpg").write_bytes(b"no picture")
    (tmp_path / "b.jpg").write_bytes(encode(plain("red"), "JPEG"))
    first, _ = run(tmp_path).splitlines()
    assert first.startswith("a [2J .jpg: This file is not a picture")


def test_a_file_that_vanishes(user: User, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def vanishing(folder: Path, **options: Any) -> list[Path]:
        found = list(files_below(folder, **options))
        (folder / "a.jpg").unlink()
        return found

    monkeypatch.setattr(import_folder, "files_below", vanishing)
    assert "a.jpg: This file could not be read: No such file or directory." in run(folder)


@pytest.mark.parametrize("content", [None, b"no picture"])
def test_nothing_that_could_be_read_is_an_error(user: User, tmp_path: Path, content: bytes | None) -> None:
    if content:
        (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(CommandError, match=r"no picture in .* that could be taken in"):
        run(tmp_path)


def test_of_nobody_and_from_nowhere(user: User, folder: Path) -> None:
    with pytest.raises(CommandError, match="nobody called grace"):
        run(folder, owner="grace")
    with pytest.raises(CommandError, match="There is no folder"):
        run(folder / "nowhere")
