"""The form in which data sets lie on disk: written, killed, gone on with, and read, by us and by Hugging Face."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image as PILImage

from ml.__main__ import main
from ml.datasets import imagefolder
from ml.datasets.examples import SPLITS, Example, read
from ml.errors import DatasetError

LONG = "a very long caption " * 5_000


def png(colour: str = "red") -> bytes:
    buffer = BytesIO()
    PILImage.new("RGB", (8, 6), colour).save(buffer, "PNG")
    return buffer.getvalue()


def add(writer: imagefolder.Writer, name: str, *captions: str, **more: object) -> bool:
    return writer.add(name, png(), captions=captions or ("a picture",), source="tests", licence="CC0", **more)


def write_rows(root: Path, *lines: str | bytes, split: str = "train") -> Path:
    (root / split).mkdir(parents=True, exist_ok=True)
    content = b"".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    (root / split / imagefolder.METADATA).write_bytes(content)
    return root


NAMES = ("plain.png", "Übergröße 東京 🐕.png", "deep/er/plain.png", "x" * 251 + ".png", "with\nnewline.png")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    captions = ("a dog", "zwei Hunde\nund\u2028ein \x85 Knochen", LONG)
    with imagefolder.Writer(tmp_path, "train") as writer:
        assert [add(writer, name, *captions, category="dogs", width=8) for name in NAMES] == [True] * len(NAMES)
    expected = [Example(tmp_path / "train" / name, captions, "tests", "CC0", "dogs") for name in NAMES]
    assert list(read(tmp_path, "train")) == expected
    assert all(found.path.read_bytes() == png() for found in expected)
    assert [row["width"] for row in imagefolder.rows(tmp_path, "train")] == [8] * len(NAMES)
    assert imagefolder.splits(tmp_path) == ["train"]


def test_a_name_that_is_here_is_left_as_it_is(tmp_path: Path) -> None:
    with imagefolder.Writer(tmp_path, "dev") as writer:
        add(writer, "1.png", "first")
        assert not add(writer, "1.png", "second")
    with imagefolder.Writer(tmp_path, "dev") as writer:
        assert not add(writer, "1.png", "third")
    assert [found.captions for found in read(tmp_path, "dev")] == [("first",)]


@pytest.mark.parametrize("name", ["../out.png", "/tmp/out.png", "", "metadata.jsonl", "a/../../out.png", "nul\0.png"])
def test_names_outside_of_the_split_are_refused(tmp_path: Path, name: str) -> None:
    with imagefolder.Writer(tmp_path / "set", "train") as writer:
        with pytest.raises(DatasetError, match="cannot be the name of a picture"):
            add(writer, name)
        assert (tmp_path / "set" / "train" / imagefolder.METADATA).read_bytes() == b""
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["metadata.jsonl"]


def test_text_that_is_not_unicode_leaves_nothing(tmp_path: Path) -> None:
    with imagefolder.Writer(tmp_path, "train") as writer:
        with pytest.raises(DatasetError, match="not Unicode"):
            add(writer, "1.png", "half a pair \ud83d")
        assert os.listdir(writer.folder) == [imagefolder.METADATA]


WRITE = """
import sys
from pathlib import Path
from ml.datasets import imagefolder
with imagefolder.Writer(Path(sys.argv[1]), "train") as writer:
    print("ready", flush=True)
    for number in range(int(sys.argv[2])):
        caption = f"picture {number} " + "and so on " * (number % 7 * 100)
        writer.add(f"{number}.png", bytes(3000), captions=[caption], source="tests", licence="CC0")
"""


def test_killed_at_any_moment_and_resumed_it_neither_loses_nor_doubles_a_row(tmp_path: Path) -> None:
    count, dice = 1000, random.Random(0)
    metadata = tmp_path / "train" / imagefolder.METADATA
    kept: list[dict[str, object]] = []
    for _ in range(4):
        command = [sys.executable, "-c", WRITE, tmp_path, str(count)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout and process.stdout.readline() == b"ready\n"
            size = metadata.stat().st_size
            while process.poll() is None and metadata.stat().st_size == size:
                pass
            time.sleep(dice.uniform(0.0, 0.02))
            process.send_signal(signal.SIGKILL)
        rows = list(imagefolder.rows(tmp_path, "train"))  # a torn row doesn't keep anybody from reading
        assert rows[: len(kept)] == kept
        kept = rows
    with metadata.open("ab") as file:
        file.write(b'{"file_name": "torn.png", "captions": ["caf\xc3')
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    assert [row["file_name"] for row in imagefolder.rows(tmp_path, "train")] == [f"{n}.png" for n in range(count)]
    assert sorted(os.listdir(tmp_path / "train")) == sorted([imagefolder.METADATA, *(f"{n}.png" for n in range(count))])


def test_a_last_row_without_an_end_is_kept_where_it_is_whole(tmp_path: Path) -> None:
    """As a person's editor may leave it."""
    write_rows(tmp_path, '\ufeff{"file_name": "1.png", "text": "one"}\n\n{"file_name": "2.png", "text": "two"}')
    (tmp_path / "train" / ".partial").write_bytes(b"of a killed writer")
    with imagefolder.Writer(tmp_path, "train") as writer:
        add(writer, "3.png", "three")
    assert [found.captions for found in read(tmp_path, "train")] == [("one",), ("two",), ("three",)]
    assert sorted(os.listdir(tmp_path / "train")) == ["3.png", imagefolder.METADATA]


def test_two_writers_of_a_split_are_refused(tmp_path: Path) -> None:
    with imagefolder.Writer(tmp_path, "train") as first:
        with imagefolder.Writer(tmp_path, "test"), pytest.raises(DatasetError, match="Another process is writing"):
            imagefolder.Writer(tmp_path, "train")
        first.rewrite([])
        with pytest.raises(DatasetError, match="Another process is writing"):
            imagefolder.Writer(tmp_path, "train")
    with imagefolder.Writer(tmp_path, "train") as second:
        assert add(second, "1.png")


def test_rewrite_puts_rows_in_the_place_of_all(tmp_path: Path) -> None:
    with imagefolder.Writer(tmp_path, "train") as writer:
        for number in range(3):
            add(writer, f"{number}.png", f"picture {number}")
        rows = list(imagefolder.rows(tmp_path, "train"))
        with pytest.raises(RuntimeError):
            writer.rewrite(failing(rows))
        assert list(imagefolder.rows(tmp_path, "train")) == rows
        writer.rewrite({**row, "captions": ["changed"]} for row in rows[1:])
        assert writer.names == {"1.png", "2.png"}
        assert add(writer, "0.png", "again")
    assert [(found.path.name, found.captions) for found in read(tmp_path, "train")] == [
        ("1.png", ("changed",)),
        ("2.png", ("changed",)),
        ("0.png", ("again",)),
    ]


def failing(rows: list[dict[str, object]]) -> Iterator[dict[str, object]]:
    yield rows[0]
    raise RuntimeError


@pytest.mark.parametrize("captions", [("a picture",), (LONG,)], ids=["of pictures", "of rows"])
def test_a_full_disk_leaves_nothing_by_halves(small_disk: Path, captions: tuple[str, ...]) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(30_000))
    with imagefolder.Writer(small_disk, "train") as writer:
        add(writer, "0.png")
        with pytest.raises(OSError, match="No space left"):
            for number in range(1, 100):
                add(writer, f"{number}.png", *captions)
        rows = list(imagefolder.rows(small_disk, "train"))
        assert sorted(os.listdir(writer.folder)) == sorted([imagefolder.METADATA, *(row["file_name"] for row in rows)])
        assert (writer.folder / imagefolder.METADATA).read_bytes().endswith(b"}\n")
        filler.unlink()
        assert add(writer, "100.png")
    assert [found.path.name for found in read(small_disk, "train")] == [*(row["file_name"] for row in rows), "100.png"]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("nonsense\n", "line 2 is not JSON"),
        (b'{"file_name": "caf\xe9.png"}\n', "line 2 is not text in UTF-8"),
        ("[1]\n", "line 2 names no file"),
        ('{"captions": ["a"]}\n', "line 2 names no file"),
        ('{"file_name": "1.png"}\n', "line 2 has no captions"),
        ('{"file_name": "1.png", "captions": []}\n', "line 2 has no captions"),
        ('{"file_name": "1.png", "captions": "a dog"}\n', "line 2 has no captions"),
        ('{"file_name": "1.png", "captions": [1]}\n', "line 2 has no captions"),
        ('{"file_name": "../1.png", "captions": ["a"]}\n', "line 2 names a file outside"),
        ('{"file_name": "/1.png", "captions": ["a"]}\n', "line 2 names a file outside"),
        ('{"file_name": "", "captions": ["a"]}\n', "line 2 names a file outside"),
        ('{"file_name": "1.png", "captions": ["half a pair \\ud83d"]}\n', "line 2 holds what is not Unicode text"),
        ('{"file_name": "\\uDE00.png", "captions": ["a"]}\n', "line 2 holds what is not Unicode text"),
    ],
)
def test_a_line_that_is_no_row_is_told_by_its_number(tmp_path: Path, line: str | bytes, sentence: str) -> None:
    write_rows(tmp_path, '{"file_name": "0.png", "captions": ["a"]}\n', line)
    with pytest.raises(DatasetError, match=sentence):
        list(read(tmp_path, "train"))
    with pytest.raises(DatasetError, match=sentence):
        imagefolder.Writer(tmp_path, "train")
    write_rows(tmp_path, "")
    imagefolder.Writer(tmp_path, "train").close()  # the writer that could not be opened holds no lock


def test_what_is_no_data_set_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"is no image folder with a split dev: it has no dev/metadata.jsonl"):
        list(read(tmp_path, "dev"))
    with pytest.raises(DatasetError, match="is no image folder with a split dev"):
        list(read(Path(__file__), "dev"))
    with pytest.raises(DatasetError, match=r"The test split of .* holds no picture"):
        list(read(write_rows(tmp_path, split="test"), "test"))


def test_a_whole_pair_is_text(tmp_path: Path) -> None:
    write_rows(tmp_path, '{"file_name": "0.png", "captions": ["a \\ud83d\\ude00"]}\n')
    assert [found.captions for found in read(tmp_path, "train")] == [("a \N{GRINNING FACE}",)]


def test_columns_that_are_no_texts_are_read_as_texts(tmp_path: Path) -> None:
    write_rows(tmp_path, '{"file_name": "0.png", "captions": ["a"], "category": 7, "source": null}\n')
    (found,) = read(tmp_path, "train")
    assert (found.category, found.source, found.licence) == ("7", "", "")


def test_the_fingerprint_tells_names_captions_and_order(tmp_path: Path) -> None:
    one = '{"file_name": "1.png", "captions": ["a"]}\n'
    two = '{"file_name": "2.png", "captions": ["b"]}\n'
    seen = {
        imagefolder.fingerprint(write_rows(tmp_path, *rows), "train")
        for rows in (
            (one, two),
            (two, one),
            (one,),
            (one, two.replace('"b"', '"c"')),
            (one, two.replace("2.png", "3.png")),
            (one, two.replace("2.png", "deep/2.png")),
        )
    }
    assert len(seen) == 6
    before = imagefolder.fingerprint(write_rows(tmp_path, one, two), "train")
    more = '{"captions": ["a"], "source": "x", "file_name": "1.png"}\n'
    assert imagefolder.fingerprint(write_rows(tmp_path / "moved", more, two), "train") == before


LOAD = """
import json, sys
import datasets
found = datasets.load_dataset("imagefolder", data_dir=sys.argv[1])
told = {split: [[row["image"].size, row["captions"], row["category"]] for row in rows]
        for split, rows in found.items()}
print(json.dumps(told))
"""


def test_hugging_face_reads_what_we_write(tmp_path: Path) -> None:
    root = tmp_path / "set"
    for number, split in enumerate(SPLITS, 1):
        with imagefolder.Writer(root, split) as writer:
            for row in range(number):
                add(writer, f"{row}.png", f"{split} {row}", "zwei Hunde, 東京", **({"category": "dogs"} if row else {}))
            add(writer, "deep/0.png", LONG)
        (root / split / "orphan.png").write_bytes(png())  # as a killed writer leaves it
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "cache"), "HF_DATASETS_CACHE": str(tmp_path / "cache")}
    result = subprocess.run(
        [sys.executable, "-c", LOAD, root], env={**os.environ, **offline}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {
        theirs: [
            *([[8, 6], [f"{ours} {row}", "zwei Hunde, 東京"], "dogs" if row else ""] for row in range(number)),
            [[8, 6], [LONG], ""],
        ]
        for number, (ours, theirs) in enumerate(zip(SPLITS, ("train", "validation", "test"), strict=True), 1)
    }


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    from tests.ml.test_flickr8k import write_flickr8k

    assert main(["data", "flickr8k", str(write_flickr8k(tmp_path / "flickr8k")), str(tmp_path / "file" / "set")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("Not a directory: ") and error.count("\n") == 1
