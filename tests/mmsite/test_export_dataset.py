"""`manage.py export_dataset`, and the loop that it closes: correct captions, train on them."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from captioning import services
from gallery.models import Image
from ml.__main__ import main
from ml.datasets.examples import SPLITS, read

MakeImage = Callable[..., Image]


def export(*arguments: object) -> list[str]:
    output = StringIO()
    call_command("export_dataset", *map(str, arguments), stdout=output)
    return output.getvalue().splitlines()


@pytest.fixture
def corrected(make_image: MakeImage) -> list[Image]:
    images = []
    for green in range(0, 250, 5):
        image = make_image((20, green, 40))
        services.caption_write_by_person(
            image_id=image.pk, author=image.owner, text="a dark wall" if green < 100 else "a green wall"
        )
        images.append(image)
    return images


def test_it_says_what_became_of_the_captions(corrected: list[Image], tmp_path: Path) -> None:
    first, second = export(tmp_path / "set")
    counts = {split: len(list(read(tmp_path / "set", split))) for split in SPLITS}
    assert sum(counts.values()) == len(corrected)
    assert first == f"{len(corrected)} added, 0 changed, 0 dropped, 0 left out."
    assert second == ", ".join(f"{split}: {count} pictures" for split, count in counts.items()) + "."
    first, _ = export(tmp_path / "set", "--owner", "ada", "--split-seed", "0")
    assert first == "0 added, 0 changed, 0 dropped, 0 left out."


def test_what_cannot_be_done_is_a_sentence(corrected: list[Image], tmp_path: Path, other_user: Any) -> None:
    with pytest.raises(CommandError, match="There is nobody called eve, mallory"):
        export(tmp_path / "set", "--owner", "mallory", "--owner", "ada", "--owner", "eve")
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="cannot be written: Not a directory"):
        export(tmp_path / "file" / "set")
    assert export(tmp_path / "set", "--owner", "grace")[0] == "0 added, 0 changed, 0 dropped, 0 left out."


def test_a_model_is_trained_on_what_people_corrected(corrected: list[Image], tmp_path: Path) -> None:
    export(tmp_path / "set")
    small = "--text none --side 32 --patch 16 --width 16 --depth 1 --heads 2 --dimension 8 --epochs 1 --batch 8"
    folders = ["--data", str(tmp_path / "set"), "--cache", str(tmp_path / "cache"), "--output", str(tmp_path / "run")]
    assert main(["train", "clip", *folders, *small.split()]) == 0
    assert "text_to_image_r10" in json.loads((tmp_path / "run" / "metrics.json").read_text())
