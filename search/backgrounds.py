"""What encoders make of the background queries that searches are judged against; see search.query.cutoff.

Encoding them takes a second or more, which no search waits for: whoever loads an encoder for searches prepares them,
when a process starts and before a version is activated. Their vectors lie beside the indexes' snapshots, where all
processes on that disk find them. A search that finds none is judged by the encoder's match floor.
"""

import hashlib
import logging
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
from django.conf import settings

from ml.interfaces import Embeddings
from search.backends.exceptions import IndexCorrupt
from search.backends.snapshot import read_arrays, write_arrays
from search.models import ModelVersion
from search.query.cutoff import Background, background_texts

Encode = Callable[[Sequence[str]], Embeddings]

SUFFIX = ".background"

logger = logging.getLogger(__name__)


def prepared(key: str) -> Background | None:
    """What the encoder of a version, by the version's key, makes of them; None where it tells too little, or nobody has
    prepared them yet, in this process or another one on the same disk."""
    if key not in _prepared:
        _read(key)
    return _prepared.get(key)


def prepare(key: str, encode: Encode) -> None:
    """Have them for the searches of this process, and of others. Raises what `encode` raises."""
    with _preparing:
        if prepared(key) is None:
            vectors = encode(background_texts())
            _prepared[key] = Background.of(vectors)
            _write(key, vectors)


def forget() -> None:
    """Forget what this process has in memory."""
    _prepared.clear()


def _read(key: str) -> None:
    # setdefault: whoever prepares them meanwhile knows better
    try:
        vectors = read_arrays(_path(key))["vectors"]
    except FileNotFoundError:
        return
    except IndexCorrupt as error:
        logger.warning("%s The background queries are encoded anew at the next start.", error)
        _prepared.setdefault(key, None)
        return
    _prepared.setdefault(key, Background.of(np.asarray(vectors, dtype=np.float32)))


def _write(key: str, vectors: Embeddings) -> None:
    try:
        write_arrays(_path(key), {"vectors": vectors})
        known = {_path(each) for each in [key, *ModelVersion.objects.values_list("key", flat=True)]}
        for other in set(settings.INDEX_DIR.glob(f"*{SUFFIX}")) - known:
            other.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("The background queries are encoded again at the next start: %s", error)


def _path(key: str) -> Path:
    return Path(settings.INDEX_DIR) / _name(key)


@cache
def _name(key: str) -> str:
    """Another one for other texts."""
    digest = hashlib.sha256("\n".join([key, *background_texts()]).encode()).hexdigest()
    return f"{digest[:32]}{SUFFIX}"


_preparing = threading.Lock()
_prepared: dict[str, Background | None] = {}
