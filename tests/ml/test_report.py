"""Pages of pictures and figures, and the commands that write them."""

import base64
import json
import re
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from ml.__main__ import main
from ml.datasets import imagefolder
from ml.errors import DatasetError, UsageError
from ml.evaluation.plots import plot_curves
from ml.evaluation.report import Found, Sample, write_page, write_samples
from ml.evaluation.results import Table


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A wide photo that lies on its side: orange, brown at what becomes its top."""
    image = PILImage.new("RGB", (900, 600), "orange")
    image.paste("brown", (0, 0, 300, 600))
    exif = image.getexif()
    exif[0x0112] = 6  # turn a quarter clockwise to see it upright
    image.save(tmp_path / "photo.jpg", exif=exif)
    return tmp_path / "photo.jpg"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with imagefolder.Writer(tmp_path / "set", "dev") as writer:
        for colour in ("red", "blue", "green"):
            picture = tmp_path / f"{colour}.png"
            PILImage.new("RGB", (32, 24), colour).save(picture)
            captions = [f"a {colour} wall", f"a mostly {colour} picture"]
            writer.add(picture.name, picture.read_bytes(), captions=captions, source="", licence="")
    return tmp_path / "set"


def pictures_in(page: str) -> list[PILImage.Image]:
    return [
        PILImage.open(BytesIO(base64.b64decode(content))).convert("RGB")
        for content in re.findall(r"data:image/\w+;base64,([\w+/=]+)", page)
    ]


def test_samples_hold_small_upright_pictures_and_what_is_said(photo: Path, tmp_path: Path) -> None:
    page_path = tmp_path / "samples.html"
    write_samples(page_path, [Sample(photo, "a <b>dog</b> & cat", ["two 'dogs'"], "ROUGE-L 0.5")], "Run 1")

    page = page_path.read_text()
    (picture,) = pictures_in(page)
    assert picture.size == (240, 360)
    np.testing.assert_allclose(picture.getpixel((120, 20)), (165, 42, 42), atol=12)
    for text in ("<title>Run 1</title>", "a &lt;b&gt;dog&lt;/b&gt; &amp; cat", "two &#x27;dogs&#x27;", "ROUGE-L 0.5"):
        assert text in page
    assert "<b>" not in page
    assert "http" not in page
    assert not list(tmp_path.glob(".*"))


def test_what_a_query_found_is_shown_with_the_right_one_marked(photo: Path, tmp_path: Path) -> None:
    sample = Sample(photo, "a dog", found=[Found(photo, False), Found(photo, True)])
    write_samples(tmp_path / "samples.html", [sample])
    page = (tmp_path / "samples.html").read_text()
    assert [picture.size for picture in pictures_in(page)] == [(240, 360), (80, 120), (80, 120)]
    assert re.findall(r'alt="(the right|another) picture"', page) == ["another", "the right"]


def test_tables_are_escaped_and_aligned(tmp_path: Path) -> None:
    table = Table(("run | x", "a<b"), [("one", "1.0"), ("twenty", "20.25")])
    write_page(tmp_path / "page.html", "Figures", tables=[table], notes=["less < more"])
    page = (tmp_path / "page.html").read_text()
    assert "<th>a&lt;b</th>" in page
    assert "<td>20.25</td>" in page
    assert "<p>less &lt; more</p>" in page
    assert table.markdown().splitlines() == [
        r"| run \| x |   a<b |",
        "| ------- | ----: |",
        "| one     |   1.0 |",
        "| twenty  | 20.25 |",
    ]


def test_an_unreadable_picture_is_named_and_leaves_an_old_page_alone(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"nothing")
    (tmp_path / "samples.html").write_text("old")
    with pytest.raises(DatasetError, match=r"broken\.png cannot be read as a picture"):
        write_samples(tmp_path / "samples.html", [Sample(tmp_path / "broken.png", "a dog")])
    assert (tmp_path / "samples.html").read_text() == "old"


def test_a_page_that_cannot_be_written_is_one_sentence(photo: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"samples\.html cannot be written: No such file or directory\."):
        write_samples(tmp_path / "absent" / "samples.html", [Sample(photo, "a dog")])


@pytest.mark.parametrize(("role", "measure"), [("captions", "CIDEr-D"), ("retrieval", "text -> image, R@5, %")])
def test_evaluate_prints_tables_and_writes_reports(
    role: str, measure: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = ["--json", str(tmp_path / "out.json"), "--html", str(tmp_path / "out.html")]
    assert main(["evaluate", role, "--model", "fake", "--data", str(data), "--split", "dev", *outputs]) == 0

    printed = capsys.readouterr().out
    assert re.search(rf"\| {re.escape(measure)} +\| +[\d.]+ \| +[\d.]+ to [\d.]+ \|", printed)
    content = json.loads((tmp_path / "out.json").read_text())
    assert {row["picture"] for row in content["pictures"]} == {"red.png", "blue.png", "green.png"}
    assert content["fingerprint"] == imagefolder.fingerprint(data, "dev")
    page = (tmp_path / "out.html").read_text()
    assert "<h2>Worst 3</h2>" in page
    assert len(pictures_in(page)) >= 6


def test_an_output_that_cannot_be_written_is_said_before_the_work(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for place in (tmp_path / "absent" / "out.json", tmp_path):
        command = ["evaluate", "captions", "--model", "no/model", "--data", str(data), "--json", str(place)]
        assert main(command) == 1
        assert capsys.readouterr().err == (
            f"{place} cannot be written: name a file in a folder that is there and may be written to.\n"
        )


def test_curves_are_drawn(tmp_path: Path) -> None:
    lines = [{"step": step, "loss": 1.0 / step} for step in range(1, 30)] + [{"step": 29, "epoch": 1, "recall": 0.5}]
    plot_curves(lines, tmp_path / "two.png")
    plot_curves(lines[:-1], tmp_path / "one.png")
    plot_curves([], tmp_path / "none.png")
    heights = []
    for name in ("two", "one", "none"):
        with PILImage.open(tmp_path / f"{name}.png") as plot:
            heights.append(plot.height)
    assert heights[0] == 2 * heights[1] == 2 * heights[2]
