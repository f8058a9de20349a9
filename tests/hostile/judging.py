"""Whether a hostile file ended as it has to."""

import re

from gallery.models import Image, Rendition, Stage
from gallery.pictures import fit, open_picture
from gallery.renditions import ANIMATION_SIDE, PREVIEW_SIDE, THUMBNAIL_SIDE
from mmsite import worker
from tests.hostile.case import Case
from tests.hostile.doors import Result

ANY_SIZE = (0, 0)


def judge(case: Case, result: Result) -> None:
    """A reason of the right kind, or a picture of the right size."""
    if result.image is None:
        assert case.refused, f"refused: {result.reason}"
        assert re.search(case.refused, result.reason), result.reason
        return
    assert case.size is not None, f"taken in, as {result.image.width} x {result.image.height}"
    if case.size != ANY_SIZE:
        assert (result.image.width, result.image.height) == case.size
    if case.frames:
        assert result.image.frames == case.frames


def work() -> None:
    """The worker does all that is due, and nothing fails."""
    while worker.work_batch():
        pass
    failed = Stage.objects.exclude(state=Stage.State.DONE).values_list("step", "state", "error")
    assert not list(failed)


def judge_renditions(case: Case, image: Image) -> None:
    """The thumbnail and the preview have the right size, and these colours."""
    made = {rendition.kind: rendition for rendition in image.renditions.all()}
    size = (image.width, image.height)
    thumbnail, preview = made[Rendition.Kind.THUMBNAIL], made[Rendition.Kind.PREVIEW]
    assert (thumbnail.width, thumbnail.height) == fit(size, THUMBNAIL_SIDE)
    sides = (PREVIEW_SIDE, ANIMATION_SIDE) if image.frames > 1 else (PREVIEW_SIDE,)
    assert (preview.width, preview.height) in [fit(size, side) for side in sides]
    for rendition in (thumbnail, preview):
        with rendition.file.open("rb") as file:
            shown = open_picture(file)
        for across, down, wanted in case.colours:
            at = (min(shown.width - 1, int(across * shown.width)), min(shown.height - 1, int(down * shown.height)))
            seen = shown.getpixel(at)
            assert isinstance(seen, tuple)
            assert all(abs(a - b) <= case.within for a, b in zip(seen[:3], wanted, strict=True)), (at, seen, wanted)
