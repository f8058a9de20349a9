"""Opens checkpoints with transformers so that what comes out is what was published, or an error of this library."""

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from PIL.Image import Image
from safetensors import SafetensorError, safe_open
from transformers import AutoImageProcessor, AutoTokenizer, PreTrainedTokenizerFast
from transformers.utils import logging

from ml.errors import ModelCorrupt, ModelUnsupported
from ml.files import sha256
from ml.hub import SETTINGS, Checkpoint
from ml.interfaces import ModelInfo

_LOCAL = {"local_files_only": True, "trust_remote_code": False}
_WIDEST = 8  #: sides; see `pixels`

# for the whole process: transformers' bars and advice are for a person at a prompt, not for a server's log
logging.set_verbosity_error()
logging.disable_progress_bar()


def load_model(checkpoint: Checkpoint, architecture: Callable[..., Any], *, attention: str = "sdpa") -> Any:
    """Load a network in float32 by `architecture`, the `from_pretrained` of a transformers class.

    `attention` names its implementation; networks without any take only `eager`.
    Raises ModelNotFound, ModelUnsupported (pickled weights) or ModelCorrupt: unlike transformers, which fills what a
    file lacks with random numbers, every weight must be there.
    """
    for path in checkpoint.weights():
        try:
            with safe_open(path, framework="pt"):
                pass
        except SafetensorError as error:
            raise ModelCorrupt(f"{path.name} of {checkpoint.name} is damaged or truncated; fetch it again.") from error
    with _reading(checkpoint):
        network, report = architecture(
            checkpoint.folder,
            **_LOCAL,
            use_safetensors=True,
            dtype=torch.float32,
            attn_implementation=attention,  # a configuration may name a kernel to be downloaded; it must not
            output_loading_info=True,
        )
    if missing := sorted(report["missing_keys"]):
        raise ModelCorrupt(f"The weights of {checkpoint.name} are incomplete: {missing[0]} is missing.")
    return network.eval()


def load_image_processor(checkpoint: Checkpoint) -> Any:
    """Load the checkpoint's own image processor, on Pillow. Raises ModelCorrupt."""
    with _reading(checkpoint):
        return AutoImageProcessor.from_pretrained(checkpoint.folder, **_LOCAL, backend="pil")


def load_tokenizer(checkpoint: Checkpoint) -> Any:
    """Load the checkpoint's own tokenizer. Raises ModelCorrupt."""
    with _reading(checkpoint):
        try:
            return AutoTokenizer.from_pretrained(checkpoint.folder, **_LOCAL)
        except ImportError:  # SigLIP asks for sentencepiece, but its tokenizer.json holds the same tokenizer
            return PreTrainedTokenizerFast.from_pretrained(checkpoint.folder, **_LOCAL)


def model_info(checkpoint: Checkpoint, image_processor: Any) -> ModelInfo:
    """What identifies the checkpoint: its weights, and in `preprocessing` whatever else changes what comes out."""
    settings = [path for name in SETTINGS if (path := checkpoint.folder / name).is_file()]
    digest = hashlib.sha256("".join(f"{path.name} {sha256(path)}\n" for path in settings).encode())
    return ModelInfo(
        name=checkpoint.name,
        revision=checkpoint.revision,
        weights_hash=checkpoint.weights_hash(),
        preprocessing=f"{type(image_processor).__name__.removesuffix('Pil')}-{digest.hexdigest()[:12]}",
    )


def pixels(image_processor: Any, images: Sequence[Image]) -> dict[str, torch.Tensor]:
    """What the network takes for RGB pictures of any size.

    A processor that scales the shorter side and then keeps the middle square would blow a strip of 30,000 x 10 pixels
    up to 670,000 x 224 first; of such strips only the middle, which holds that square, is handed over.
    """
    rgb = [image.convert("RGB") for image in images]
    if image_processor.do_center_crop and image_processor.size.get("shortest_edge"):
        rgb = [_middle(image) for image in rgb]
    return dict(image_processor(images=[_scaled(image_processor, image) for image in rgb], return_tensors="pt"))


def _scaled(image_processor: Any, image: Image) -> Image:
    """A picture as large as the processor will make it: Pillow scales it in a fifth of the time that a processor takes,
    which turns the whole of it into an array and back."""
    size = getattr(image_processor, "size", None)
    if not getattr(image_processor, "do_resize", False) or size is None:
        return image
    if (shortest := size.get("shortest_edge")) and not size.get("longest_edge"):
        long = int(shortest * max(image.size) / min(image.size))  # as transformers rounds
        target = (long, shortest) if image.width > image.height else (shortest, long)
    elif size.get("height") and size.get("width"):
        target = (size["width"], size["height"])
    else:
        return image
    if image.width <= target[0] or image.height <= target[1]:
        return image
    return image.resize(target, image_processor.resample, reducing_gap=2.0)


def _middle(image: Image) -> Image:
    width, height = image.size
    longest = _WIDEST * min(width, height)
    if max(width, height) <= longest:
        return image
    left, top = max(0, (width - longest) // 2), max(0, (height - longest) // 2)
    return image.crop((left, top, left + min(width, longest), top + min(height, longest)))


def load_parts(
    checkpoint: Checkpoint, architecture: Callable[..., Any], model_types: Collection[str]
) -> dict[str, Any]:
    """Open a checkpoint of one of these architectures: its `network`, `image_processor`, `tokenizer` and `info`.

    Raises ModelNotFound, ModelCorrupt, or ModelUnsupported for another architecture.
    """
    if checkpoint.model_type not in model_types:
        expected = " or ".join(sorted(model_types))
        raise ModelUnsupported(f"{checkpoint.name} is a {checkpoint.model_type} model; this needs {expected}.")
    network = load_model(checkpoint, architecture)
    image_processor = load_image_processor(checkpoint)
    return {
        "network": network,
        "image_processor": image_processor,
        "tokenizer": load_tokenizer(checkpoint),
        "info": model_info(checkpoint, image_processor),
    }


@contextmanager
def _reading(checkpoint: Checkpoint) -> Iterator[None]:
    """Turn whatever transformers raises on files that it cannot use into an error of this library."""
    try:
        yield
    except MemoryError:
        raise
    except ImportError as error:
        raise ModelUnsupported(
            f"{checkpoint.name} needs a package that is not installed: {_first_line(error)}"
        ) from error
    except Exception as error:
        raise ModelCorrupt(f"{checkpoint.name} cannot be read: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
