"""Pictures in, captions, vectors and texts out: a plain Python library behind the site, usable from a notebook.

>>> import ml
>>> encoder = ml.load_encoder("builtin")
>>> encoder.encode_images(pictures) @ encoder.encode_texts(["a dog in the snow"]).T

Importing it is cheap; torch comes with the first model.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ml.interfaces import Captioner, ImageTextEncoder, TextReader

__all__ = ["compute_by", "keep_captioners", "load_captioner", "load_encoder", "load_reader", "serve_on"]


def serve_on(device: str = "auto") -> None:
    """Choose where the models of this process run: `cpu`, `cuda`, `cuda:1`, …, or `auto`, a GPU where there is one.

    Models that are loaded already are loaded anew where that changes. Raises DeviceUnavailable for any other name; a
    GPU that is not there is told when a model is loaded.
    """
    from ml import devices, registry

    if devices.choose(device):
        registry.encoders.unload()
        registry.captioners.unload()


def compute_by(runtime: str = "auto", *, cache: "Path | None" = None) -> None:
    """Choose what computes image and text towers on the CPU, such as `openvino-bf16`; `auto` takes what is fastest here
    and keeps the results (docs/models.md). Compiled networks are kept in the folder `cache`.

    Models that are loaded already are loaded anew where that changes. Raises RuntimeUnavailable for any other name; a
    runtime that is not installed is told when a model is loaded.
    """
    from ml import registry
    from ml.runtime import choice

    if choice.choose(runtime, cache):
        registry.encoders.unload()
        registry.captioners.unload()


def load_encoder(name: str = "builtin") -> "ImageTextEncoder":
    """The encoder of that name, shared by all callers in this process.

    `name` is `builtin`, `fake` (knows colours only), a folder with a CLIP or SigLIP model in Hugging Face format, or
    such a model's hub id once it was fetched by `python -m ml pull ID`. Raises an error of ml.errors.
    """
    from ml import registry

    return registry.encoders.get(name)


def load_captioner(name: str = "builtin") -> "Captioner":
    """The captioner of that name, shared by all callers in this process.

    `name` is `builtin`, `fake` (names colours only), a folder with a vision-encoder-decoder model in Hugging Face
    format, or such a model's hub id once it was fetched by `python -m ml pull ID`. Raises an error of ml.errors.
    """
    from ml import registry

    return registry.captioners.get(name)


def keep_captioners(*names: str) -> None:
    """Forget the captioners of this process but these. Those who hold another may go on using it."""
    from ml import registry

    registry.captioners.keep_only(*names)


def load_reader(name: str = "rapidocr") -> "TextReader":
    """The reader of text in pictures of that name, shared by all callers in this process; it runs on the CPU,
    in a process of its own.

    `name` is `rapidocr`, which needs the extra `text`, or `fake` (reads a colour's name). Raises an error of ml.errors.
    """
    from ml import registry

    return registry.readers.get(name)
