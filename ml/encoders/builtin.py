"""The built-in dual encoder: two frozen towers, and small heads that this project trained to meet in one space.

The picture's head sees the pooled features of EfficientNet-Lite2 and, beside them, what that network's own ImageNet
classifier believes of the picture. So what the classifier learnt from a million photos of single objects reaches the
embedding as it is, although the heads were trained on Flickr8k alone (`ml.training.dual_encoder`, and the card
`ml/weights/builtin_encoder.md`). Several pairs of heads look at each picture and text; they err differently, and heads
cost next to nothing beside the towers.
"""

import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from PIL.Image import Image
from safetensors.torch import load_file
from torch import nn
from torch.nn.functional import normalize

from ml import devices
from ml.backbones import efficientnet_lite, minilm
from ml.backbones.shared import shared_image_tower
from ml.encoders.similarity import similarity_maps
from ml.errors import ModelCorrupt
from ml.files import verify_sha256
from ml.hub import Checkpoint
from ml.interfaces import Embeddings, ModelInfo
from ml.runtime import choice
from ml.serving import read_tensors

MODEL_TYPE = "mmsite-dual-encoder"
WEIGHTS = Path(__file__).parents[1] / "weights" / "builtin_encoder.safetensors"
CONFIG = WEIGHTS.with_suffix(".json")  #: revision, match floor, and how the weights were made
WEIGHTS_SHA256 = "57438266ef017d382fada9ed2c52b2cb3870717968167ecead70faaec41b0fd0"
CONFIG_SHA256 = "c33f06a38abfcc7eded88e23337d203221dcc8e0cd3c253c1f72a2cda2dd792a"

SIDE = 256  #: pixels; the whole picture is squashed to this square, near the 260 that the tower was trained at
PREPROCESSING = "squash-256-bicubic"
CLASSES = 1000
SCENE = 384  #: dimensions of a head's embedding that the trained view of the whole scene fills
KIND = 128  #: dimensions that the classifier's belief fills
KIND_SHARE = 0.4  #: of a picture's cosine with a text, how much the belief can decide at most
IMAGE_BATCH = 32  #: pictures decoded to pixels at a time; more costs memory and gains nothing


class Projection(nn.Module):
    """A linear layer beside one hidden layer, over standardised features.

    The linear path is what carries over to words and things that training never showed.
    """

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, features: int, dimension: int, *, hidden: int, dropout: tuple[float, float]) -> None:
        """`dropout` of the features and of the hidden layer; only training knows it."""
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.dropout = nn.Dropout(dropout[0])
        self.linear = nn.Linear(features, dimension)
        self.hidden = nn.Sequential(
            nn.Linear(features, hidden), nn.GELU(), nn.Dropout(dropout[1]), nn.Linear(hidden, dimension)
        )

    def standardise_by(self, sample: torch.Tensor) -> None:
        """Take mean and deviation of each feature from a sample, (n, features)."""
        self.mean.copy_(sample.mean(dim=0))
        self.deviation.copy_(sample.std(dim=0).clamp_min(1e-2 * sample.std()))  # a dead feature stays quiet

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Map (n, features) to (n, dimension) float32, not normalised."""
        standardised = self.dropout((features - self.mean) / self.deviation)
        projected: torch.Tensor = self.linear(standardised) + self.hidden(standardised)
        return projected.float()


class TextHead(nn.Module):
    """Projects MiniLM's sentence vectors to both blocks; how long either comes out says what the text is about."""

    def __init__(self) -> None:
        super().__init__()
        self.scene = Projection(minilm.DIMENSION, SCENE, hidden=768, dropout=(0.3, 0.3))
        self.kind = Projection(minilm.DIMENSION, KIND, hidden=512, dropout=(0.1, 0.1))

    def forward(self, sentences: torch.Tensor) -> torch.Tensor:
        """Embed (n, 384) sentence vectors: (n, 512), L2-normalised."""
        return normalize(torch.cat([self.scene(sentences), self.kind(sentences)], dim=-1), dim=-1)


class ImageHead(nn.Module):
    """Projects pooled image features to one block of the embedding, the classifier's belief to the other.

    Two blocks, each of fixed length: what the classifier knows cannot drown in what Flickr8k taught.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scene = Projection(efficientnet_lite.CHANNELS, SCENE, hidden=768, dropout=(0.5, 0.3))
        self.kind = nn.Linear(CLASSES, KIND, bias=False)
        nn.init.normal_(self.kind.weight, std=KIND**-0.5)  # a random direction of length one for each class

    def forward(self, pooled: torch.Tensor, beliefs: torch.Tensor) -> torch.Tensor:
        """Embed (n, 1280) pooled features and (n, 1000) class probabilities: (n, 512), L2-normalised.

        Probabilities enter as square roots: vectors of length one, whose products are Bhattacharyya coefficients.
        """
        scene = normalize(self.scene(pooled), dim=-1)
        kind = normalize(self.kind(beliefs.sqrt()).float(), dim=-1)
        return torch.cat([math.sqrt(1 - KIND_SHARE) * scene, math.sqrt(KIND_SHARE) * kind], dim=-1)


class Heads(nn.Module):
    """A head for pictures and one for texts, trained together."""

    def __init__(self) -> None:
        super().__init__()
        self.image = ImageHead()
        self.text = TextHead()


class Ensemble(nn.Module):
    """Several pairs of heads as one: what they give, side by side, seen from its principal directions.

    The cosine of two embeddings is the mean of the heads' cosines, but for what the other directions held.
    """

    basis: torch.Tensor

    def __init__(self, heads: Sequence[Heads], basis: torch.Tensor) -> None:
        """`basis` is (512 times the heads, d), of orthonormal columns."""
        super().__init__()
        self.heads = nn.ModuleList(heads)
        self.register_buffer("basis", basis)

    @property
    def pairs(self) -> list[Heads]:
        """The heads, as what they are."""
        return [cast(Heads, pair) for pair in self.heads]

    def image(self, pooled: torch.Tensor, beliefs: torch.Tensor) -> torch.Tensor:
        """Embed (n, 1280) pooled features and (n, 1000) class probabilities: (n, d), L2-normalised."""
        return self._meet([pair.image(pooled, beliefs) for pair in self.pairs])

    def text(self, sentences: torch.Tensor) -> torch.Tensor:
        """Embed (n, 384) sentence vectors: (n, d), L2-normalised."""
        return self._meet([pair.text(sentences) for pair in self.pairs])

    def _meet(self, embeddings: list[torch.Tensor]) -> torch.Tensor:
        return normalize(torch.cat(embeddings, dim=-1) @ self.basis, dim=-1)


def kind_of(embeddings: torch.Tensor) -> torch.Tensor:
    """The block of (n, 512) embeddings that tells the kind of thing, (n, 128), L2-normalised by itself."""
    return normalize(embeddings[:, SCENE:], dim=-1)


class BuiltinEncoder:
    """An ImageTextEncoder that needs no model hub. Safe to share between threads: encoding changes nothing in it."""

    def __init__(
        self,
        info: ModelInfo,
        match_floor: float,
        text_tower: minilm.MiniLM,
        ensemble: Ensemble,
    ) -> None:
        self._info = info
        self._match_floor = match_floor
        self._text_tower = text_tower
        self._ensemble = ensemble.eval()
        self._where = ensemble.basis.device

    @cached_property
    def _image_tower(self) -> efficientnet_lite.EfficientNetLite2:
        """Loaded when the first picture comes: whoever only searches by words, as a web process does, spares 110 MB."""
        with torch.inference_mode(mode=False):  # others share it, and may train on it
            return shared_image_tower()

    @cached_property
    def _classifier(self) -> efficientnet_lite.Classifier:
        return self._image_tower.classifier().to(self._where)

    @classmethod
    def load(cls) -> "BuiltinEncoder":
        """Load the towers from their packages and the heads from this project.

        Raises ModelNotFound where a file is missing, ModelCorrupt where its hash differs, or DeviceUnavailable.
        """
        verify_sha256(WEIGHTS, WEIGHTS_SHA256)
        verify_sha256(CONFIG, CONFIG_SHA256)
        config = json.loads(CONFIG.read_text(encoding="utf-8"))
        info = ModelInfo("builtin", config["revision"], WEIGHTS_SHA256, PREPROCESSING)
        return cls._open(info, config, load_file(WEIGHTS))

    @classmethod
    def from_checkpoint(cls, checkpoint: Checkpoint) -> "BuiltinEncoder":
        """Open a folder that `train encoder` wrote. Raises ModelNotFound, ModelCorrupt or DeviceUnavailable."""
        config = checkpoint.config()
        info = ModelInfo(checkpoint.name, checkpoint.revision, checkpoint.weights_hash(), PREPROCESSING)
        try:
            return cls._open(info, config, read_tensors(checkpoint))
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[-1].strip()
            raise ModelCorrupt(f"Configuration and weights of {checkpoint.name} do not fit: {reason}") from error

    @classmethod
    def _open(cls, info: ModelInfo, config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]) -> "BuiltinEncoder":
        basis = tensors["basis"].float()
        ensemble = Ensemble([Heads() for _ in range(basis.shape[0] // (SCENE + KIND))], basis)
        ensemble.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})
        verify_sha256(efficientnet_lite.weights_path(), efficientnet_lite.WEIGHTS_SHA256)
        ensemble = devices.place(ensemble)
        texts = minilm.MiniLM.load(narrow=choice.narrows(ensemble.basis.device))
        return cls(info, float(config["match_floor"]), texts, ensemble)

    @property
    def info(self) -> ModelInfo:
        """Towers and heads are pinned by hash in this code; the heads' hash stands for all three."""
        return self._info

    @property
    def dimension(self) -> int:
        """384, unless training was asked for another."""
        return self._ensemble.basis.shape[1]

    @property
    def match_floor(self) -> float:
        """Cosine that 95 % of true pairs of Flickr8k's dev split exceed."""
        return self._match_floor

    @devices.inference
    def encode_images(self, images: Sequence[Image]) -> Embeddings:
        """Embed RGB pictures of any size: (n, d) float32, L2-normalised."""
        embeddings = torch.empty(len(images), self.dimension)
        batch = devices.batch(self._where, IMAGE_BATCH)
        for start in range(0, len(images), batch):
            maps = self._image_tower.feature_maps(images[start : start + batch], SIDE, half=True)
            pooled = efficientnet_lite.pool(maps).to(self._where)
            embeddings[start : start + len(pooled)] = self._ensemble.image(pooled, self._classifier(pooled))
        array: Embeddings = embeddings.numpy()
        return array

    @devices.inference
    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts: (n, d) float32, L2-normalised. What is longer than 256 tokens is cut."""
        with devices.one_thread():
            array: Embeddings = self._ensemble.text(self._text_tower.encode(texts).to(self._where)).cpu().numpy()
        return array

    @devices.inference
    def similarity_maps(self, image: Image, texts: Embeddings) -> npt.NDArray[np.float32]:
        """How much each cell of the tower's map of an RGB picture is like each of m texts, (m, d): (m, 8, 8)."""
        maps = self._image_tower.feature_maps([image], SIDE, half=True)
        cells = maps[0].to(self._where)
        parts = self._ensemble.image(cells, self._classifier(cells))
        return similarity_maps(parts.cpu().numpy(), texts, rows=SIDE // efficientnet_lite.STRIDE)
