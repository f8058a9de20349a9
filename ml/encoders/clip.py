"""CLIP and SigLIP in Hugging Face format: any dual encoder of these families, from a hub id or a folder.

Sources: Radford et al., https://arxiv.org/abs/2103.00020; Zhai et al., https://arxiv.org/abs/2303.15343.
"""

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as PILImage
from PIL.Image import Image
from torch import nn
from torch.nn import functional
from transformers import AutoModel

from ml import devices
from ml.encoders.similarity import similarity_maps
from ml.hub import Checkpoint
from ml.huggingface import load_parts, pixels
from ml.interfaces import Embeddings, ModelInfo
from ml.runtime.lengths import padded
from ml.runtime.sessions import Network, Session, open_session
from ml.runtime.threads import spread

BATCH = 16  #: pictures or texts in one pass on a CPU; more gain nothing and cost memory
SQUARE = 512  #: pixels a side to which a picture is squashed before its patches are looked at; networks take fewer

MODEL_TYPES = {"clip", "siglip", "siglip2"}


class ClipEncoder:
    """An ImageTextEncoder on a transformers model with `get_image_features` and `get_text_features`.

    May be called from several threads.
    """

    match_floor: float | None = None

    def __init__(self, *, network: Any, image_processor: Any, tokenizer: Any, info: ModelInfo) -> None:
        self.info = info
        self._network = network
        self._where: torch.device = network.device
        self._image_processor = image_processor
        self._tokenizer = tokenizer
        self._tokenizing = threading.Lock()  # a fast tokenizer fails when two threads set its truncation at once
        self._padded = network.config.model_type != "clip"  # SigLIP was trained on padded texts, without a mask
        self._length = network.config.text_config.max_position_embeddings
        self._look = self._image_session()
        self._read = self._text_session()
        if self._where.type == "cpu" and self._look.runtime.unquantised.precision == "bf16":
            network.bfloat16()  # what only heat maps need from here on, in half the memory
        self.dimension = int(self.encode_texts(["a photo"]).shape[1])

    @classmethod
    def load(cls, checkpoint: Checkpoint) -> "ClipEncoder":
        """Open a checkpoint on the device of choice.

        Raises ModelNotFound, ModelCorrupt, DeviceUnavailable, or ModelUnsupported for another architecture.
        """
        parts = load_parts(checkpoint, AutoModel.from_pretrained, MODEL_TYPES)
        return cls(**{**parts, "network": devices.place(parts["network"])})

    def encode_images(self, images: Sequence[Image]) -> Embeddings:
        """Embed RGB pictures of any size: (n, d)."""

        def features(batch: Sequence[Image]) -> torch.Tensor:
            return self._look(*(each.to(self._where) for each in pixels(self._image_processor, batch).values()))

        return self._embed(images, features)

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts: (n, d). What exceeds the model's length (CLIP: 77 tokens, SigLIP: 64) is cut."""

        def features(batch: Sequence[str]) -> torch.Tensor:
            return self._read(*(each.to(self._where) for each in self._tokens(batch).values()))

        return self._embed(texts, features)

    @devices.inference
    def similarity_maps(self, image: Image, texts: Embeddings) -> npt.NDArray[np.float32]:
        """How much each patch of an RGB picture is like each of m texts, (m, d): (m, rows, columns).

        The picture is squashed to a square first: CLIP's own way would leave out what lies beside its middle.
        """
        square = image.convert("RGB").resize((SQUARE, SQUARE))
        inputs = {name: each.to(self._where) for name, each in pixels(self._image_processor, [square]).items()}
        inputs["pixel_values"] = inputs["pixel_values"].to(self._network.dtype)
        parts, rows = self._parts(inputs)
        return similarity_maps(functional.normalize(parts.float(), dim=-1).cpu().numpy(), texts, rows=rows)

    def _parts(self, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, int]:
        """Each patch as if it were the whole picture, (cells, d), not normalised, and in how many rows they lie."""
        vision = self._network.vision_model
        if self._network.config.model_type == "clip":
            states = vision(**inputs, output_hidden_states=True).hidden_states[-2][0, 1:]  # without the class token
            alone = vision.encoder.layers[-1](states[:, None], attention_mask=None)[:, 0]
            return self._network.visual_projection(vision.post_layernorm(alone)), math.isqrt(len(states))
        states = vision(**inputs).last_hidden_state[0]
        shapes = inputs.get("spatial_shapes")  # SigLIP 2 takes any shape, and pads
        rows, columns = shapes[0].tolist() if shapes is not None else (math.isqrt(len(states)),) * 2
        return vision.head(states[: rows * columns, None]), rows

    @devices.inference
    def _embed(self, items: Sequence[Any], features: Callable[[Sequence[Any]], torch.Tensor]) -> Embeddings:
        def embed(batch: Sequence[Any]) -> Embeddings:
            # in float32, whatever the network computed in: float16 would cost a third digit of a cosine
            array: Embeddings = functional.normalize(features(batch), dim=-1).cpu().numpy()
            return array

        batches = spread(embed, items, BATCH, where=self._where)
        return np.concatenate(batches) if batches else np.zeros((0, self.dimension), dtype=np.float32)

    def _image_session(self) -> Session:
        inputs = pixels(self._image_processor, [PILImage.new("RGB", (SQUARE, SQUARE))] * 2)
        return open_session(
            Network(
                module=_Tower(self._network, "get_image_features", tuple(inputs)),
                key=f"{self.info.weights_hash} {self.info.preprocessing}",
                example=tuple(inputs.values()),
                vary=[(0,)],
                sees="pictures",
                exportable=len(inputs) == 1,  # SigLIP 2 takes any shape: its computing depends on it
            )
        )

    def _text_session(self) -> Session:
        inputs = self._tokens(["a photo", "a photo"])
        return open_session(
            Network(
                module=_Tower(self._network, "get_text_features", tuple(inputs)),
                key=f"{self.info.weights_hash} {self.info.preprocessing}",
                example=tuple(inputs.values()),
                vary=[(0,) if self._padded else (0, 1)] * len(inputs),
                sees="texts",
            )
        )

    def _tokens(self, texts: Sequence[str]) -> dict[str, torch.Tensor]:
        with self._tokenizing:
            tokens = self._tokenizer(
                list(texts),
                padding="max_length" if self._padded else True,
                truncation=True,
                max_length=self._length,
                return_tensors="pt",
            )
        ids = tokens["input_ids"]
        if self._padded:
            return {"input_ids": ids}
        length: int = ids.shape[1]
        more = 0, padded(length, most=self._length) - length
        ids = functional.pad(ids, more, value=self._tokenizer.pad_token_id)
        return {"input_ids": ids, "attention_mask": functional.pad(tokens["attention_mask"], more)}


class _Tower(nn.Module):
    """One tower of a network of transformers, with its inputs in a fixed order: (n, d), not normalised."""

    def __init__(self, network: Any, method: str, names: tuple[str, ...]) -> None:
        super().__init__()
        self.network = network
        self.method = method
        self.names = names

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = getattr(self.network, self.method)(
            **dict(zip(self.names, inputs, strict=True))
        ).pooler_output
        return features
