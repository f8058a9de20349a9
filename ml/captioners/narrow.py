"""Networks of transformers on narrower numbers than float32, where the processor multiplies these by itself.

Source: Dettmers et al., "LLM.int8()" (https://arxiv.org/abs/2208.07339), table 1: with a scale and a zero point for
each row of what goes in and a scale for each column of the weights, a decoder of 125 million weights keeps its
perplexity (25.7 in both); with one scale for all rows, which is what torch's own dynamic quantization has, or without
zero points, it doesn't.
"""

from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from ml.captioners.feature_maps import MODEL_TYPE as FEATURE_MAPS
from ml.runtime import choice

_LEVELS = 255


class Int8Linear(nn.Module):
    """A linear layer by integers of eight bits, sums in 32; what comes out is float32.

    No row's result depends on the others.
    """

    def __init__(self, weight: torch.Tensor, bias: torch.Tensor | None) -> None:
        """weight (out, in)."""
        super().__init__()
        scale = weight.abs().amax(dim=1).clamp_min(1e-12) / 127
        whole = (weight / scale[:, None]).round().to(torch.int8).contiguous()  # or it is packed wrongly
        self._weight = torch.ops.onednn.qlinear_prepack(whole, None)
        self._scale = scale
        self._zero = torch.zeros(len(scale), dtype=torch.int32)
        self._sums = whole.sum(dim=1) * scale
        self._bias = torch.zeros(len(scale)) if bias is None else bias

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(..., in) to (..., out) float32."""
        rows = inputs.reshape(-1, inputs.shape[-1]).float()
        low = rows.amin(dim=1, keepdim=True)  # many times as fast as `aminmax`
        step = ((rows.amax(dim=1, keepdim=True) - low) / _LEVELS).clamp_min(1e-12)
        levels = ((rows - low) / step).round().to(torch.uint8)
        product = torch.ops.onednn.qlinear_pointwise(
            levels, 1.0, 0, self._weight, self._scale, self._zero, None, 1.0, 0, torch.float32, "none", [], ""
        )
        outputs = product.mul_(step).addcmul_(low, self._sums).add_(self._bias)
        return outputs.view(*inputs.shape[:-1], -1)  # type: ignore[no-any-return]


@torch.inference_mode()
def narrow(network: Any) -> None:
    """Make a VisionEncoderDecoderModel on the CPU faster, in place: the encoder in bfloat16, the decoder by bytes.

    Not where float32 was asked for, nor where the processor is no faster so.
    """
    if choice.keeps_float32():
        return
    if choice.has_bfloat16() and network.encoder.config.model_type != FEATURE_MAPS:
        network.encoder.bfloat16()
    if choice.has_int8():
        _replace(network.decoder)


def _replace(part: nn.Module) -> None:
    for name, child in part.named_children():
        if isinstance(child, nn.Linear):
            setattr(part, name, Int8Linear(child.weight, child.bias))
        elif isinstance(child, Conv1D):  # GPT-2's, a linear layer the other way round
            setattr(part, name, Int8Linear(child.weight.T, child.bias))
        else:
            _replace(child)
