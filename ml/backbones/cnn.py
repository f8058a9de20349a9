"""Image towers by name: the packaged EfficientNet-Lite2, or a MobileNetV2 or ResNet in Hugging Face format.

Sources: Sandler et al. 2018, "MobileNetV2", https://arxiv.org/abs/1801.04381; He et al. 2015, "Deep Residual Learning
for Image Recognition", https://arxiv.org/abs/1512.03385.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image as PILImage

from ml import devices, hub
from ml.backbones import efficientnet_lite
from ml.backbones.shared import shared_image_tower
from ml.errors import ModelCorrupt, ModelUnsupported
from ml.interfaces import ImageTower, ModelInfo

PACKAGED = efficientnet_lite.NAME  #: the name of the tower that comes with this project
MODEL_TYPES = {"mobilenet_v2": "MobileNetV2", "resnet": "ResNet"}
CHUNK = 4  #: pictures that go through the network together; larger activations cost page faults (docs/why.md)


class CheckpointTower:
    """Implements ml.interfaces.ImageTower with a MobileNetV2 or ResNet of transformers.

    The checkpoint's own mean and deviation, but not its cropping: the whole picture is squashed to the network's
    square, since captions also tell what happens at the edges. Safe to share between threads.
    """

    def __init__(self, network: Any, image_processor: Any, info: ModelInfo) -> None:  # of transformers, without types
        self._network = network.eval().to(memory_format=torch.channels_last)
        self._where: torch.device = network.device
        self._processor = image_processor
        self._side = _side(image_processor)
        self.info = replace(info, preprocessing=f"squash-{self._side}-bicubic-{info.preprocessing}")
        _, self.channels, self.grid, _ = self._maps(torch.zeros(1, 3, self._side, self._side)).shape

    @classmethod
    def load(cls, checkpoint: hub.Checkpoint) -> "CheckpointTower":
        """Open a checkpoint on the device of choice.

        Raises ModelNotFound, ModelCorrupt or DeviceUnavailable, or ModelUnsupported where it is neither a MobileNetV2
        nor a ResNet.
        """
        from ml.huggingface import load_image_processor, load_model, model_info

        if checkpoint.model_type not in MODEL_TYPES:
            raise ModelUnsupported(
                f"{checkpoint.name} is a {checkpoint.model_type} model; a backbone is {PACKAGED}, or a checkpoint of "
                f"{' or '.join(MODEL_TYPES.values())}."
            )
        from transformers import AutoModel

        processor = load_image_processor(checkpoint)
        network = devices.place(load_model(checkpoint, AutoModel.from_pretrained, attention="eager"))
        try:
            return cls(network, processor, model_info(checkpoint, processor))
        except (KeyError, RuntimeError, ValueError) as error:
            raise ModelCorrupt(f"{checkpoint.name} cannot look at pictures: {error}") from error

    @devices.inference
    def feature_maps(self, images: Sequence[PILImage.Image]) -> torch.Tensor:
        """Encode pictures of any size: (n, grid * grid, channels) float32, cells in reading order."""
        maps = torch.empty(len(images), self.grid * self.grid, self.channels)
        chunk = devices.batch(self._where, CHUNK)
        for start in range(0, len(images), chunk):
            pixels = self._preprocess(images[start : start + chunk])
            maps[start : start + chunk] = self._maps(pixels).flatten(2).transpose(1, 2)
        return maps

    def save(self, folder: Path) -> None:
        """Write network and image processor in Hugging Face format, for `load`."""
        self._network.save_pretrained(folder)
        self._processor.save_pretrained(folder)

    def _preprocess(self, images: Sequence[PILImage.Image]) -> torch.Tensor:
        """(n, 3, side, side) float32."""
        size = (self._side, self._side)
        squares = [
            np.asarray(image.convert("RGB").resize(size, PILImage.Resampling.BICUBIC, reducing_gap=2.0))
            for image in images
        ]
        ready = self._processor(images=squares, do_resize=False, do_center_crop=False, return_tensors="pt")
        pixels: torch.Tensor = ready["pixel_values"]
        return pixels

    @devices.inference
    def _maps(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, channels, grid, grid) of (n, 3, side, side)."""
        there = pixels.contiguous(memory_format=torch.channels_last).to(self._where)
        maps: torch.Tensor = self._network(there).last_hidden_state
        return maps


def load_backbone(name: str) -> ImageTower:
    """The tower of that name: `efficientnet-lite2`, or the hub id or folder of a MobileNetV2 or ResNet.

    Raises ModelNotFound, ModelCorrupt or ModelUnsupported.
    """
    return shared_image_tower() if name == PACKAGED else CheckpointTower.load(hub.locate(name))


def save_backbone(tower: ImageTower, model: Path) -> str:
    """Make a model's folder complete with its tower: what its config.json is to say for `saved_backbone`.

    A checkpoint is copied into a folder in it; the packaged tower is on every machine, so that its name does.
    """
    if not isinstance(tower, CheckpointTower):
        return PACKAGED
    tower.save(model / hub.BACKBONE)
    return hub.BACKBONE


def saved_backbone(said: str, model: Path) -> ImageTower:
    """The tower of a model's folder, where its config.json says what `save_backbone` gave.

    Raises ModelNotFound, ModelCorrupt or ModelUnsupported.
    """
    if said == PACKAGED:
        return shared_image_tower()
    if said != hub.BACKBONE:
        raise ModelUnsupported(f"{model} names a backbone {said}, which this version does not know.")
    return CheckpointTower.load(hub.Checkpoint(f"{model.name}/{said}", "local", model / said))


def _side(image_processor: Any) -> int:
    """Pixels a side of the square that the network was trained on. Raises KeyError where the processor has none."""
    size = dict(getattr(image_processor, "crop_size", None) or image_processor.size)
    return int(size.get("height") or size["shortest_edge"])
