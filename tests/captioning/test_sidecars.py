"""XMP sidecars say what other photo tools look for."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.core.management import call_command

from captioning import services
from captioning.sidecars import sidecars_of, xmp, zip_of
from gallery.models import Image, User
from gallery.tags import images_tag
from ml.interfaces import CaptionResult, ModelInfo

MakeImage = Callable[..., Image]

NAMES = {
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "iptc": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
}


def said(packet: bytes) -> dict[str, list[str | None]]:
    root = ElementTree.fromstring(packet)
    return {
        name: [item.text for item in root.findall(f".//{name}//rdf:li", NAMES)]
        for name in ("dc:title", "dc:description", "iptc:AltTextAccessibility", "dc:subject")
    }


def test_a_packet_says_caption_title_and_tags() -> None:
    packet = xmp(caption="Rex & <Fido>\x07\ufffe", title="Dogs", tags=["beach", "strand é"])
    assert said(packet) == {
        "dc:title": ["Dogs"],
        "dc:description": ["Rex & <Fido>"],
        "iptc:AltTextAccessibility": ["Rex & <Fido>"],
        "dc:subject": ["beach", "strand é"],
    }
    assert packet.startswith('<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'.encode())
    assert packet.count(b'xml:lang="x-default"') == 3
    assert b"dc:title" not in xmp(caption="Rex")


def test_other_programs_read_it(make_jpeg: Callable[..., bytes]) -> None:
    from PIL import Image as PILImage

    with PILImage.open(io.BytesIO(make_jpeg("red", xmp=xmp(caption="Rex", tags=["a", "b"])))) as picture:
        read = picture.getxmp()
    about = read["xmpmeta"]["RDF"]["Description"]
    assert about["description"]["Alt"]["li"] == {"lang": "x-default", "text": "Rex"}
    assert about["subject"]["Bag"]["li"] == ["a", "b"]


@pytest.fixture
def library(make_image: MakeImage, user: User, other_user: User) -> list[Image]:
    """A sure and an unsure guess, a person's word, a tag alone, and one of which there is nothing to say."""
    names = ["sure.jpg", "unsure.jpg", "told.jpg", "Told.jpg", "silent.jpg"]
    colors = ["red", "green", "blue", "navy", "white"]
    images = [make_image(color, name=name) for color, name in zip(colors, names, strict=True)]
    info = ModelInfo(name="one", revision="1", weights_hash="1" * 64, preprocessing="none")
    for image, unsure in zip(images[:2], [False, True], strict=True):
        services.caption_record(image_id=image.pk, result=CaptionResult("a dog", 0.5), info=info, unsure=unsure)
    services.caption_write_by_person(image_id=images[2].pk, author=user, text="Rex")
    images_tag(owner=user, images=Image.objects.filter(pk=images[3].pk), names=["beach"])
    theirs = make_image("black", owner=other_user, name="theirs.jpg")
    services.caption_write_by_person(image_id=theirs.pk, author=other_user, text="secret")
    return images


def test_what_is_certain_goes_out(library: list[Image], user: User) -> None:
    files = {name: said(packet) for name, packet in sidecars_of(user)}
    told = f"{library[2].uuid}/told.jpg.xmp"  # as one file of the next, on some disks
    assert [*files] == ["sure.jpg.xmp", told, f"{library[3].uuid}/Told.jpg.xmp"]
    assert files["sure.jpg.xmp"]["dc:description"] == ["a dog"]
    assert files[told]["dc:description"] == ["Rex"]
    assert files[f"{library[3].uuid}/Told.jpg.xmp"] == {
        "dc:title": [],
        "dc:description": [],
        "iptc:AltTextAccessibility": [],
        "dc:subject": ["beach"],
    }


def test_a_name_that_no_disk_takes_is_shortened(library: list[Image], user: User) -> None:
    Image.objects.filter(pk=library[0].pk).update(file_name="é" * 251 + ".jpg")
    assert f"{library[0].uuid}.xmp" in dict(sidecars_of(user))


def test_an_archive_comes_piece_by_piece(library: list[Image], user: User) -> None:
    pieces = list(zip_of(sidecars_of(user)))
    assert len(pieces) == 4
    with zipfile.ZipFile(io.BytesIO(b"".join(pieces))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == dict(sidecars_of(user))


def test_the_command_fills_a_folder(library: list[Image], user: User, tmp_path: Path, capsys: Any) -> None:
    call_command("export_captions", owner="ada", format="xmp", output=tmp_path / "out")
    paths = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.xmp")}
    assert paths == set(dict(sidecars_of(user)))
