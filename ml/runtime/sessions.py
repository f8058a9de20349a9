"""One call for a network, whatever computes it: `open_session(network, …)(*inputs)`.

A runtime other than torch reads the network's graph, which is written once and kept (`ml.runtime.cache`). Where that
fails, torch computes it; a network is never unusable for want of speed.
"""

import logging
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ml import devices
from ml.runtime import choice, graph, threads
from ml.runtime.cache import Cache
from ml.runtime.choice import Runtime

LESSONS = 64  #: pictures whose activations int8 is scaled by
ALIKE = 0.999  #: cosine to unquantised that int8 must keep on each of them, or it isn't used

_log = logging.getLogger(__name__)


class Session(Protocol):
    """Computes a network. Safe to share between threads."""

    @property
    def runtime(self) -> Runtime:
        """What computes it now."""

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        """The network's output in float32, where the network was opened for."""


@dataclass(frozen=True)
class Network:
    """What there is to know of a network to compute it elsewhere."""

    module: nn.Module  #: in evaluation mode, in float32, on its device; a session may turn it into bfloat16
    key: str  #: two networks with the same key give the same
    example: Sequence[torch.Tensor]  #: inputs of a batch of two
    vary: Sequence[Sequence[int]]  #: the axes of each input that have any length
    sees: Literal["pictures", "texts"]
    convolutions: bool = False
    exportable: bool = True  #: whether its computing depends on its inputs' values no more than on the example's


def open_session(network: Network) -> Session:
    """A session on the network's device, by the runtime of choice. Raises RuntimeUnavailable where that is not here."""
    where = next(network.module.parameters()).device
    if where.type != "cpu":
        return TorchSession(network, Runtime("torch", "fp32"))
    chosen = choice.runtime(convolutions=network.convolutions)
    if network.sees == "texts":
        chosen = chosen.unquantised
    if chosen.engine != "torch" and network.exportable:
        try:
            return QuantisedSession(network, chosen) if chosen.precision == "int8" else _open(network, chosen)
        except Exception:  # noqa: BLE001 - whatever a runtime raises on a graph; torch computes any
            _log.warning("%s cannot compute %s; torch does.", chosen, network.key, exc_info=True)
    spare = "bf16" if chosen.unquantised.precision == "bf16" else "fp32"
    return TorchSession(network, Runtime("torch", spare))


class TorchSession:
    """The network itself; for pictures on a GPU, in float16 where that suffices."""

    def __init__(self, network: Network, runtime: Runtime) -> None:
        self.runtime = runtime
        self._half = runtime.precision == "bf16"
        self._module = network.module.bfloat16() if self._half else network.module
        self._autocast = network.sees == "pictures"

    @devices.inference
    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        where = inputs[0].device
        if self._half:
            inputs = tuple(each.bfloat16() if each.is_floating_point() else each for each in inputs)

        def work() -> torch.Tensor:
            output: torch.Tensor = self._module(*inputs)
            return output

        return (devices.half(where, work) if self._autocast else work()).float()


class OnnxSession:
    """ONNX Runtime, on the thread that calls."""

    def __init__(self, path: Path, runtime: Runtime) -> None:
        import onnxruntime

        self.runtime = runtime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.enable_mem_pattern = False  # a plan of memory for each size of a batch is held beside the others
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._names = [each.name for each in self._session.get_inputs()]

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        feed = dict(zip(self._names, map(_array, inputs), strict=True))
        (output,) = self._session.run(None, feed)
        return torch.from_numpy(output)


class OpenvinoSession:
    """OpenVINO, a stream for each thread."""

    def __init__(self, path: Path, runtime: Runtime) -> None:
        self.runtime = runtime
        streams = threads.count()
        settings = {
            "INFERENCE_PRECISION_HINT": "bf16" if runtime.precision == "bf16" else "f32",
            "INFERENCE_NUM_THREADS": streams,
            "NUM_STREAMS": streams,
            "ENABLE_CPU_PINNING": False,  # web and worker would be pinned to the same cores
        }
        self._compiled = _openvino().Core().compile_model(str(path), "CPU", settings)
        self._local = threading.local()  # a request computes one batch at a time

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        if not hasattr(self._local, "request"):
            self._local.request = self._compiled.create_infer_request()
        self._local.request.infer([_array(each) for each in inputs], share_inputs=True)
        return torch.from_numpy(self._local.request.get_output_tensor(0).data.copy())


class QuantisedSession:
    """Int8, once it was scaled by the first LESSONS pictures that come, and if it says the same of them.

    Until then, and where it does not, unquantised. Either is kept beside the graph: pictures teach one process, once.
    """

    def __init__(self, network: Network, runtime: Runtime) -> None:
        """Raises what writing or reading the graph raises."""
        self._target = runtime
        self._network = network
        self._cache = Cache(choice.cache_folder())
        self._parts = (*_parts(network), str(runtime), Runtime("onnxruntime", "int8").version)
        self._lessons: list[list[npt.NDArray[np.float32]]] = []
        self._learning = threading.Lock()
        path = self._cache.get(*self._parts)
        self._learnt = path is not None
        known = path is not None and path.stat().st_size > 0
        # Over convolutions, bfloat16 loses more than ALIKE leaves, too (0.9987 for the built-in tower).
        spare = Runtime(runtime.engine, "fp32") if network.convolutions else runtime.unquantised
        self._session = _compile(path, runtime) if path and known else _open(network, spare)

    @property
    def runtime(self) -> Runtime:
        return self._session.runtime

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        output = self._session(*inputs)
        if not self._learnt:
            self._learn(inputs)
        return output

    def _learn(self, inputs: Sequence[torch.Tensor]) -> None:
        with self._learning:
            if self._learnt:
                return
            self._lessons.append([_array(each).copy() for each in inputs])
            if sum(len(lesson[0]) for lesson in self._lessons) < LESSONS:
                return
            self._learnt = True
            try:
                path = self._cache.fetch(*self._parts, make=self._quantise)
                if path.stat().st_size:
                    self._session = _compile(path, self._target)
            except Exception:  # noqa: BLE001 - as in open_session
                _log.warning("%s cannot be had of %s.", self._target, self._network.key, exc_info=True)
            self._lessons = []

    def _quantise(self, path: Path) -> None:
        """Write the quantised graph, or nothing where it is unlike."""
        graph.quantise(_graph(self._cache, self._network), self._lessons, path)
        quantised = _compile(path, self._target)
        worst = min(_least_cosine(self._session, quantised, lesson) for lesson in self._lessons)
        if worst < ALIKE:
            _log.warning("%s is not used for %s: a cosine falls to %.4f.", self._target, self._network.key, worst)
            path.write_bytes(b"")


def _least_cosine(one: Session, other: Session, inputs: Sequence[npt.NDArray[np.float32]]) -> float:
    tensors = [torch.from_numpy(each) for each in inputs]
    expected, output = one(*tensors).flatten(1), other(*tensors).flatten(1)
    return float(nn.functional.cosine_similarity(expected, output, dim=1).min())


def _open(network: Network, runtime: Runtime) -> Session:
    cache = Cache(choice.cache_folder())
    return _compile(_graph(cache, network), runtime)


def _compile(path: Path, runtime: Runtime) -> Session:
    return OpenvinoSession(path, runtime) if runtime.engine == "openvino" else OnnxSession(path, runtime)


def _graph(cache: Cache, network: Network) -> Path:
    def make(path: Path) -> None:
        graph.export(network.module, network.example, path, vary=network.vary)

    return cache.fetch(*_parts(network), make=make)


def _parts(network: Network) -> tuple[str, ...]:
    return network.key, network.sees, torch.__version__, str(graph.OPSET)


def _array(tensor: torch.Tensor) -> npt.NDArray[Any]:
    array: npt.NDArray[Any] = tensor.contiguous().numpy()
    return array


def _openvino() -> ModuleType:
    """OpenVINO without its telemetry, which tells its maker of each import unless somebody forbids it."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # imports of it fail, and a stub is taken
    import openvino

    module: ModuleType = openvino
    return module
