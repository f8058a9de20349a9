"""Hostile names of files: what is left of them is harmless on the site, in headers, in tables and on disks."""

import csv
import email.message
import io
import unicodedata
import zipfile
from collections.abc import Callable

import pytest
from django.test import Client

from captioning.models import Caption
from gallery.models import Image
from gallery.validators import clean_file_name
from tests.gallery.making import encode, plain
from tests.hostile.doors import Visitor, api, form, in_pieces
from tests.hostile.judging import work
from tests.hostile.names import NAMES, Named

INVISIBLE = {"Cc", "Cs"}
TURNING = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# Django takes a part of a form without a name for no file, and its headers end after a kilobyte.
NOT_IN_FORMS = {
    "nothing",
    "dots",
    "a thousand characters",
    "a thousand wide characters",
    "a long extension",
    "combining marks",
}


def is_harmless(name: str) -> bool:
    return (
        0 < len(name) <= 255
        and "/" not in name
        and "\\" not in name
        and name.strip(". ") != ""
        and not TURNING.intersection(name)
        and not any(unicodedata.category(char) in INVISIBLE for char in name)
    )


@pytest.mark.parametrize("named", NAMES.values(), ids=NAMES)
def test_what_is_left_of_a_name(named: Named) -> None:
    kept = clean_file_name(named.given)
    assert is_harmless(kept)
    assert clean_file_name(kept) == kept
    if named.kept is not None:
        assert kept == named.kept


@pytest.fixture
def ada(visitor: Callable[[str], Visitor]) -> Visitor:
    return visitor("ada")


@pytest.mark.parametrize("enter", [form, api, in_pieces])
def test_names_through_the_doors(ada: Visitor, enter: Callable[..., object]) -> None:
    """And then on pages, in headers and in an archive."""
    for number, (kind, named) in enumerate(NAMES.items()):
        result = enter(ada, encode(plain((number, 0, 9))), named.given)
        assert result.image or (kind in NOT_IN_FORMS and enter is not in_pieces), (kind, result.reason)
    images = list(Image.objects.order_by("pk"))
    assert all(is_harmless(image.file_name) for image in images)
    work()
    for image in images:
        check_pages(ada.browser, image)


def check_pages(client: Client, image: Image) -> None:
    page = client.get(image.get_absolute_url())
    assert page.status_code == 200
    assert b"<script>alert" not in page.content and b"<img src=x" not in page.content
    for address in (f"/media/{image.uuid}/original", f"/media/{image.uuid}/small.jpg"):
        response = client.get(address)
        assert response.status_code == 200
        assert response.getvalue()
        check_disposition(response["Content-Disposition"])


def check_disposition(header: str) -> None:
    """One line, one attachment, one name that no system takes for a path."""
    assert "\r" not in header and "\n" not in header and header.isascii()
    message = email.message.Message()
    message["Content-Disposition"] = header
    assert message.get_content_disposition() == "attachment"
    assert [name for name, _ in message.get_params([], "Content-Disposition")] == ["attachment", "filename"]
    name = message.get_filename("")
    assert name and "/" not in name and "\\" not in name


def test_names_that_are_no_text(ada: Visitor) -> None:
    from tests.hostile.doors import multipart

    for name in (b"\xff\xfe\x80.jpg", b"\xed\xb2\x80.jpg", b"caf\xe9.jpg", b"a\xc0\xafb.jpg", b"%FF%00.jpg"):
        content = encode(plain((name[0], name[1], name[2])))
        response = ada.browser.post(
            "/upload/", headers={"Accept": "application/json"}, **multipart("pictures", content, name)
        )
        assert response.status_code == 200 or 400 <= response.status_code < 500, response.content
    assert all(is_harmless(image.file_name) for image in Image.objects.all())


def test_names_in_tables_are_no_formulas(ada: Visitor) -> None:
    for number, name in enumerate(("=cmd|' /C calc'!A0.jpg", "@SUM(1+1).jpg", "+1.jpg", "-1.jpg", "\t=1.jpg")):
        form(ada, encode(plain((number, 1, 2))), name)
    work()
    assert Caption.objects.exists()
    table = ada.browser.get("/captions/export/", {"format": "csv"})
    text = table.getvalue().decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == 6
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)


def test_names_within_an_archive_that_is_downloaded(ada: Visitor) -> None:
    for number, named in enumerate(NAMES.values()):
        api(ada, encode(plain((number, 0, 9))), named.given)
    uuids = [str(uuid) for uuid in Image.objects.values_list("uuid", flat=True)]
    response = ada.browser.post("/selection/archive/", {"image": uuids})
    assert response.status_code == 200
    with zipfile.ZipFile(io.BytesIO(response.getvalue())) as archive:
        assert archive.testzip() is None
        names = [name for name in archive.namelist() if name != "captions.csv"]
    assert len(names) == len(uuids) == len({name.casefold() for name in names})
    for name in names:
        assert not set('<>:"/\\|?*').intersection(name) and name.isprintable()
        assert not name.startswith(".") and not name.endswith((".", " "))
        assert name.partition(".")[0].casefold() not in {"con", "nul", "aux", "prn"}
