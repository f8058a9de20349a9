"""The captioner that this project trained itself: EfficientNet-Lite2's feature map, told by a GRU with attention."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL.Image import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ml.backbones.efficientnet_lite import GRID, EfficientNetLite2
from ml.backbones.shared import shared_image_tower
from ml.captioners.attention_gru import AttentionGRU, Spoken, beam_search
from ml.captioners.vocabulary import Vocabulary
from ml.errors import ModelCorrupt
from ml.files import verify_sha256
from ml.interfaces import CaptionResult, ModelInfo

WEIGHTS = Path(__file__).parents[1] / "weights" / "builtin_captioner.safetensors"
WEIGHTS_SHA256 = "5f9a8f9f0ad06d2db8a6cd0957388bc81a8264d4bb3bbfeef339f1527644da33"

BATCH = 32  #: pictures that go through the towers together; bounds the memory


@dataclass(frozen=True)
class Manner:
    """How the decoder is asked to speak, and how its certainty is read; all chosen on the dev split."""

    revision: str = "1"
    beams: int = 4
    longest: int = 20  #: words
    length_power: float = 0.7
    block: int = 3  #: no caption says so many words in a row twice
    slope: float = 1.0  #: confidence = sigmoid(slope * mean log-probability of the words + offset)
    offset: float = 0.0
    unsure_below: float = 0.5


@dataclass(frozen=True)
class Look:
    """A word, and where in the picture the decoder looked for it."""

    word: str
    attention: npt.NDArray[np.float32]  #: (7, 7), rows from the top, sums to 1


@dataclass(frozen=True)
class CaptionWithLooks:
    """A caption, word by word."""

    result: CaptionResult
    looks: tuple[Look, ...]


class BuiltinCaptioner:
    """Implements ml.interfaces.Captioner. Safe to call from several threads at once."""

    def __init__(self, tower: EfficientNetLite2, network: AttentionGRU, vocabulary: Vocabulary, manner: Manner) -> None:
        self._tower = tower
        self._network = network.eval()
        self._vocabulary = vocabulary
        self._manner = manner

    @classmethod
    def load(cls) -> "BuiltinCaptioner":
        """Load the committed weights and the packaged image tower.

        Raises ModelNotFound where a file is missing, ModelCorrupt where one is not what it was.
        """
        verify_sha256(WEIGHTS, WEIGHTS_SHA256)
        return cls(shared_image_tower(), *read(WEIGHTS))

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(
            name="builtin",
            revision=self._manner.revision,
            weights_hash=WEIGHTS_SHA256,
            preprocessing="squash-224-bicubic",
        )

    @property
    def unsure_below(self) -> float:
        return self._manner.unsure_below

    def caption(self, images: Sequence[Image]) -> list[CaptionResult]:
        """Describe pictures of any size; captions as Flickr8k's annotators would word them."""
        return [told.result for told in self.caption_with_looks(images)]

    def caption_with_looks(self, images: Sequence[Image]) -> list[CaptionWithLooks]:
        """Describe pictures, and tell for each word where in the picture the decoder looked."""
        told: list[CaptionWithLooks] = []
        for start in range(0, len(images), BATCH):
            maps = self._tower.feature_maps(images[start : start + BATCH])
            told.extend(self._told(speak(self._network, maps, self._manner)))
        return told

    def _told(self, spoken: Spoken) -> list[CaptionWithLooks]:
        confidences = confidence(certainty(spoken), self._manner)
        told = []
        for numbers, attention, sure in zip(spoken.words.tolist(), spoken.attention, confidences.tolist(), strict=True):
            tokens = self._vocabulary.tokens(numbers)
            grids = attention[: len(tokens)].unflatten(1, (GRID, GRID)).numpy()
            looks = tuple(Look(word, grid) for word, grid in zip(tokens, grids, strict=True))
            told.append(CaptionWithLooks(CaptionResult(self._vocabulary.decode(numbers), sure), looks))
        return told


@torch.inference_mode()
def speak(network: AttentionGRU, maps: torch.Tensor, manner: Manner) -> Spoken:
    """Caption feature maps, (n, 49, 1280) float32."""
    return beam_search(
        network,
        network.look(maps),
        beams=manner.beams,
        longest=manner.longest,
        length_power=manner.length_power,
        block=manner.block,
    )


def certainty(spoken: Spoken) -> torch.Tensor:
    """Mean log-probability of each caption's words and its END: (n,) float32, below 0."""
    lengths = (spoken.log_probabilities < 0).sum(dim=1)
    return spoken.log_probabilities.sum(dim=1) / lengths


def confidence(certainties: torch.Tensor, manner: Manner) -> torch.Tensor:
    """Certainties as probabilities, (n,) in [0, 1], that a caption is a good one (see the model card)."""
    return torch.sigmoid(manner.slope * certainties + manner.offset)


def write(path: Path, network: AttentionGRU, vocabulary: Vocabulary, manner: Manner) -> None:
    """Write a captioner as safetensors: weights in float16; words and manner as JSON in the header."""
    weights = {name: tensor.half().contiguous() for name, tensor in network.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    header = {"words": json.dumps(vocabulary.words), "manner": json.dumps(asdict(manner))}
    save_file(weights, path, metadata=header)


def read(path: Path) -> tuple[AttentionGRU, Vocabulary, Manner]:
    """Read what `write` wrote. Raises ModelCorrupt where the content is something else."""
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118  # not a mapping
        vocabulary = Vocabulary(json.loads(header["words"]))
        manner = Manner(**json.loads(header["manner"]))
        network = AttentionGRU(len(vocabulary))
        network.load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise ModelCorrupt(f"{path} does not hold the built-in captioner; reinstall it.") from error
    return network.eval(), vocabulary, manner
