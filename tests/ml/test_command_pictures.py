"""Pictures named on a command line."""

from pathlib import Path

import pytest
from PIL import Image as PILImage

from ml.commands.pictures import pictures
from ml.errors import UsageError
from tests.ml.pairs import broken_png


def test_what_is_no_whole_picture_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    PILImage.effect_noise((40, 30), 50).save(path)
    assert [image.mode for _, image in pictures([path])] == ["RGB"]
    whole = path.read_bytes()
    for broken in (b"", whole[: len(whole) // 2], broken_png(whole)):
        path.write_bytes(broken)
        with pytest.raises(UsageError, match=r"a\.png cannot be read as a picture"):
            list(pictures([path]))
