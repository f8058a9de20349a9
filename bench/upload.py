"""From upload to searchable, through the site, against the same models called one picture at a time."""

import io
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from PIL import Image

from bench.client import Client

UPLOADS_AT_ONCE = 2  # as the upload page does
QUALITY, EFFORT = 80, 2  # of the baseline's WebP files


def is_open() -> bool:
    """Whether work waits or runs, but for what comes later by itself."""
    from gallery.models import Stage

    return Stage.objects.filter(state__in=Stage.OPEN).exclude(priority=Stage.Priority.LATER).exists()


def through_the_site(client: Client, photos: Sequence[bytes]) -> float:
    """Seconds a picture from the first upload until every picture has its renditions, caption and vector."""
    from gallery import stages
    from gallery.models import Stage

    finished = Stage.objects.filter(state=Stage.State.DONE).values("image").distinct()
    before, started = finished.count(), time.perf_counter()
    with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
        list(pool.map(lambda numbered: client.upload(f"{numbered[0]}.jpg", numbered[1]), enumerate(photos)))
    while is_open():
        time.sleep(0.05)
    seconds = time.perf_counter() - started
    done = finished.count() - before
    if done != len(photos) or stages.counts().failed:
        raise RuntimeError(f"{done} of {len(photos)} pictures became searchable")
    return seconds / len(photos)


def one_at_a_time(photos: Sequence[bytes]) -> float:
    """The baseline. Seconds a picture when each step opens the picture anew and each model gets one picture a call.

    No web, no database and no queue: what a script with the same models would do.
    """
    import ml
    from gallery.renditions import PREVIEW_SIDE, THUMBNAIL_SIDE

    encoder, captioner = ml.load_encoder(), ml.load_captioner()
    encoder.encode_images([Image.new("RGB", (64, 64))])
    captioner.caption([Image.new("RGB", (64, 64))])
    started = time.perf_counter()
    for photo in photos:
        _decode(photo)  # the check at the door
        for side in (THUMBNAIL_SIDE, PREVIEW_SIDE):
            picture = _decode(photo)
            picture.thumbnail((side, side))
            picture.save(io.BytesIO(), "WEBP", quality=QUALITY, method=EFFORT)
        captioner.caption([_decode(photo)])
        encoder.encode_images([_decode(photo)])
    return (time.perf_counter() - started) / len(photos)


def _decode(photo: bytes) -> Image.Image:
    return Image.open(io.BytesIO(photo)).convert("RGB")
