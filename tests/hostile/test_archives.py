"""Hostile archives, by every door that takes them: pictures that are in them come out, and nothing else happens."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gallery import folders, unpacking
from gallery.models import Image, Upload
from gallery.validators import clean_file_name
from tests.hostile.archives import ARCHIVES, Archive
from tests.hostile.doors import Visitor, multipart
from tests.hostile.judging import work

pytestmark = pytest.mark.filterwarnings("ignore")


def by_form(visitor: Visitor, content: bytes) -> list[str]:
    """What is said of what isn't taken in."""
    request = multipart("pictures", content, b"all.zip")
    response = visitor.browser.post("/upload/", headers={"Accept": "application/json"}, **request)
    said = response.json()
    assert response.status_code == 200 or 400 <= response.status_code < 500, said
    if said["files"][0]["outcome"] == "refused":
        return [said["message"]]
    while unpacking.any_due():
        assert unpacking.unpack_some(most=500)
    upload = Upload.objects.latest("pk")
    assert upload.state in (Upload.State.DONE, Upload.State.REFUSED)
    return [sentence for _, sentence in upload.report.get("refusals", [])]


def by_folder(visitor: Visitor, content: bytes) -> list[str]:
    path = visitor.folder / "all.zip"
    path.write_bytes(content)
    outcomes = folders.file_take(owner=visitor.user, path=path)
    return [outcome.sentence for outcome in outcomes if outcome.kind == "refused"]


@pytest.mark.parametrize("enter", [by_form, by_folder])
@pytest.mark.parametrize("name", ARCHIVES)
def test_it_does_no_harm(
    name: str, enter: Callable[[Visitor, bytes], list[str]], visitor: Callable[[str], Visitor], tmp_path: Path
) -> None:
    archive: Archive = ARCHIVES[name]()
    refusals = enter(visitor("ada"), archive.content)
    if archive.pictures is not None:
        assert Image.objects.count() == archive.pictures, refusals
    if archive.refused:
        assert all(re.search(archive.refused, refusal) for refusal in refusals), refusals
        assert refusals or archive.pictures is None or (archive.pictures == 0 and enter is by_folder)
    for image in Image.objects.all():
        assert image.file_name == clean_file_name(image.file_name) and "/" not in image.file_name
    outside = [path for path in tmp_path.rglob("*") if path.is_symlink() or "evil" in path.name]
    assert not outside
    if name != "overlapping_entries":
        work()
