"""Networks of torch as ONNX graphs, and these with weights and activations in int8."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

OPSET = 17
_QUANTISED = ["Conv", "Gemm", "MatMul"]  #: all else costs more to convert than it saves


def input_names(inputs: Sequence[object]) -> list[str]:
    """What the graph calls its inputs."""
    return [f"input{number}" for number in range(len(inputs))]


def export(network: nn.Module, example: Sequence[torch.Tensor], path: Path, *, vary: Sequence[Sequence[int]]) -> None:
    """Write a network's graph in float32, of one output; the axes `vary` of its inputs may have any length."""
    names = input_names(example)
    lengths = {
        name: {axis: f"{name}_{axis}" if axis else "n" for axis in axes} for name, axes in zip(names, vary, strict=True)
    }
    network.eval()  # a wrapper that is new would be, with all in it, in training mode afterwards
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # tracing warns of each shape that a network looks at
        torch.onnx.export(
            network,
            tuple(example),
            str(path),
            dynamo=False,  # the newer one needs onnxscript, and minutes
            input_names=names,
            output_names=["output"],
            dynamic_axes={**lengths, "output": {0: "n", 1: "output_1"}},
            opset_version=OPSET,
        )


def quantise(path: Path, batches: Sequence[Sequence[npt.NDArray[np.float32]]], target: Path) -> None:
    """Write the graph at `path` with int8 weights, one scale a channel, and activations scaled by these inputs.

    Source: Jacob et al. 2017, "Quantization and Training of Neural Networks", https://arxiv.org/abs/1712.05877.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    class Reader(CalibrationDataReader):  # type: ignore[misc]  # of a package without types
        def __init__(self) -> None:
            self._batches: Iterator[Sequence[npt.NDArray[np.float32]]] = iter(batches)

        def get_next(self) -> dict[str, npt.NDArray[np.float32]] | None:
            batch = next(self._batches, None)
            return None if batch is None else dict(zip(input_names(batch), batch, strict=True))

    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)  # it recommends a preparation that the graphs here don't need
    try:
        quantize_static(
            str(path),
            str(target),
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=_QUANTISED,
            per_channel=True,
            activation_type=QuantType.QInt8,
            weight_type=QuantType.QInt8,
        )
    finally:
        root.setLevel(before)
