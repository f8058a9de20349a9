"""Model folders in this library's own formats: `config.json` with a `model_type` of ours, and `model.safetensors`.

They are found and opened like checkpoints in Hugging Face format (`ml.hub`), by folder or hub id.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from ml.errors import ModelCorrupt
from ml.files import whole
from ml.hub import Checkpoint


def save_model(
    folder: Path, *, model_type: str, config: Mapping[str, Any], tensors: Mapping[str, torch.Tensor]
) -> None:
    """Write a model's folder, in place of an earlier one; weights in float16. Other files of the folder are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    halves = {
        name: (tensor.half() if tensor.is_floating_point() else tensor).contiguous() for name, tensor in tensors.items()
    }
    with whole(folder / "model.safetensors") as partial:
        save_file(halves, partial)
        partial.chmod(0o644)  # safetensors writes for its owner alone
    text = json.dumps({"model_type": model_type, **config}, indent=2, ensure_ascii=False)
    with whole(folder / "config.json") as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def read_tensors(checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    """A model's weights, in float32. Raises ModelNotFound or ModelCorrupt."""
    (path,) = checkpoint.weights()
    try:
        return {
            name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in load_file(path).items()
        }
    except SafetensorError as error:
        raise ModelCorrupt(f"{path.name} of {checkpoint.name} is damaged or truncated.") from error
