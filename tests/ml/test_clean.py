"""`data clean`: what is kept, what is left out and why, after kills too."""

import io
import json
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from PIL import ImageOps

from ml.__main__ import main
from ml.datasets import imagefolder
from ml.datasets.cleaning import report
from ml.datasets.cleaning.clean import clean
from ml.datasets.cleaning.rules import REASONS, Rules
from ml.datasets.cleaning.verdicts import BATCH
from ml.datasets.examples import Split, read, splits
from ml.encoders.fake import FakeEncoder
from ml.errors import DatasetError, Stopped
from ml.interfaces import Embeddings
from tests.ml.test_flickr8k import write_flickr8k
from tests.ml.test_near_duplicates import photo

GOOD = "two dogs run over the green grass"


def encoded(image: PILImage.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def write(root: Path, split: Split, rows: dict[str, tuple[bytes, Sequence[str]]], **more: object) -> None:
    with imagefolder.Writer(root, split) as writer:
        for name, (content, captions) in rows.items():
            writer.add(name, content, captions=captions, source="drawn", licence="CC0-1.0", **more)


def dropped(output: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (output / "dropped.jsonl").read_text().splitlines()]


def reasons(output: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in dropped(output):
        found.setdefault(row["picture"], []).append(row["reason"])
    return found


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_each_reason_has_its_picture_and_the_page_shows_them(tmp_path: Path) -> None:
    source, output = tmp_path / "set", tmp_path / "clean"
    red, whole = PILImage.new("RGB", (60, 50), "red"), encoded(photo(0), "JPEG")
    write(
        source,
        "train",
        {
            "deep/er/red.png": (encoded(red), ["a <b>red</b> wall", "A red wall.", "a blue wall", "red"]),
            "html.jpg": (b"<!doctype html><p>not here", [GOOD]),
            "cut.jpg": (whole[: len(whole) // 2], [GOOD]),
            "empty.png": (b"", [GOOD]),
            "small.png": (encoded(PILImage.new("RGB", (31, 99))), [GOOD]),
            "small-and-cut.png": (encoded(photo(1, (20, 20)))[:200], [GOOD]),
            "large.png": (encoded(PILImage.new("1", (9000, 9000))), [GOOD]),
            "bomb.png": (encoded(PILImage.new("1", (15000, 14000))), [GOOD]),
            "line.png": (encoded(PILImage.new("RGB", (400, 40))), [GOOD]),
            "deep.png": (encoded(PILImage.fromarray(np.full((40, 40), 300, dtype=np.uint16))), [GOOD]),
            "words.png": (encoded(photo(2)), ["dog", "🐕🐕", "red dog " * 40, "a royalty-free red dog"]),
            "german.png": (encoded(photo(3)), ["Ein Hund rennt über eine Wiese"]),
            "same.png": (encoded(red.resize((50, 40))), ["red paint on a wall"]),
            "gone.png": (b"", [GOOD]),
        },
    )
    write(source, "test", {"red.png": (encoded(red.resize((40, 40))), ["a very red wall"])})

    (source / "train" / "gone.png").unlink()

    figures = clean(source, output, Rules(model="fake"), FakeEncoder())

    assert reasons(output) == {
        "deep/er/red.png": ["same caption", "caption too short", "does not match", "same picture"],
        "html.jpg": ["unreadable"],
        "cut.jpg": ["unreadable"],
        "empty.png": ["unreadable"],
        "small.png": ["too small"],
        "small-and-cut.png": ["too small"],
        "large.png": ["too large"],
        "bomb.png": ["too large"],
        "line.png": ["odd shape"],
        "deep.png": ["unreadable"],
        "words.png": ["caption too short", "caption too short", "caption too long", "blocked words", "no caption left"],
        "german.png": ["not English", "no caption left"],
        "same.png": ["same picture"],
        "gone.png": ["unreadable"],
    }
    by_caption = {row["caption"]: row for row in dropped(output) if "caption" in row}
    assert by_caption["A red wall."]["reason"] == "same caption"
    assert by_caption["a blue wall"]["reason"] == "does not match"
    assert by_caption["🐕🐕"]["detail"] == "0 words"
    details = {row["picture"]: row["detail"] for row in dropped(output)}
    assert details["same.png"] == "0 bits from test/red.png"
    assert details["line.png"] == "400 x 40"
    assert details["html.jpg"] == "no picture, or of a kind that Pillow does not know"
    assert details["gone.png"] == "there is no such file"

    assert imagefolder.splits(output) == ["test"]  # nothing of train is left, so there is no such split
    assert (str(figures), figures.kept) == ("1 of 15 pictures kept", {"train": 0, "test": 1})
    written = json.loads((output / "report.json").read_text())
    assert set(written["dropped"]["train"]) == set(REASONS)
    assert written["dropped"]["train"]["unreadable"] == 5
    assert written["settings"]["encoder"] == FakeEncoder.info.key

    page = (output / "report.html").read_text()
    for reason in REASONS:
        assert f"<h2>{reason}: " in page
    # every case but 5 unreadable, 2 too large and one too small that is cut; and of 2 copies their originals
    assert page.count("<figure>") == len(dropped(output))
    assert page.count("no picture to show") == 8
    assert page.count("data:image/webp") == len(dropped(output)) - 8 + 2


def test_what_is_kept_is_as_it_was_but_for_its_captions(tmp_path: Path) -> None:
    source, output = tmp_path / "set", tmp_path / "clean"
    lying = PILImage.new("RGB", (40, 80), "blue")
    exif = lying.getexif()
    exif[0x0112] = 6
    modes = ["L", "LA", "P", "PA", "RGBA", "CMYK", "1"]
    contents = {
        f"in/{mode}.tiff": encoded(photo(number).convert("L").convert(mode), "TIFF")
        for number, mode in enumerate(modes)
    }
    contents["lying.jpg"] = encoded(lying, "JPEG", exif=exif)
    contents["moving.gif"] = encoded(photo(20), "GIF", save_all=True, append_images=[photo(21)])
    contents["transparent.png"] = encoded(photo(22).quantize(8), transparency=bytes([0, 128, 255]))
    rows = {name: (content, [f" {GOOD} &amp; play,", "a dog – or  two"]) for name, content in contents.items()}
    write(source, "dev", rows, category="dogs", page=7)

    clean(source, output, Rules(model=None), None)

    assert dropped(output) == []
    before, after = list(imagefolder.rows(source, "dev")), list(imagefolder.rows(output, "dev"))
    assert after == [{**row, "captions": [f"{GOOD} & play", "a dog - or two"]} for row in before]
    assert {
        example.path.relative_to(output / "dev").as_posix(): example.path.read_bytes()
        for example in read(output, "dev")
    } == contents


def test_of_a_pair_test_is_kept_before_dev_before_train_and_the_larger_before_the_smaller(tmp_path: Path) -> None:
    source, output = tmp_path / "set", tmp_path / "clean"
    small, large = photo(1, (80, 60)), photo(1, (160, 120))
    write(source, "train", {"1.png": (encoded(large), [GOOD]), "2.png": (encoded(photo(2, (80, 60))), [GOOD]),
                            "3.png": (encoded(photo(2)), [GOOD]), "4.png": (encoded(photo(4)), [GOOD])})  # fmt: skip
    write(source, "dev", {"1.png": (encoded(small), [GOOD]), "4.png": (encoded(photo(4)), [GOOD])})
    write(source, "test", {"4.png": (encoded(photo(4, (80, 60))), [GOOD])})
    clean(source, output, Rules(model=None), None)
    kept = {split: [example.path.name for example in read(output, split)] for split in splits(output)}
    assert kept == {"train": ["3.png"], "dev": ["1.png"], "test": ["4.png"]}

    clean(source, tmp_path / "all", Rules(model=None, distance=-1), None)
    assert [len(list(read(tmp_path / "all", split))) for split in splits(source)] == [4, 2, 1]


def test_a_cleaned_set_has_nothing_to_clean(tmp_path: Path) -> None:
    flickr8k = write_flickr8k(tmp_path / "flickr8k")
    for number, path in enumerate(sorted((flickr8k / "Flicker8k_Dataset").iterdir())):
        photo(number).save(path)
    clean(flickr8k, tmp_path / "once", Rules(model=None, min_side=4), None)
    clean(tmp_path / "once", tmp_path / "twice", Rules(model=None, min_side=4), None)
    assert dropped(tmp_path / "twice") == []
    assert [len(list(read(tmp_path / "twice", split))) for split in ("train", "dev", "test")] == [4, 2, 3]
    for split in splits(flickr8k):
        assert imagefolder.fingerprint(tmp_path / "twice", split) == imagefolder.fingerprint(tmp_path / "once", split)


class StoppingEncoder(FakeEncoder):
    """Presses Ctrl-C after some pictures."""

    def __init__(self, after: int) -> None:
        self.left = after

    def encode_images(self, images: Sequence[PILImage.Image]) -> Embeddings:
        self.left -= len(images)
        if self.left < 0:
            raise KeyboardInterrupt
        return super().encode_images(images)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """A set of 5 batches in two splits, with copies across them."""
    for split, start in (("train", 0), ("test", 60)):
        rows = {
            f"{number}.jpg": (encoded(photo(start + number, (64, 48)), "JPEG"), [f"{GOOD} {number}", "a dog", "dog"])
            for number in range(80)
        }
        write(tmp_path / "set", split, rows)
    return tmp_path / "set"


def test_stopped_it_says_so_and_goes_on(many: Path, tmp_path: Path) -> None:
    rules, output = Rules(model="fake", min_match=-1.0), tmp_path / "clean"
    with pytest.raises(Stopped, match="The same command goes on from here"):
        clean(many, output, rules, StoppingEncoder(after=3 * BATCH))
    rest = StoppingEncoder(after=160 - 3 * BATCH)
    clean(many, output, rules, rest)  # what was looked at is not looked at again
    assert rest.left == 0
    clean(many, tmp_path / "at once", rules, FakeEncoder())
    assert tree(output) == tree(tmp_path / "at once")
    assert len(list(read(output, "train"))) == 60


def test_a_journal_that_was_torn_is_mended(many: Path, tmp_path: Path) -> None:
    rules, output = Rules(model=None), tmp_path / "clean"
    clean(many, output, rules, None)
    whole = tree(output)
    journal = output / "looked.jsonl"
    content = journal.read_bytes()
    for cut in (0, 1, len(content) // 3, len(content) - 2):
        journal.write_bytes(content[:cut] + b'["half a r')
        clean(many, output, rules, None)
        assert tree(output) == whole


def test_killed_at_any_moment_and_repeated_it_ends_the_same(many: Path, tmp_path: Path) -> None:
    output, dice = tmp_path / "clean", random.Random(0)
    command = [sys.executable, "-m", "ml", "data", "clean", str(many), str(output), "--model", "fake"]
    command += ["--min-match", "-1"]
    moments = [output / "looked.jsonl", *(output / split / imagefolder.METADATA for split in ("train", "test"))]
    for moment in moments:
        with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
            while process.poll() is None and not (moment.exists() and moment.stat().st_size):
                time.sleep(0.001)
            time.sleep(dice.uniform(0.0, 0.02))
            process.send_signal(signal.SIGKILL)
    result = subprocess.run(command, capture_output=True, text=True, check=True)

    clean(many, tmp_path / "at once", Rules(model="fake", min_match=-1.0), FakeEncoder())
    assert tree(output) == tree(tmp_path / "at once")
    assert result.stdout.splitlines() == [
        "train: 20 same picture",
        "train: 80 caption too short",
        "test: 80 caption too short",
        f"140 of 160 pictures kept; {output / 'report.html'} shows what was left out.",
    ]


def test_other_rules_or_other_data_need_another_folder(many: Path, tmp_path: Path) -> None:
    output = tmp_path / "clean"
    clean(many, output, Rules(model=None), None)
    for rules, encoder in ((Rules(model=None, min_side=33), None), (Rules(model="fake"), FakeEncoder())):
        with pytest.raises(DatasetError, match="from another source or by other rules; name another folder"):
            clean(many, output, rules, encoder)
    write(many, "test", {"more.png": (encoded(photo(500)), [GOOD])})
    with pytest.raises(DatasetError, match="from another source or by other rules; name another folder"):
        clean(many, output, Rules(model=None), None)


def test_what_cannot_be_done_is_one_sentence(
    many: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file.txt").touch()
    (tmp_path / "empty" / "train").mkdir(parents=True)
    (tmp_path / "empty" / "train" / imagefolder.METADATA).touch()
    out = str(tmp_path / "out")
    for arguments, sentence in {
        (str(tmp_path / "absent"), out): f"{tmp_path / 'absent'} is no data set: neither an image folder nor Flickr8k",
        (str(tmp_path / "empty"), out): f"{tmp_path / 'empty'} holds no picture.",
        (str(many), str(tmp_path / "other")): "other already holds something else; name an empty or a new folder.",
        (str(many), str(many)): "of which it would become a part; name a folder elsewhere.",
        (str(many), str(many / "train" / "clean")): "of which it would become a part; name a folder elsewhere.",
        (str(many), out, "--blocked", str(tmp_path / "absent.txt")): "absent.txt cannot be read",
    }.items():
        assert main(["data", "clean", *arguments, "--model", "fake"]) == 1
        output = capsys.readouterr()
        assert sentence in output.err
        assert output.err.count("\n") == 1
    monkeypatch.setattr(FakeEncoder, "match_floor", None)
    assert main(["data", "clean", str(many), out, "--model", "fake"]) == 1
    assert capsys.readouterr().err.startswith(
        "Nobody measured from which cosine on fake means a match: give --min-match"
    )
    assert not (tmp_path / "out").exists()


def test_a_split_without_pictures_is_passed_over(many: Path, tmp_path: Path) -> None:
    (many / "dev").mkdir()
    (many / "dev" / imagefolder.METADATA).touch()
    assert splits(many) == ["train", "test"]
    figures = clean(many, tmp_path / "clean", Rules(model=None), None)
    assert figures.pictures == {"train": 80, "test": 80}


def test_two_at_a_time_are_refused(many: Path, tmp_path: Path) -> None:
    class Second(FakeEncoder):
        def encode_images(self, images: Sequence[PILImage.Image]) -> Embeddings:
            with pytest.raises(DatasetError, match="Another process is writing"):
                clean(many, tmp_path / "clean", rules, FakeEncoder())
            return super().encode_images(images)

    rules = Rules(model="fake")
    clean(many, tmp_path / "clean", rules, Second())


def test_a_full_disk_is_a_sentence_and_what_was_done_is_kept(
    many: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "clean", str(many), str(small_disk / "clean"), "--no-match"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "No space left on device" in error
    assert not list(small_disk.rglob("*.partial"))


def test_photos_larger_than_the_memory_should_hold_are_looked_at_small(tmp_path: Path) -> None:
    sizes: list[tuple[int, int]] = []

    class Watching(FakeEncoder):
        def encode_images(self, images: Sequence[PILImage.Image]) -> Embeddings:
            sizes.extend(image.size for image in images)
            return super().encode_images(images)

    turned = photo(0, (2000, 1000)).transpose(PILImage.Transpose.ROTATE_90)
    exif = turned.getexif()
    exif[0x0112] = 6
    rows = {
        "plain.jpg": (encoded(photo(0, (4000, 2000)), "JPEG"), [GOOD]),
        "turned.jpg": (encoded(turned, "JPEG", exif=exif), [GOOD]),
        "mirrored.png": (encoded(ImageOps.mirror(photo(0, (2000, 1000)))), [GOOD]),
    }
    write(tmp_path / "set", "train", rows)
    clean(tmp_path / "set", tmp_path / "clean", Rules(model="fake", min_match=-1.0), Watching())
    assert sizes == [(1024, 512)] * 3
    assert reasons(tmp_path / "clean") == {"turned.jpg": ["same picture"]}


def test_many_of_a_reason_are_shown_in_part(tmp_path: Path) -> None:
    rows = {f"{number}.png": (b"", [GOOD]) for number in range(2 * report.SHOWN + 1)}
    write(tmp_path / "set", "train", rows | {"good.png": (encoded(photo(0)), [GOOD])})
    clean(tmp_path / "set", tmp_path / "clean", Rules(model=None), None)
    page = (tmp_path / "clean" / "report.html").read_text()
    assert re.findall("<h2>(.*?)</h2>", page) == ["unreadable: 49, 24 of them"]
    assert page.count("<figure>") == 24
    assert "1 of 50" in page
