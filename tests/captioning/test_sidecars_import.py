"""XMP sidecars come back, ours and those of other photo tools."""

import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from captioning import services
from captioning.exceptions import BadTable
from captioning.imports import captions_import
from captioning.sidecars import sidecars_of, xmp, zip_of
from gallery.models import Image, User
from tests.gallery.making import zipped

MakeImage = Callable[..., Image]


@pytest.fixture
def image(make_image: MakeImage) -> Image:
    return make_image("red", name="beach.jpg")


def take(owner: User, files: dict[str, bytes], **options: Any) -> tuple[int, int, int, list[str]]:
    report = captions_import(owner=owner, file=io.BytesIO(zipped(files)), **options)
    return report.written, report.same, report.kept, [str(problem) for problem in report.problems]


def caption(image: Image) -> str:
    return Image.objects.get(pk=image.pk).description


def test_what_goes_out_comes_back_to_the_same_pictures_elsewhere(
    make_image: MakeImage, user: User, other_user: User
) -> None:
    names = ["beach.jpg", "Käse & <Brot>.jpg", "IMG 1.jpg", "IMG 1.jpg", "é" * 251 + ".jpg"]
    pictures = [((40 * number, 0, 0), name) for number, name in enumerate(names)]
    mine = [make_image(color, name=name) for color, name in pictures]
    theirs = [make_image(color, name=name, owner=other_user) for color, name in pictures]
    for number, image in enumerate(mine):
        services.caption_write_by_person(image_id=image.pk, author=user, text=f"a boat & <{number}>")
    archive = b"".join(zip_of(sidecars_of(user)))
    report = captions_import(owner=other_user, file=io.BytesIO(archive))
    assert [caption(image) for image in theirs] == ["a boat & <0>", "a boat & <1>", "", "", ""]
    assert [(problem.file.split("/")[-1], problem.reason) for problem in report.problems] == [
        ("IMG 1.jpg.xmp", "several"),
        ("IMG 1.jpg.xmp", "several"),
        (f"{mine[4].uuid}.xmp", "absent"),
    ]
    report = captions_import(owner=user, file=io.BytesIO(archive))
    assert (report.written, report.same, report.unused) == (0, 5, 0)


@pytest.mark.parametrize(
    "name",
    [
        "beach.jpg.xmp",
        "beach.xmp",
        "2024/Summer/beach.XMP",
        "C:\\photos\\beach.jpg.xmp",
        "../../../../beach.jpg.xmp",
        "/beach.xmp",
        "{uuid}.xmp",
        "{uuid}/sea.jpg.xmp",
    ],
)
def test_a_sidecar_is_called_as_its_picture_is(image: Image, make_image: MakeImage, name: str) -> None:
    make_image("blue", name="sea.jpg")
    assert take(image.owner, {name.format(uuid=image.uuid): xmp(caption="Rex")}) == (1, 0, 0, [])
    assert caption(image) == "Rex"
    assert image.captions.get().author == image.owner


def test_names_of_several_pictures_and_of_none_are_told(image: Image, make_image: MakeImage, other_user: User) -> None:
    make_image("blue", name="beach.png")
    theirs = make_image("pink", name="sea.jpg", owner=other_user)
    told = take(
        image.owner,
        {
            "beach.xmp": xmp(caption="Rex"),
            "sea.jpg.xmp": xmp(caption="stolen"),
            f"{theirs.uuid}.xmp": xmp(caption="stolen"),
            "beach.jpg.xmp": xmp(caption="Rex"),
            "2024/beach.jpg.xmp": xmp(caption="Fido"),
            "beach_01.jpg.xmp": xmp(caption=""),
            "beach.png.xmp": xmp(caption="x" * 2_001),
        },
    )
    assert told == (
        1,
        0,
        0,
        [
            "beach.xmp names several pictures; say which by uuid.",
            "sea.jpg.xmp names no picture.",
            f"{theirs.uuid}.xmp names no picture.",
            "2024/beach.jpg.xmp says something else of a picture than one above.",
            "beach.png.xmp has more than 2,000 characters.",
        ],
    )
    assert (caption(image), caption(theirs)) == ("Rex", "")


def test_a_surer_name_goes_before_a_stem(make_image: MakeImage, user: User) -> None:
    plain, double = make_image("red", name="beach"), make_image("blue", name="beach.jpg")
    assert take(user, {"beach.xmp": xmp(caption="Rex")}) == (1, 0, 0, [])
    assert (caption(plain), caption(double)) == ("Rex", "")


def test_what_a_person_said_stays_unless_told(image: Image) -> None:
    services.caption_write_by_person(image_id=image.pk, author=image.owner, text="the sea")
    files = {"beach.jpg.xmp": xmp(caption="Rex")}
    assert take(image.owner, files) == (0, 0, 1, [])
    assert take(image.owner, files, replace=True) == (1, 0, 0, [])
    assert take(image.owner, files) == (0, 1, 0, [])
    assert [each.text for each in image.captions.order_by("pk")] == ["the sea", "Rex"]


def test_what_is_no_sidecar_is_passed_over(image: Image, make_jpeg: Callable[..., bytes]) -> None:
    files = {
        "beach.jpg": make_jpeg("red"),
        "__MACOSX/._beach.jpg.xmp": b"of the system",
        ".beach.jpg.xmp": b"hidden",
        "beach.jpg.xmp": xmp(caption="Rex"),
        "folder.xmp/": b"",
    }
    assert take(image.owner, files) == (1, 0, 0, [])


NO_XMP = "beach.jpg.xmp can’t be read: This file is no XMP, or damaged."
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "' + b"&a;" * 500 + b'">]><x>' + b"&b;" * 500 + b"</x>"


@pytest.mark.parametrize(
    ("packet", "problem"),
    [
        (b"", NO_XMP),
        (b"\0" * 100, NO_XMP),
        (b"<x", NO_XMP),
        (LAUGHS, NO_XMP),
        (b'<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>', NO_XMP),
        (xmp(caption="Rex").replace(b"Rex", b"R\0ex"), NO_XMP),
        (xmp(caption="Käse").decode().encode("cp1252", "ignore"), NO_XMP),
        (b'<?xml version="1.0" encoding="klingon"?>' + xmp(caption="Rex"), NO_XMP),
        (xmp(caption="x" * 4_000_000), "beach.jpg.xmp can’t be read: This file is too large: the limit is 4 MB."),
        (bytes(90_000_000), "beach.jpg.xmp can’t be read: This file is too large: the limit is 4 MB."),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else "told",
)
def test_a_bad_sidecar_spoils_no_other(image: Image, make_image: MakeImage, packet: bytes, problem: str) -> None:
    sea = make_image("blue", name="sea.jpg")
    files = {"beach.jpg.xmp": packet, "sea.jpg.xmp": xmp(caption="Rex")}
    assert take(image.owner, files) == (1, 0, 0, [problem])
    assert (caption(image), caption(sea)) == ("", "Rex")


def test_a_deep_one_says_nothing(image: Image) -> None:
    assert take(image.owner, {"beach.jpg.xmp": b"<x>" * 50_000 + b"</x>" * 50_000}) == (0, 0, 0, [])


def test_a_sidecar_behind_a_password_is_told(image: Image) -> None:
    archive = bytearray(zipped({"beach.jpg.xmp": xmp(caption="Rex")}))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        archive[archive.index(signature) + offset] |= 1
    report = captions_import(owner=image.owner, file=io.BytesIO(bytes(archive)))
    assert [(problem.row, problem.reason) for problem in report.problems] == [(1, "unreadable")]
    assert "locked by a password" in str(report.problems[0])


def test_a_size_that_is_a_lie(image: Image) -> None:
    packet = xmp(caption="x" * 50_000)
    archive = zipped({"beach.jpg.xmp": packet}).replace(struct.pack("<L", len(packet)), struct.pack("<L", 500))
    report = captions_import(owner=image.owner, file=io.BytesIO(archive))
    assert str(report.problems[0]) == "beach.jpg.xmp can’t be read: This file is damaged inside its archive."


def test_many_that_unpack_to_much_more_than_they_are(user: User) -> None:
    with pytest.raises(BadTable, match="unpacks to more than 10 MB of sidecars"):
        take(user, {f"{number}.xmp": b"<a/>" * 900_000 for number in range(3)})


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "There is no XMP sidecar in this archive."),
        ({"xl/workbook.xml": b"<x/>"}, "There is no XMP sidecar in this archive."),
        ({f"{number}.xmp": b"" for number in range(6)}, "This archive holds 6 files; the limit is 5."),
        ({f"{number}.xmp": bytes(300_000) for number in range(4)}, "This archive unpacks to more than 1 MB of"),
    ],
    ids=["empty", "spreadsheet", "many", "large"],
)
def test_an_archive_that_is_refused_whole(user: User, settings: Any, files: dict[str, bytes], sentence: str) -> None:
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"entries": 5, "bytes": 1_000_000}
    with pytest.raises(BadTable) as refusal:
        take(user, files)
    assert str(refusal.value).startswith(sentence)


def test_an_import_that_is_told_to_stop_goes_on_the_next_time(make_image: MakeImage, user: User) -> None:
    images = [make_image((20 * number, 0, 0), name=f"{number}.jpg") for number in range(3)]
    archive = zipped({f"{image.file_name}.xmp": xmp(caption=f"boat {image.pk}") for image in images})
    for done, left in ((0, 1), (2, 0)):
        report = captions_import(owner=user, file=io.BytesIO(archive), most=2)
        assert (report.same, report.written, report.left) == (done, min(2, 3 - done), left)


def test_sidecars_are_looked_up_together(make_image: MakeImage, user: User, django_assert_num_queries: Any) -> None:
    images = [make_image((20 * number, 0, 0), name=f"{number}.jpg") for number in range(12)]
    for image in images:
        services.caption_write_by_person(image_id=image.pk, author=user, text="a boat")
    for endings in ([".jpg.xmp"], [".xmp"], [".jpg.xmp", ".xmp"]):
        files = {f"{number}{endings[number % len(endings)]}": xmp(caption="a boat") for number in range(12)}
        with django_assert_num_queries(2 if endings == [".jpg.xmp"] else 3):
            assert take(user, files) == (0, 12, 0, [])


def test_an_archive_without_a_name_of_its_own_is_known_by_its_content(image: Image) -> None:
    file = io.BytesIO(zipped({"beach.jpg.xmp": xmp(caption="Rex")}))
    file.name = "captions.csv"
    assert captions_import(owner=image.owner, file=file).written == 1


@pytest.mark.parametrize("name", ["beach.jpg.xmp", "beach.XMP"])
def test_one_by_itself(image: Image, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(xmp(caption="Rex"))
    with (tmp_path / name).open("rb") as file:
        assert captions_import(owner=image.owner, file=file).written == 1
    assert caption(image) == "Rex"


def test_the_command_reads_what_the_command_wrote(image: Image, tmp_path: Path, capsys: Any) -> None:
    services.caption_write_by_person(image_id=image.pk, author=image.owner, text="the sea")
    call_command("export_captions", owner="ada", format="xmp", output=tmp_path / "out")
    (path,) = (tmp_path / "out").iterdir()
    path.write_bytes(xmp(caption="Rex"))
    call_command("import_captions", tmp_path / "out", owner="ada", replace=True)
    assert "1 captions taken in" in capsys.readouterr().out
    assert caption(image) == "Rex"


def test_a_picture_that_is_imported_brings_it_along(
    user: User, make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    (tmp_path / "beach.jpg").write_bytes(make_jpeg("red", xmp=xmp(caption="in the file")))
    (tmp_path / "beach.xmp").write_bytes(xmp(caption="x" * 3_000))
    call_command("import_folder", tmp_path, owner="ada", verbosity=0)
    image = Image.objects.get()
    assert (image.description, image.description_by_person) == ("x" * 2_000, True)
    assert image.captions.get().source == "file"
