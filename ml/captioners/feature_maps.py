"""An encoder for VisionEncoderDecoderModel that takes the built-in tower's feature maps in place of pictures.

The tower itself is frozen and comes with a package, so a model's folder holds only what was learnt on top of it:
channels are standardised, projected to the decoder's size, and given a learned position each, as the built-in GRU
does (`ml.captioners.attention_gru`).
"""

from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from ml.backbones.efficientnet_lite import CHANNELS, GRID

MODEL_TYPE = "mmsite-feature-maps"


class FeatureMapsConfig(PreTrainedConfig):  # type: ignore[misc]  # transformers decorates it beyond what mypy follows
    """Sizes of the encoder: `cells` places of a picture with `channels` values each in, `hidden_size` values out."""

    model_type = MODEL_TYPE

    channels: int = CHANNELS
    cells: int = GRID * GRID
    hidden_size: int = 384
    dropout: float = 0.3


class FeatureMapsEncoder(PreTrainedModel):  # type: ignore[misc]  # without types
    """Projects feature maps, (n, cells, channels), which the captioning model hands over as `pixel_values`."""

    config_class = FeatureMapsConfig
    main_input_name = "pixel_values"
    _supports_sdpa = True  # it attends to nothing, so any kind of attention will do
    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, config: FeatureMapsConfig) -> None:
        super().__init__(config)
        size = config.hidden_size
        self.register_buffer("mean", torch.zeros(config.channels))
        self.register_buffer("deviation", torch.ones(config.channels))
        self.project = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(config.channels, size), nn.GELU(), nn.LayerNorm(size)
        )
        self.positions = nn.Parameter(torch.zeros(config.cells, size))
        self.post_init()

    def forward(self, pixel_values: torch.Tensor, **_: Any) -> BaseModelOutput:
        """Feature maps, (n, cells, channels) float32, to states, (n, cells, hidden_size)."""
        return BaseModelOutput(
            last_hidden_state=self.project((pixel_values - self.mean) / self.deviation) + self.positions
        )

    def standardise(self, maps: torch.Tensor) -> None:
        """Take mean and deviation of each channel from a sample of maps, (n, cells, channels)."""
        sample = maps.float().flatten(0, 1)
        self.mean.copy_(sample.mean(dim=0))
        self.deviation.copy_(sample.std(dim=0) + 1e-3)


AutoConfig.register(MODEL_TYPE, FeatureMapsConfig, exist_ok=True)
AutoModel.register(FeatureMapsConfig, FeatureMapsEncoder, exist_ok=True)
