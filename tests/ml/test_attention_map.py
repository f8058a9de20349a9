"""Where a captioner looked, drawn."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from ml.__main__ import main
from ml.captioners.attention_map import COLUMNS, GAP, LINE, TILE, draw
from ml.interfaces import Look


def look(word: str, row: int, column: int) -> Look:
    attention = np.zeros((7, 7), np.float32)
    attention[row, column] = 0.4
    return Look(word, attention)


def test_heat_lies_where_the_word_was_found() -> None:
    sheet = draw(PILImage.new("RGB", (440, 220), "gray"), [look("dog", 0, 6), look("grass", 6, 0)])
    assert sheet.size == (3 * (TILE + GAP) + GAP, TILE // 2 + LINE + 2 * GAP)
    pixels = np.asarray(sheet).astype(int)
    redness = pixels[:, :, 0] - pixels[:, :, 2]
    top = GAP + LINE
    places = []
    for tile in range(3):
        left = GAP + tile * (TILE + GAP)
        part = redness[top : top + TILE // 2, left : left + TILE]
        places.append(divmod(int(part.argmax()), TILE) if part.max() > 50 else None)
    assert places[0] is None  # the picture itself
    row, column = places[1] or (0, 0)
    assert row < TILE // 2 / 7 and column > TILE * 6 / 7
    row, column = places[2] or (0, 0)
    assert row > TILE // 2 * 6 / 7 and column < TILE / 7


def test_many_words_go_on_in_the_next_row() -> None:
    one = draw(PILImage.new("RGB", (50, 50)), [look("a", 0, 0)] * (COLUMNS - 1))
    two = draw(PILImage.new("RGB", (50, 50)), [look("a", 0, 0)] * COLUMNS)
    assert two.width == one.width
    assert two.height > one.height


@pytest.mark.models
def test_the_builtin_captioner_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from skimage import data

    PILImage.fromarray(data.cat()).save(tmp_path / "cat.png")
    assert main(["caption", "--attention", str(tmp_path / "looks.png"), str(tmp_path / "cat.png")]) == 0
    caption, where = capsys.readouterr().out.splitlines()
    assert caption.startswith(f"{tmp_path / 'cat.png'}: ")
    assert where == f"{tmp_path / 'looks.png'} shows where it looked."
    with PILImage.open(tmp_path / "looks.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.width >= 2 * TILE


def test_a_captioner_that_does_not_tell_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    PILImage.new("RGB", (30, 20), "red").save(tmp_path / "red.png")
    asked = ["caption", "--attention", str(tmp_path / "looks.png"), str(tmp_path / "red.png"), "--model", "fake"]
    assert main(asked) == 1
    assert capsys.readouterr().err == "The captioner fake does not tell where it looked; leave --attention away.\n"
    assert not (tmp_path / "looks.png").exists()
