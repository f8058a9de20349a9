"""The sample photos."""

import subprocess
import sys
from typing import Any

import pytest

from gallery import samples
from gallery.models import Image, User, Visibility

pytestmark = pytest.mark.usefixtures("told")


def test_they_are_public_pictures_under_their_own_names(user: User) -> None:
    assert samples.load_samples(owner=user) == len(list(samples.find_photos()))
    images = Image.objects.all()
    assert {image.file_name for image in images} == {path.name for path in samples.find_photos()}
    assert {(image.owner, image.visibility) for image in images} == {(user, Visibility.PUBLIC)}


def test_the_photos_that_we_name_are_there() -> None:
    """Those of the pinned versions: a renamed file would go missing silently otherwise."""
    assert len(list(samples.find_photos())) == sum(len(names) for names in samples.PHOTOS.values())


def test_they_are_loaded_once(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "PHOTOS", {"sklearn": samples.PHOTOS["sklearn"]})
    assert samples.load_samples(owner=user) == 2
    assert samples.load_samples(owner=user) == 0


def test_absent_packages_and_files_are_passed_over(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "PHOTOS", {"no_such_package": ["a.jpg"], "sklearn": ["datasets/images/none.jpg"]})
    assert samples.load_samples(owner=user) == 0


def test_a_refused_photo_is_left_out(user: User, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "PHOTOS", {"sklearn": samples.PHOTOS["sklearn"]})
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"side": 100}
    assert samples.load_samples(owner=user) == 0


def test_the_packages_are_not_imported() -> None:
    code = (
        "import sys; from importlib.util import find_spec\n"
        "import django; django.setup()\n"
        "from gallery import samples; assert list(samples.find_photos())\n"
        "print(sorted({'skimage', 'sklearn', 'matplotlib', 'torch', 'pillow_heif'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
