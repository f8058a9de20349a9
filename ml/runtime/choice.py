"""Which runtime computes an image or text tower, and in which numbers: chosen by itself, or by `ml.serve_on`.

Importing this brings neither torch nor a runtime along. Measurements behind the choice: docs/why.md.
"""

from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ml.errors import RuntimeUnavailable

if TYPE_CHECKING:  # a server may fork after it imported this
    import torch

AUTO = "auto"  #: the fastest that keeps a cosine of 0.999 to float32, of what is installed
PRECISIONS = {"torch": ("fp32", "bf16"), "onnxruntime": ("fp32", "int8"), "openvino": ("fp32", "bf16", "int8")}
"""Runtime -> the numbers that it computes in on a CPU."""
CACHE = Path("~/.cache/mmsite/compiled").expanduser()  #: unless somebody names another folder

_chosen = AUTO
_cache = CACHE


@dataclass(frozen=True)
class Runtime:
    """A runtime and its numbers."""

    engine: str
    precision: str

    def __str__(self) -> str:
        return f"{self.engine}-{self.precision}"

    @property
    def unquantised(self) -> "Runtime":
        """The same for what nothing was calibrated for, or not yet: instead of int8, the best that remains."""
        if self.precision != "int8":
            return self
        return Runtime(self.engine, "bf16" if self.engine == "openvino" and has_bfloat16() else "fp32")

    @property
    def version(self) -> str:
        """Of the package."""
        return version(self.engine)


NAMES = (AUTO, *(f"{engine}-{precision}" for engine, known in PRECISIONS.items() for precision in known))


def choose(name: str, cache: Path | None = None) -> bool:
    """Choose `auto`, or one of NAMES such as `openvino-bf16`, and where compiled networks are kept.

    Says whether that is another choice than before. Raises RuntimeUnavailable for any other name.
    """
    global _chosen, _cache
    if name not in NAMES:
        raise RuntimeUnavailable(f"There is no runtime {name!r}; there are {', '.join(NAMES)}.")
    before = _chosen, _cache
    _chosen, _cache = name, cache or CACHE
    return before != (_chosen, _cache)


def chosen() -> str:
    """The name of the choice."""
    return _chosen


def cache_folder() -> Path:
    """Where compiled networks are kept."""
    return _cache


def runtime(*, convolutions: bool) -> Runtime:
    """The runtime for a network on the CPU: one of convolutions, or a transformer.

    Raises RuntimeUnavailable where the one that was asked for is not installed.
    """
    if _chosen != AUTO:
        asked = Runtime(*_chosen.split("-"))
        if not is_installed(asked.engine):
            raise RuntimeUnavailable(
                f"Models are to run by {_chosen}, which is not installed (the extra `{asked.engine}`); auto takes "
                "what there is."
            )
        return asked
    if not convolutions and has_bfloat16():
        return Runtime("openvino" if is_installed("openvino") else "torch", "bf16")
    return Runtime("onnxruntime" if is_installed("onnxruntime") else "torch", "fp32")


def keeps_float32() -> bool:
    """Whether somebody asked for float32: then nothing computes in narrower numbers by itself."""
    return _chosen.endswith("fp32")


def narrows(where: "torch.device") -> bool:
    """Whether a network that torch computes there may be in bfloat16: on a CPU that has it, but for float32 by name."""
    return where.type == "cpu" and has_bfloat16() and not keeps_float32()


def is_installed(engine: str) -> bool:
    """Whether a runtime is here, and with it what writes networks down for it."""
    return engine == "torch" or (find_spec(engine) is not None and find_spec("onnx") is not None)


def has_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 by itself."""
    import torch

    known = torch.cpu.get_capabilities()
    return bool(known.get("amx_bf16") or known.get("avx512_bf16"))


def has_int8() -> bool:
    """Whether this processor multiplies bytes and sums them in 32 bits by itself; others sum in 16, and lose some."""
    import torch

    known = torch.cpu.get_capabilities()
    return any(known.get(name) for name in ("avx512_vnni", "avx_vnni", "amx_int8"))
