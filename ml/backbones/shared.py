"""One image tower a process: encoder and captioner look through the same eyes, so its memory is paid once."""

from functools import cache
from threading import Lock

import torch

from ml import devices
from ml.backbones.efficientnet_lite import EfficientNetLite2
from ml.runtime import choice

_lock = Lock()


@cache
def _load(where: torch.device, runtime: str) -> EfficientNetLite2:
    return EfficientNetLite2.load(where)


def shared_image_tower() -> EfficientNetLite2:
    """The image tower of this process, loaded on the first call, from any thread.

    Raises ModelNotFound, ModelCorrupt, DeviceUnavailable or RuntimeUnavailable as `EfficientNetLite2.load` does; a
    later call tries again.
    """
    where = devices.device()
    with _lock:  # `cache` alone would let two first callers load it twice
        return _load(where, choice.chosen())
