"""Every way in which text in pictures is recorded."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict

from django.db import transaction
from django.utils import timezone
from PIL.Image import Image as Picture

from gallery import services as gallery_services
from gallery.models import Image
from ml.interfaces import ModelInfo, TextLine
from reading import engine
from reading.exceptions import BadReading
from reading.models import Reading


def texts_write(*, image_ids: Sequence[int], pictures: Sequence[Picture]) -> None:
    """Read pictures (RGB, in the order of `image_ids`) and record their text; those deleted meanwhile pass.

    Where the reader fails on one of them, nothing is written and its error is raised: give it each picture alone then.
    Raises an error of ml.errors where the reader itself is missing or damaged.
    """
    reader = engine.get_reader()
    # strict: a reader that lost a picture must not have its text put on the others
    texts = dict(zip(image_ids, reader.read(pictures), strict=True))
    for lines in texts.values():
        _check(lines)
    for image_id, lines in texts.items():
        # deleted meanwhile: nobody will miss its text
        with suppress(Image.DoesNotExist):
            text_record(image_id=image_id, lines=lines, info=reader.info)


def text_record(*, image_id: int, lines: Sequence[TextLine], info: ModelInfo) -> Reading:
    """Keep what a reader saw in place of what was read before. Raises Image.DoesNotExist, or BadReading."""
    _check(lines)
    with transaction.atomic():
        # whoever reads it at the same time takes turns
        Image.with_trash.select_for_update().only("pk").get(pk=image_id)
        reading, _ = Reading.objects.update_or_create(
            image_id=image_id,
            defaults={"lines": [asdict(line) for line in lines], "model": info.key, "created_at": timezone.now()},
        )
        gallery_services.image_set_text(image_id=image_id, text="\n".join(line.text for line in lines))
    return reading


def _check(lines: Sequence[TextLine]) -> None:
    for line in lines:
        if not line.text.strip():
            raise BadReading("The reader gave a line without text.")
        if not all(0.0 <= share <= 1.0 for share in (line.confidence, *(each for xy in line.corners for each in xy))):
            raise BadReading(f"The reader placed {line.text!r} outside the picture, or is more than sure of it.")
