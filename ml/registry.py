"""The models of this process: each loaded on first use, once, however many threads ask for it.

`encoders.get(name)` and `captioners.get(name)` take `builtin`, `fake`, a folder, or the hub id of a model that was
fetched before; `readers.get(name)` takes `rapidocr` or `fake`. Nothing here imports torch or another engine until a
model is asked for, so that a server may fork after importing this.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

from ml import hub
from ml.errors import ModelCorrupt, ModelError, ModelNotFound, ModelUnsupported
from ml.interfaces import Captioner, ImageTextEncoder, ModelInfo, TextReader

State = Literal["available", "missing", "corrupt", "unsupported", "broken"]

_STATES: dict[type[ModelError], State] = {
    ModelNotFound: "missing",
    ModelCorrupt: "corrupt",
    ModelUnsupported: "unsupported",
}


class _Model(Protocol):
    @property
    def info(self) -> ModelInfo: ...


M = TypeVar("M", bound=_Model)


@dataclass(frozen=True)
class Status:
    """Whether a model works here; where it does not, `sentence` says why and what to do."""

    name: str
    state: State
    sentence: str = ""
    info: ModelInfo | None = None


class Registry(Generic[M]):
    """Loads models of one role by name and keeps them until `unload`."""

    def __init__(
        self,
        role: str,
        *,
        named: Mapping[str, Callable[[], M]],
        families: Mapping[str, Callable[[hub.Checkpoint], M]],
    ) -> None:
        """`named` loads what ships with this library; `families` opens checkpoints by their transformers model type."""
        self.role = role
        self._named = named
        self._families = families
        self._models: dict[str, M] = {}
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._guard = threading.Lock()

    def get(self, name: str) -> M:
        """The model of that name, loaded on the first call; other models load meanwhile.

        Raises ModelNotFound, ModelCorrupt, ModelUnsupported or DeviceUnavailable; the next call tries again.
        """
        with self._guard:
            lock = self._locks[name]
        with lock:
            if name not in self._models:
                self._models[name] = self._load(name)
            return self._models[name]

    def describe(self, name: str) -> Status:
        """Try the model and say how it is; one that was not loaded before is not kept."""
        try:
            model = self._models[name] if name in self._models else self._load(name)
        except ModelError as error:
            return Status(name, _STATES.get(type(error), "broken"), str(error))
        return Status(name, "available", info=model.info)

    def names(self) -> list[str]:
        """What there is to load on this machine by name: what ships with the library, then the hub's cache."""
        return [*self._named, *filter(self._is_ours, hub.cached())]

    def takes(self, model_type: str) -> bool:
        """Whether checkpoints of an architecture can be of this role."""
        return model_type in self._families

    def unload(self, name: str | None = None) -> None:
        """Forget one model, or all: the next `get` loads anew. Those who hold it may go on using it."""
        with self._guard:
            for loaded in [*self._models] if name is None else [name]:
                self._models.pop(loaded, None)

    def keep_only(self, *names: str) -> None:
        """Forget all models but these, as `unload` does."""
        with self._guard:
            for loaded in {*self._models}.difference(names):
                self._models.pop(loaded, None)

    def _is_ours(self, name: str) -> bool:
        try:
            return self.takes(hub.locate(name).model_type)
        except ModelError:  # not a model with a configuration that says what it is
            return False

    def _load(self, name: str) -> M:
        if name in self._named:
            return self._named[name]()
        checkpoint = hub.locate(name)
        family = self._families.get(checkpoint.model_type)
        if family is None:
            known = ", ".join(sorted(self._families)) or "none"
            raise ModelUnsupported(
                f"{name} is a {checkpoint.model_type} model, which is no {self.role} of a kind known here ({known})."
            )
        return family(checkpoint)


def _builtin_encoder() -> ImageTextEncoder:
    from ml.encoders.builtin import BuiltinEncoder

    return BuiltinEncoder.load()


def _fake_encoder() -> ImageTextEncoder:
    from ml.encoders.fake import FakeEncoder

    return FakeEncoder()


def _clip(checkpoint: hub.Checkpoint) -> ImageTextEncoder:
    from ml.encoders.clip import ClipEncoder

    return ClipEncoder.load(checkpoint)


def _dual_encoder(checkpoint: hub.Checkpoint) -> ImageTextEncoder:
    from ml.encoders.builtin import BuiltinEncoder

    return BuiltinEncoder.from_checkpoint(checkpoint)


def _scratch_clip(checkpoint: hub.Checkpoint) -> ImageTextEncoder:
    from ml.encoders.scratch_clip import ScratchClipEncoder

    return ScratchClipEncoder.load(checkpoint)


def _builtin_captioner() -> Captioner:
    from ml.captioners.builtin import BuiltinCaptioner

    return BuiltinCaptioner.load()


def _fake_captioner() -> Captioner:
    from ml.captioners.fake import FakeCaptioner

    return FakeCaptioner()


def _vision_encoder_decoder(checkpoint: hub.Checkpoint) -> Captioner:
    from ml.captioners.vision_encoder_decoder import VisionEncoderDecoderCaptioner

    return VisionEncoderDecoderCaptioner.load(checkpoint)


def _attention_captioner(checkpoint: hub.Checkpoint) -> Captioner:
    from ml.captioners.builtin import BuiltinCaptioner

    return BuiltinCaptioner.open(checkpoint)


def _rapidocr_reader() -> TextReader:
    from ml.readers.process import ReaderProcess

    return ReaderProcess()


def _fake_reader() -> TextReader:
    from ml.readers.fake import FakeReader

    return FakeReader()


encoders: Registry[ImageTextEncoder] = Registry(
    "encoder",
    named={"builtin": _builtin_encoder, "fake": _fake_encoder},
    families={
        "clip": _clip,
        "siglip": _clip,
        "siglip2": _clip,
        "mmsite-clip": _scratch_clip,
        "mmsite-dual-encoder": _dual_encoder,
    },
)
captioners: Registry[Captioner] = Registry(
    "captioner",
    named={"builtin": _builtin_captioner, "fake": _fake_captioner},
    families={
        "vision-encoder-decoder": _vision_encoder_decoder,
        "mmsite-attention-captioner": _attention_captioner,
    },
)
readers: Registry[TextReader] = Registry(
    "text reader", named={"rapidocr": _rapidocr_reader, "fake": _fake_reader}, families={}
)
