"""A fake captioner that does what no captioner should."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from PIL.Image import Image as Picture

from ml.captioners.fake import FakeCaptioner
from ml.interfaces import CaptionResult


class DeadlyCaptioner(FakeCaptioner):
    """A purple picture kills its process; a white one hangs as long as the file `hang` lies in the data folder.

    The file `pid` tells which process captions. With `load_long` it takes longer to load than the watchdog waits, with
    `load_never` it hangs for ever, the first time; `loads` tells which processes have begun to load it.
    """

    def __init__(self) -> None:
        folder = Path(settings.DATA_DIR)
        with (folder / "loads").open("a") as file:
            print(os.getpid(), file=file)
        if (folder / "load_never").exists():
            (folder / "load_never").unlink()
            time.sleep(3_600)
        end = time.monotonic() + 1.5 * settings.WATCHDOG_SECONDS
        while (folder / "load_long").exists() and time.monotonic() < end:
            pass
        super().__init__()

    def caption(self, images: Sequence[Picture], *, begin: str = "") -> list[CaptionResult]:
        folder = Path(settings.DATA_DIR)
        (folder / "pid").write_text(str(os.getpid()))
        for result in super().caption(images):
            if "purple" in result.text:
                os.kill(os.getpid(), signal.SIGKILL)
            while "white" in result.text and (folder / "hang").exists():
                (folder / "hanging").touch()
                time.sleep(0.05)
        return super().caption(images)
