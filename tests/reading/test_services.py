"""What was read in a picture is recorded once, with the words where others look for them."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from PIL import Image as PILImage

import ml
from gallery.models import Image
from ml.errors import ModelNotFound
from ml.interfaces import ModelInfo, TextLine
from reading import services
from reading.exceptions import BadReading
from reading.models import Reading

MakeImage = Callable[..., Image]

INFO = ModelInfo(name="one", revision="1", weights_hash="1" * 64, preprocessing="none")
BOX = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.3), (0.1, 0.3))


def line(text: str, confidence: float = 0.9, corners: Any = BOX) -> TextLine:
    return TextLine(text, confidence, corners)


def picture(color: str = "red") -> PILImage.Image:
    return PILImage.new("RGB", (32, 32), color)


def text_of(image: Image) -> str:
    image.refresh_from_db()
    return image.text_in_picture


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a reader in place that answers as the test says."""

    def use(answer: Callable[[Sequence[Any]], list[list[TextLine]]]) -> None:
        reader = type("Scripted", (), {"info": INFO, "read": staticmethod(answer)})
        monkeypatch.setattr(ml, "load_reader", lambda name: reader)

    return use


def test_each_picture_gets_its_own_text(make_image: MakeImage, settings: Any) -> None:
    settings.TEXT_READER = "fake"
    red, white, blue = (make_image(color) for color in ("red", "white", "blue"))
    services.texts_write(
        image_ids=[blue.pk, white.pk, red.pk], pictures=[picture("blue"), picture("white"), picture("red")]
    )
    assert [text_of(image) for image in (red, white, blue)] == ["RED\nRED", "", "BLUE\nBLUE"]
    assert Reading.objects.get(image=white).lines == []
    assert set(Reading.objects.values_list("model", flat=True)) == {ml.load_reader("fake").info.key}


def test_lines_keep_their_place(make_image: MakeImage) -> None:
    image = make_image()
    services.text_record(image_id=image.pk, lines=[line("GRAND", 0.95), line("HOTEL")], info=INFO)
    assert text_of(image) == "GRAND\nHOTEL"
    reading = Reading.objects.get(image=image)
    assert reading.lines[0] == {"text": "GRAND", "confidence": 0.95, "corners": [list(corner) for corner in BOX]}
    assert str(reading) == "GRAND / HOTEL"


def test_read_again_it_replaces_what_was_read_before(make_image: MakeImage) -> None:
    image = make_image()
    services.text_record(image_id=image.pk, lines=[line("OPEN")], info=INFO)
    services.text_record(image_id=image.pk, lines=[], info=INFO)
    assert text_of(image) == ""
    assert Reading.objects.get(image=image).lines == []


def test_pictures_deleted_meanwhile_pass(make_image: MakeImage, use: Any) -> None:
    gone, kept = make_image("red"), make_image("blue")

    def read(pictures: Sequence[Any]) -> list[list[TextLine]]:
        gone.delete()
        return [[line("GONE")], [line("KEPT")]]

    use(read)
    services.texts_write(image_ids=[gone.pk, kept.pk], pictures=[picture(), picture()])
    assert Reading.objects.get().image == kept
    assert text_of(kept) == "KEPT"


@pytest.mark.parametrize(
    "bad",
    [
        line(" "),
        line("OPEN", 1.2),
        line("OPEN", float("nan")),
        line("OPEN", corners=((0.1, 0.1), (1.1, 0.1), *BOX[2:])),
    ],
)
def test_what_is_no_line_is_refused_and_nothing_is_written(make_image: MakeImage, use: Any, bad: TextLine) -> None:
    images = [make_image("red"), make_image("blue")]
    use(lambda pictures: [[line("GOOD")], [bad]])
    with pytest.raises(BadReading):
        services.texts_write(image_ids=[image.pk for image in images], pictures=[picture(), picture()])
    assert not Reading.objects.exists()
    assert text_of(images[0]) == ""


def test_a_reader_that_loses_a_picture_writes_nothing(make_image: MakeImage, use: Any) -> None:
    images = [make_image("red"), make_image("blue")]
    use(lambda pictures: [[line("ONE")]])
    with pytest.raises(ValueError, match="shorter"):
        services.texts_write(image_ids=[image.pk for image in images], pictures=[picture(), picture()])
    assert not Reading.objects.exists()


def test_a_missing_reader_is_said(make_image: MakeImage, settings: Any) -> None:
    settings.TEXT_READER = "nobody/has-this"
    with pytest.raises(ModelNotFound):
        services.texts_write(image_ids=[make_image().pk], pictures=[picture()])
