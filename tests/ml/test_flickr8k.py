"""Flickr8k in its usual layout, read and written as an image folder."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as PILImage

from ml.__main__ import main
from ml.datasets import flickr8k
from ml.datasets.examples import SPLITS, read
from ml.datasets.imagefolder import fingerprint, rows
from ml.errors import DatasetError

SIZES = {"train": 4, "dev": 2, "test": 3}


def write_flickr8k(root: Path) -> Path:
    """Small pictures and captions in Flickr8k's layout."""
    photos = root / "Flicker8k_Dataset"
    photos.mkdir(parents=True)
    captions = []
    for split, count in SIZES.items():
        names = [f"{split}_{number}.jpg" for number in range(count)]
        for name in names:
            PILImage.new("RGB", (8, 6), "red").save(photos / name)
            captions += [f"{name}#{number}\tCaption {number} of {name} .\n" for number in range(5)]
        (root / f"Flickr_8k.{split}Images.txt").write_text("\n".join(reversed(names)) + "\n")
    (root / "Flickr8k.token.txt").write_text("".join(captions))
    return root


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_flickr8k(tmp_path / "flickr8k")


def test_examples_come_in_the_order_of_the_list(source: Path) -> None:
    first, second = read(source, "dev")
    assert [first.path.name, second.path.name] == ["dev_1.jpg", "dev_0.jpg"]
    assert first.captions == tuple(f"Caption {number} of dev_1.jpg ." for number in range(5))
    assert (first.source, first.path.exists()) == ("Flickr8k", True)
    assert "research" in first.licence


def test_an_empty_caption_is_none(source: Path) -> None:
    token = source / "Flickr8k.token.txt"
    token.write_text(token.read_text().replace("Caption 3 of dev_1.jpg .", "") + "\n")
    first, second = read(source, "dev")
    assert first.captions == tuple(f"Caption {number} of dev_1.jpg ." for number in (0, 1, 2, 4))
    assert len(second.captions) == 5


def test_the_image_folder_says_the_same(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "flickr8k", str(source), str(tmp_path / "set")]) == 0
    assert capsys.readouterr().out.splitlines() == ["train: 4 pictures", "dev: 2 pictures", "test: 3 pictures"]
    for split in SPLITS:
        theirs, ours = list(read(source, split)), list(read(tmp_path / "set", split))
        assert [(e.path.name, e.captions, e.source, e.licence) for e in ours] == [
            (e.path.name, e.captions, e.source, e.licence) for e in theirs
        ]
        assert [e.path.read_bytes() for e in ours] == [e.path.read_bytes() for e in theirs]
        assert fingerprint(source, split) == fingerprint(tmp_path / "set", split)
        assert {row["split"] for row in rows(tmp_path / "set", split)} == {split}


def test_what_an_earlier_call_copied_is_kept(source: Path, tmp_path: Path) -> None:
    missing = source / "Flicker8k_Dataset" / "dev_0.jpg"
    content = missing.read_bytes()
    missing.unlink()
    with pytest.raises(DatasetError, match=r"dev_0\.jpg is missing: the copy of Flickr8k is not complete"):
        flickr8k.convert(source, tmp_path / "set")
    assert [len(list(rows(tmp_path / "set", split))) for split in ("train", "dev")] == [4, 1]

    missing.write_bytes(content)
    for photo in (source / "Flicker8k_Dataset").glob("train_*"):  # copied already, so not needed again
        photo.unlink()
    assert flickr8k.convert(source, tmp_path / "set") == SIZES
    assert [example.path.name for example in read(tmp_path / "set", "dev")] == ["dev_1.jpg", "dev_0.jpg"]


def test_a_copy_while_another_runs_is_refused(source: Path, tmp_path: Path) -> None:
    from ml.datasets.imagefolder import Writer

    with Writer(tmp_path / "set", "train"):
        command = [sys.executable, "-m", "ml", "data", "flickr8k", source, tmp_path / "set"]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == f"Another process is writing {tmp_path / 'set' / 'train'}; wait until it is done.\n"


def test_another_layout_is_a_sentence(source: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    def told() -> str:
        assert main(["data", "flickr8k", str(source), str(tmp_path / "set")]) == 1
        (line,) = capsys.readouterr().err.splitlines()
        return line

    token = source / "Flickr8k.token.txt"
    lines = token.read_text()
    token.write_text("".join(line for line in lines.splitlines(keepends=True) if "train_2" not in line))
    assert told() == f"train_2.jpg of the train split has no caption in {token}."
    token.write_text(lines.replace("dev_0.jpg#1\t", "dev_0.jpg#1,"))
    assert told() == f"{token}, line 22 is not `photo#number<TAB>caption`."
    token.write_bytes(lines.encode("utf-16"))
    assert told() == f"The lists of {source} are not text in UTF-8."
    token.unlink()
    assert told() == f"{token} is missing: {source} is not Flickr8k in its usual layout."
