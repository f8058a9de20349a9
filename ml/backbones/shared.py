"""One image tower a process: encoder and captioner look through the same eyes, so its memory is paid once."""

from functools import cache
from threading import Lock

from ml import devices
from ml.backbones.efficientnet_lite import EfficientNetLite2

_lock = Lock()
_load = cache(EfficientNetLite2.load)


def shared_image_tower() -> EfficientNetLite2:
    """The image tower of this process, loaded on the first call, from any thread.

    Raises ModelNotFound, ModelCorrupt or DeviceUnavailable as `EfficientNetLite2.load` does; a later call tries again.
    """
    where = devices.device()
    with _lock:  # `cache` alone would let two first callers load it twice
        return _load(where)
