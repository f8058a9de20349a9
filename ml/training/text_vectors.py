"""Sentence vectors of training texts, computed once: the text tower is frozen."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from ml.backbones.minilm import MiniLM
from ml.files import whole

CHUNK = 1024


def sentence_vectors(texts: Sequence[str], cache: Path, name: str, tower: MiniLM) -> torch.Tensor:
    """MiniLM's vectors of texts, (n, 384) float32, from a float16 file in `cache` named after the texts' hash.

    Computed on the first call, about 3 ms a text on one core.
    """
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
    path = cache / f"{name}-{digest}.npy"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        starts = tqdm(range(0, len(texts), CHUNK), desc=name, unit="chunk")
        vectors = torch.cat([tower.encode(texts[start : start + CHUNK]) for start in starts])
        with whole(path) as partial, partial.open("wb") as file:
            np.save(file, vectors.numpy().astype(np.float16))
    return torch.from_numpy(np.load(path).astype(np.float32))
