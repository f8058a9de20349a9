"""`data embed` and `data search`: vectors in Parquet and FAISS, after kills and damage too."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image as PILImage

from ml.__main__ import main
from ml.datasets import embedding
from ml.datasets.embedding import build_indexes, embed, search
from ml.datasets.examples import read, splits
from ml.encoders.fake import FakeEncoder
from ml.errors import DatasetError, ModelCorrupt, Stopped
from ml.evaluation.pictures import load
from ml.interfaces import Embeddings, ModelInfo
from tests.ml.test_clean import encoded, tree, write

PART = 4
COLOURS = ("red", "blue", "green", "yellow", "white", "black", "purple", "orange", "pink", "brown")
PLACES = ("left", "right", "top", "bottom")


def halves(colour: str, place: str) -> PILImage.Image:
    """A grey picture, of one colour on one side."""
    image = PILImage.new("RGB", (40, 40), "gray")
    box = {"left": (0, 0, 20, 40), "right": (20, 0, 40, 40), "top": (0, 0, 40, 20), "bottom": (0, 20, 40, 40)}
    image.paste(colour, box[place])
    return image


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "PART", PART)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """40 pictures that the fake encoder tells apart, 30 in train and 10 in test, some in folders; 2 captions each."""
    kinds = [(colour, place) for colour in COLOURS for place in PLACES]
    for split, some in (("train", kinds[:30]), ("test", kinds[30:])):
        rows = {
            f"{place}/{colour}.png": (encoded(halves(colour, place)), [f"{colour} {place}", f"it is\n{colour} {place}"])
            for colour, place in some
        }
        write(tmp_path / "set", split, rows)
    return tmp_path / "set"


@pytest.fixture
def embedded(source: Path, tmp_path: Path) -> Path:
    assert embed(source, tmp_path / "vectors", FakeEncoder(), splits(source)) == 3 * 40
    return tmp_path / "vectors"


def test_rows_hold_what_the_encoder_says(source: Path, embedded: Path) -> None:
    encoder, found = FakeEncoder(), 0
    for part in sorted((embedded / "vectors").glob("*.parquet")):
        table = pq.read_table(part)
        assert str(table.schema.field("vector").type) == "fixed_size_list<element: halffloat>[64]"
        assert json.loads(table.schema.metadata[b"embeddings"])["key"] == encoder.info.key
        for row in table.to_pylist():
            expected = (
                encoder.encode_images([load(source / row["file_name"])])
                if row["kind"] == "image"
                else encoder.encode_texts([row["caption"]])
            )
            np.testing.assert_array_equal(np.array(row["vector"], dtype=np.float16), expected[0].astype(np.float16))
            assert (row["source"], row["licence"], row["split"]) == ("drawn", "CC0-1.0", row["file_name"].split("/")[0])
            found += 1
    assert found == 120
    assert len(list((embedded / "vectors").iterdir())) == 8 + 3


def test_each_picture_is_found_by_its_words_and_each_caption_by_its_picture(source: Path, embedded: Path) -> None:
    encoder = FakeEncoder()
    for split in splits(source):
        for example in read(source, split):
            (hit,) = search(embedded, encoder, encoder.encode_texts(example.captions[:1]), kind="image", top=1)
            assert (hit.path, hit.caption) == (example.path, example.captions[0])
            hits = search(embedded, encoder, encoder.encode_images([load(example.path)]), kind="caption", top=2)
            assert {hit.caption for hit in hits} == set(example.captions)
            assert {hit.path for hit in hits} == {example.path}


def test_the_best_come_first_with_their_cosines(source: Path, embedded: Path) -> None:
    encoder = FakeEncoder()
    query = encoder.encode_texts(["red left"])
    hits = search(embedded, encoder, query, kind="image", top=1000)
    assert len({hit.path for hit in hits}) == len(hits) == 40
    expected = [float(encoder.encode_images([load(hit.path)])[0] @ query[0]) for hit in hits]
    np.testing.assert_allclose([hit.cosine for hit in hits], expected, atol=2e-3)
    assert [hit.cosine for hit in hits] == sorted((hit.cosine for hit in hits), reverse=True)


def test_the_command_says_and_shows_what_it_found(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors, page = tmp_path / "vectors", tmp_path / "found.html"
    assert main(["data", "embed", str(source), str(vectors), "--model", "fake"]) == 0
    assert capsys.readouterr().out == f"120 vectors in {vectors}\n"

    asked = ["data", "search", str(vectors), "--model", "fake", "--top", "3"]
    assert main([*asked, "blue top", "--html", str(page)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"0\.\d{{3}}  {re.escape(str(source / 'train' / 'top' / 'blue.png'))}  blue top", lines[0])
    assert len(lines) == page.read_text().count("<figure>") == 3

    assert main([*asked, "--image", str(source / "test" / "left" / "brown.png"), "--captions"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert {line.split("  ")[2] for line in lines[:2]} == {"brown left", "it is brown left"}


def test_a_split_may_be_chosen(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["data", "embed", str(source), str(tmp_path / "vectors"), "--model", "fake", "--split", "test"]
    assert main([*command, "--split", "test"]) == 0
    assert capsys.readouterr().out.startswith("30 vectors")
    assert main([*command, "--split", "train"]) == 1
    assert "holds vectors of other data or of another model; name another folder" in capsys.readouterr().err
    assert main([*command[:-1], "dev"]) == 1
    assert "no image folder with a split dev" in capsys.readouterr().err


class StoppingEncoder(FakeEncoder):
    """Presses Ctrl-C after some batches of pictures."""

    def __init__(self, after: int) -> None:
        self.left = after

    def encode_images(self, images: Sequence[PILImage.Image]) -> Embeddings:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return super().encode_images(images)


def test_stopped_it_says_so_is_searched_as_far_as_it_is_and_goes_on(
    source: Path, embedded: Path, tmp_path: Path
) -> None:
    output, encoder = tmp_path / "stopped", FakeEncoder()
    with pytest.raises(Stopped, match="The same command goes on from here"):
        embed(source, output, StoppingEncoder(after=0), splits(source))
    with pytest.raises(DatasetError, match="holds no vectors yet"):
        search(output, encoder, encoder.encode_texts(["red"]), kind="image", top=1)
    with pytest.raises(Stopped):
        embed(source, output, StoppingEncoder(after=5), splits(source))
    hits = search(output, encoder, encoder.encode_texts(["red"]), kind="image", top=1000)
    assert {hit.path for hit in hits} == {example.path for example in list(read(source, "train"))[: 5 * PART]}

    rest = StoppingEncoder(after=11 - 5)
    assert embed(source, output, rest, splits(source)) == 120
    assert rest.left == 0
    assert tree(output) == tree(embedded)


KILLED = """
import sys
from pathlib import Path
from ml.datasets import embedding
from ml.encoders.fake import FakeEncoder
embedding.PART = 4
print("ready", flush=True)
embedding.embed(Path(sys.argv[1]), Path(sys.argv[2]), FakeEncoder(), ["train", "test"])
"""


def test_killed_at_any_moment_and_repeated_it_ends_the_same(source: Path, embedded: Path, tmp_path: Path) -> None:
    output = tmp_path / "killed"
    for moment in ("embeddings.json", "vectors/train-00003.parquet", "images.faiss"):
        command = [sys.executable, "-c", KILLED, source, output]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            assert process.stdout and process.stdout.readline() == b"ready\n"
            while process.poll() is None and not (output / moment).exists():
                time.sleep(0.0005)
            process.send_signal(signal.SIGKILL)
    embed(source, output, FakeEncoder(), splits(source))
    assert tree(output) == tree(embedded)


def test_a_damaged_index_is_mended(source: Path, embedded: Path) -> None:
    encoder, whole = FakeEncoder(), tree(embedded)
    query = encoder.encode_texts(["green right"])
    for name in ("images.faiss", "captions.faiss", "index.json"):
        for damage in (b"", whole[name][:-1], whole[name][::-1], None):
            (embedded / name).unlink()
            if damage is not None:
                (embedded / name).write_bytes(damage)
            assert search(embedded, encoder, query, kind="image", top=1)[0].caption == "green right"
            assert tree(embedded) == whole


def test_a_damaged_part_is_a_sentence(source: Path, embedded: Path) -> None:
    encoder = FakeEncoder()
    part = embedded / "vectors" / "train-00001.parquet"
    content = part.read_bytes()
    for damage in (b"", content[:-10], content[::-1]):
        part.write_bytes(damage)
        (embedded / "index.json").unlink(missing_ok=True)
        for call in (
            lambda: search(embedded, encoder, encoder.encode_texts(["red"]), kind="image", top=1),
            lambda: embed(source, embedded, encoder, splits(source)),
            lambda: build_indexes(embedded),
        ):
            with pytest.raises(ModelCorrupt, match=r"train-00001\.parquet is damaged; remove it, and repeat"):
                call()
    part.unlink()
    assert embed(source, embedded, encoder, splits(source)) == 120
    assert part.read_bytes() == content


@pytest.mark.parametrize("content", ["", "[]", '{"key": "fake"}', '{"ke'])
def test_damaged_facts_are_a_sentence(source: Path, embedded: Path, content: str) -> None:
    (embedded / "embeddings.json").write_text(content)
    with pytest.raises(ModelCorrupt, match="embed the data set again"):
        search(embedded, FakeEncoder(), FakeEncoder().encode_texts(["red"]), kind="image", top=1)
    with pytest.raises(ModelCorrupt, match="embed the data set again"):
        embed(source, embedded, FakeEncoder(), splits(source))


def test_another_model_or_other_data_are_refused(source: Path, embedded: Path) -> None:
    class Newer(FakeEncoder):
        info = ModelInfo(name="fake", revision="2", weights_hash="1" * 64, preprocessing="none")

    with pytest.raises(DatasetError, match=r"vectors of fake@1-0+, which those of fake@2-1+ cannot be compared with"):
        search(embedded, Newer(), Newer().encode_texts(["red"]), kind="image", top=1)
    with pytest.raises(DatasetError, match="other data or of another model"):
        embed(source, embedded, Newer(), splits(source))
    write(source, "test", {"more.png": (encoded(halves("red", "left")), ["more"])})
    with pytest.raises(DatasetError, match="other data or of another model"):
        embed(source, embedded, FakeEncoder(), splits(source))


def test_a_set_may_move(source: Path, embedded: Path, tmp_path: Path) -> None:
    moved, encoder = source.rename(tmp_path / "moved"), FakeEncoder()
    assert embed(moved, embedded, StoppingEncoder(after=0), splits(moved)) == 120
    (hit,) = search(embedded, encoder, encoder.encode_texts(["red left"]), kind="image", top=1)
    assert hit.path == moved / "train" / "left" / "red.png"


def test_an_unreadable_picture_is_a_sentence_and_earlier_parts_are_kept(
    source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (source / "train" / "left" / "green.png").write_bytes(b"no picture")
    assert main(["data", "embed", str(source), str(tmp_path / "vectors"), "--model", "fake"]) == 1
    assert "green.png cannot be read as a picture: leave it out" in capsys.readouterr().err.splitlines()[-1]
    assert [path.name for path in sorted((tmp_path / "vectors" / "vectors").iterdir())] == [
        "train-00000.parquet",
        "train-00001.parquet",
    ]


def test_two_at_a_time_are_refused(source: Path, tmp_path: Path) -> None:
    class Second(FakeEncoder):
        def encode_images(self, images: Sequence[PILImage.Image]) -> Embeddings:
            with pytest.raises(DatasetError, match="Another process is writing"):
                embed(source, tmp_path / "vectors", FakeEncoder(), splits(source))
            return super().encode_images(images)

    assert embed(source, tmp_path / "vectors", Second(), splits(source)) == 120


def test_a_full_disk_is_a_sentence_and_leaves_no_half_file(
    source: Path, small_disk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "embed", str(source), str(small_disk / "vectors"), "--model", "fake"]) == 1
    error = capsys.readouterr().err.splitlines()[-1]
    assert "cannot be written: No space left on device" in error
    assert not list(small_disk.rglob("*.partial"))
    for part in small_disk.rglob("*.parquet"):
        pq.read_table(part)


def test_what_cannot_be_searched_is_one_sentence(
    tmp_path: Path, embedded: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, sentence in {
        (str(tmp_path), "red"): f"{tmp_path} holds no vectors: make them with `data embed`.",
        (str(embedded),): "Give either a text or --image to look for.",
        (str(embedded), "red", "--image", "red.png"): "Give either a text or --image to look for.",
        (str(embedded), "caf\udce9"): "The text to look for is not in UTF-8.",
        (str(embedded), "  "): "The text to look for is empty.",
        (str(embedded), "red", "--top", "0"): "--top must be 1 or more.",
        (str(embedded), "--image", str(embedded / "index.json")): "index.json cannot be read as a picture",
    }.items():
        assert main(["data", "search", *arguments, "--model", "fake"]) == 1
        output = capsys.readouterr()
        assert sentence in output.err
        assert output.err.count("\n") == 1
