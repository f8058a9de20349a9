"""CLIP and SigLIP in Hugging Face format: any dual encoder of these families, from a hub id or a folder.

Sources: Radford et al., https://arxiv.org/abs/2103.00020; Zhai et al., https://arxiv.org/abs/2303.15343.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL.Image import Image
from torch.nn import functional
from transformers import AutoModel

from ml.hub import Checkpoint
from ml.huggingface import load_parts, pixels
from ml.interfaces import Embeddings, ModelInfo

BATCH = 32  #: pictures or texts in one pass, to bound memory

MODEL_TYPES = {"clip", "siglip", "siglip2"}


class ClipEncoder:
    """An ImageTextEncoder on a transformers model with `get_image_features` and `get_text_features`.

    May be called from several threads.
    """

    match_floor: float | None = None

    def __init__(self, *, network: Any, image_processor: Any, tokenizer: Any, info: ModelInfo) -> None:
        self.info = info
        self._network = network
        self._image_processor = image_processor
        self._tokenizer = tokenizer
        self._tokenizing = threading.Lock()  # a fast tokenizer fails when two threads set its truncation at once
        self._padded = network.config.model_type != "clip"  # SigLIP was trained on padded texts, without a mask
        self._length = network.config.text_config.max_position_embeddings
        self.dimension = int(self.encode_texts(["a photo"]).shape[1])

    @classmethod
    def load(cls, checkpoint: Checkpoint) -> "ClipEncoder":
        """Open a checkpoint. Raises ModelNotFound, ModelCorrupt, or ModelUnsupported for another architecture."""
        return cls(**load_parts(checkpoint, AutoModel.from_pretrained, MODEL_TYPES))

    def encode_images(self, images: Sequence[Image]) -> Embeddings:
        """Embed RGB pictures of any size: (n, d)."""
        return self._embed(images, lambda batch: self._network.get_image_features(**self._pixels(batch)))

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts: (n, d). What exceeds the model's length (CLIP: 77 tokens, SigLIP: 64) is cut."""
        return self._embed(texts, lambda batch: self._network.get_text_features(**self._tokens(batch)))

    @torch.inference_mode()
    def _embed(self, items: Sequence[Any], features: Callable[[Sequence[Any]], Any]) -> Embeddings:
        batches = [
            functional.normalize(features(items[start : start + BATCH]).pooler_output.float(), dim=-1).numpy()
            for start in range(0, len(items), BATCH)
        ]
        return np.concatenate(batches) if batches else np.zeros((0, self.dimension), dtype=np.float32)

    def _pixels(self, images: Sequence[Image]) -> dict[str, torch.Tensor]:
        return pixels(self._image_processor, images)

    def _tokens(self, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        with self._tokenizing:
            tokens = self._tokenizer(
                list(texts),
                padding="max_length" if self._padded else True,
                truncation=True,
                max_length=self._length,
                return_tensors="pt",
            )
        names = ("input_ids",) if self._padded else ("input_ids", "attention_mask")
        return {name: tokens[name] for name in names}
