"""`python -m tests.mmsite.release`: makes a small site by the code as it is and keeps its backup below `releases`, for
the tests of all later versions, by the name of the version in pyproject.toml. Once a release; those of before stay.

An archive has `backup/`, as `manage.py backup` writes it, and `given.json`, which is what people have of the site
outside of it: their pictures' names and SHA-256, what they wrote, and what lets them in.
"""

import hashlib
import io
import json
import os
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path
from typing import Any

import django

RELEASES = Path(__file__).resolve().parent / "releases"
PROJECT = Path(__file__).resolve().parents[2] / "pyproject.toml"
PASSWORD = "harbour lights"
COLORS = {"harbour.jpg": "navy", "meadow.png": "green", "desert.webp": "orange", "lost.jpg": "red"}
FORMATS = {".jpg": "JPEG", ".png": "PNG", ".webp": "WEBP"}


def main() -> None:
    version = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["version"]
    with tempfile.TemporaryDirectory(prefix="mmsite-release-") as folder:
        os.environ |= {"MMSITE_DATA_DIR": f"{folder}/data", "DJANGO_SETTINGS_MODULE": "mmsite.settings.test"}
        Path(folder, "data").mkdir()
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        given = furnish()
        call_command("backup", f"{folder}/backup")
        Path(folder, "given.json").write_text(json.dumps(given, indent=2), encoding="utf-8")
        path = RELEASES / f"{version}.tar.xz"
        with tarfile.open(path, "w:xz", preset=9) as archive:
            for name in ("backup", "given.json"):
                archive.add(Path(folder, name), arcname=name, filter=_of_nobody)
    sys.stdout.write(f"{path.name}: {path.stat().st_size:,} bytes\n")


def furnish() -> dict[str, Any]:
    """Four pictures of ada, one of them in the trash and one in an album that grace sees; what is said of all that."""
    from django.core.management import call_command

    from api.tokens import token_create
    from captioning.services import caption_write_by_person
    from gallery.albums import album_add, album_create
    from gallery.favourites import favourites_add
    from gallery.links import link_create
    from gallery.models import Image, User
    from gallery.sharing import member_add
    from gallery.tags import images_tag
    from gallery.trash import images_trash

    ada, grace = (User.objects.create_user(name, password=PASSWORD) for name in ("ada", "grace"))
    sums = {name: _upload(ada, name) for name in COLORS}
    call_command("process_images", wait=True)
    images = {image.file_name: image for image in Image.objects.all()}
    harbour = Image.objects.filter(pk=images["harbour.jpg"].pk)
    caption_write_by_person(image_id=images["harbour.jpg"].pk, author=ada, text="Two trawlers at the quay")
    call_command("process_images", wait=True)  # the vector of that
    images_tag(owner=ada, images=harbour, names=["sea"])
    harbour.update(title="Evening", notes="From the lighthouse", place="Bergen")
    album = album_create(owner=ada, title="Norway")
    album_add(album=album, images=harbour)
    member_add(album=album, by=ada, username="grace", role="view")
    favourites_add(person=grace, images=harbour)
    link = link_create(album=album, by=ada, label="Aunt", allows_download=True)
    token = token_create(owner=ada, name="frame", scopes=["read"]).secret
    images_trash(images=[images["lost.jpg"]], by=ada)
    return {"sha256": sums, "link": link.key, "token": token, "captions": _captions()}


def _upload(owner: Any, name: str) -> str:
    from django.core.files.base import ContentFile
    from PIL import Image as PILImage

    from gallery.services import image_create

    file = io.BytesIO()
    PILImage.new("RGB", (64, 48), COLORS[name]).save(file, FORMATS[Path(name).suffix])
    image_create(owner=owner, file=ContentFile(file.getvalue(), name=name), file_name=name)
    return hashlib.sha256(file.getvalue()).hexdigest()


def _captions() -> dict[str, str]:
    from captioning.models import Caption

    return dict(Caption.objects.filter(is_current=True).values_list("image__file_name", "text"))


def _of_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = member.mtime = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    main()
