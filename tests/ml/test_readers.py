"""The text reader on pictures that were written on."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

import ml
from ml.errors import ModelCorrupt, ModelNotFound, ModelUnsupported
from ml.interfaces import TextLine, TextReader
from ml.readers import rapidocr
from ml.readers.fake import FakeReader

SIZE = (480, 240)


def sheet(text: str, at: tuple[int, int] = (40, 90)) -> PILImage.Image:
    """Black on white, in a font that knows diacritics."""
    from matplotlib import get_data_path

    picture = PILImage.new("RGB", SIZE, "white")
    font = ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", 32)
    ImageDraw.Draw(picture).text(at, text, "black", font)
    return picture


def box(line: TextLine) -> tuple[float, float, float, float]:
    xs, ys = zip(*line.corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


class TestFake:
    def test_each_half_says_its_colour(self) -> None:
        picture = PILImage.new("RGB", (20, 40), "red")
        picture.paste("blue", (0, 20, 20, 40))
        (lines,) = FakeReader().read([picture])
        assert [(line.text, line.confidence) for line in lines] == [("RED", 1.0), ("BLUE", 1.0)]
        assert [box(line) for line in lines] == [(0.1, 0.1, 0.9, 0.4), (0.1, 0.6, 0.9, 0.9)]

    def test_white_says_nothing(self) -> None:
        assert ml.load_reader("fake").read([PILImage.new("RGB", (9, 9), "white")]) == [[]]


@pytest.fixture(scope="module")
def reader() -> TextReader:
    pytest.importorskip("rapidocr")
    return rapidocr.RapidOCRReader.load()


@pytest.mark.models
class TestRapidOCR:
    def test_a_line_its_place_and_its_diacritics(self, reader: TextReader) -> None:
        blank = PILImage.new("RGB", SIZE, "white")
        nothing, (line,) = reader.read([blank, sheet("Größe Café niño")])
        assert nothing == []
        assert line.text == "Größe Café niño"
        assert line.confidence > rapidocr.SURE_FROM
        left, top, right, bottom = box(line)
        assert 0.05 < left < 0.1
        assert 0.35 < top < 0.45
        assert 0.5 < bottom < 0.6
        assert 0.55 < right < 0.8

    @pytest.mark.parametrize(
        ("turn", "first"), [(PILImage.Transpose.ROTATE_270, (0.6, 0.1)), (PILImage.Transpose.ROTATE_180, (0.45, 0.4))]
    )
    def test_turned_text(self, reader: TextReader, turn: PILImage.Transpose, first: tuple[float, float]) -> None:
        """Its first corner is that where a line that runs down begins; of one upside down, that of the box."""
        ((line,),) = reader.read([sheet("OPEN UNTIL TEN").transpose(turn)])
        assert line.text == "OPEN UNTIL TEN"
        assert line.corners[0] == pytest.approx(first, abs=0.1)

    def test_lines_across_the_cuts_of_a_large_picture(self, reader: TextReader) -> None:
        picture = PILImage.new("RGB", (1_600, 1_200), "white")
        for number, top in enumerate(range(10, 1_150, 60)):
            picture.paste(sheet(f"LINE {number}", (40, 10)).crop((0, 0, 480, 60)), (0, top))
        (lines,) = reader.read([picture])
        assert [line.text for line in lines] == [f"LINE {number}" for number in range(19)]

    def test_a_line_too_long_to_be_seen_at_once(self, reader: TextReader) -> None:
        from matplotlib import get_data_path

        said = "the quick brown fox jumps over the lazy dog while eleven small ships sail around a green harbour"
        picture = PILImage.new("RGB", (1_600, 320), "white")
        font = ImageFont.truetype(f"{get_data_path()}/fonts/ttf/DejaVuSans.ttf", 12)
        ImageDraw.Draw(picture).text((10, 150), f"{said} and {said}", "black", font)
        ((line,),) = reader.read([picture])
        assert line.text == f"{said} and {said}"

    def test_a_single_letter_is_no_text(self, reader: TextReader) -> None:
        assert reader.read([sheet("A")]) == [[]]

    @pytest.mark.parametrize("size", [(1, 1), (5_000, 1), (1, 5_000)])
    def test_pictures_of_any_size(self, reader: TextReader, size: tuple[int, int]) -> None:
        assert reader.read([PILImage.new("RGB", size, "gray")]) == [[]]

    def test_it_is_silent(self, reader: TextReader, capfd: pytest.CaptureFixture[str]) -> None:
        reader.read([PILImage.new("RGB", SIZE, "white"), sheet("HELLO")])
        assert capfd.readouterr() == ("", "")
        assert not logging.getLogger("RapidOCR").isEnabledFor(logging.ERROR)


@pytest.mark.parametrize("length", [31, 320, 352, 640, 1_216, 1_599, 7_681])
def test_pieces_cover_an_axis_once_and_overlap(length: int) -> None:
    pytest.importorskip("rapidocr")
    from ml.readers.pieces import pieces

    found = pieces(length, 320, 32)
    counted = [number for piece in found for number in range(length)[piece.seen][piece.first : piece.last]]
    assert counted == list(range(length))
    assert all(piece.seen.stop - piece.seen.start <= 320 for piece in found)
    assert all(piece.first == 32 and piece.seen.start % 32 == 0 for piece in found[1:])
    assert all(piece.seen.stop - piece.seen.start - piece.last == 32 for piece in found[:-1])


@pytest.mark.parametrize(
    ("line", "words", "spaced"),
    [
        ("GRANDHOTEL", ["GRAND", "HOTEL"], "GRAND HOTEL"),
        ("at anyTIME", ["at", "any", "TIME"], "at any TIME"),
        ("S A L E", ["S", "A", "L", "E"], "S A L E"),
        ("SALE", ["S", "A", "L", "E"], "SALE"),
        ("東京Tokyo Tower", ["東京", "Tokyo", "Tower"], "東京Tokyo Tower"),
        ("one two", ["one"], "one two"),
        ("", [], ""),
    ],
)
def test_words_that_lie_apart_are_told_apart(line: str, words: list[str], spaced: str) -> None:
    assert rapidocr._spaced(line, words) == spaced


def test_a_missing_package_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rapidocr, "find_spec", lambda package: None if package == "onnxruntime" else object())
    with pytest.raises(ModelNotFound, match=r"and onnxruntime is not installed; run `pip install .*\.\[text\]'`"):
        rapidocr.RapidOCRReader.load()


@pytest.mark.parametrize(("spoil", "error"), [(Path.unlink, ModelNotFound), (Path.touch, ModelCorrupt)])
def test_files_are_checked_before_anything_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None], error: type[Exception]
) -> None:
    package = pytest.importorskip("rapidocr")
    monkeypatch.setattr(package, "__file__", str(tmp_path / "__init__.py"))
    (tmp_path / "models").mkdir()
    name, _ = rapidocr.WEIGHTS["Det"]
    (tmp_path / "models" / name).touch()
    spoil(tmp_path / "models" / name)
    with pytest.raises(error, match=name):
        rapidocr.RapidOCRReader.load()


def test_other_models_are_no_readers(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(ModelUnsupported, match="no text reader"):
        ml.load_reader(str(tmp_path))
