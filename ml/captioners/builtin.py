"""The captioner that this project trained itself: EfficientNet-Lite2's feature map, told by a GRU with attention.

Where it is unsure of its sentence, and the tower's classifier is sure of a thing, it names the thing instead.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import exp
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL.Image import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ml.backbones.efficientnet_lite import GRID, PREPROCESSING, EfficientNetLite2
from ml.backbones.shared import shared_image_tower
from ml.captioners.attention_gru import AttentionGRU, Spoken, beam_search
from ml.captioners.naming import Named, Namer, log_odds, mentions
from ml.captioners.vocabulary import Vocabulary
from ml.errors import ModelCorrupt
from ml.files import verify_sha256
from ml.interfaces import CaptionResult, ModelInfo

WEIGHTS = Path(__file__).parents[1] / "weights" / "builtin_captioner.safetensors"
WEIGHTS_SHA256 = "2cdc45f4fd73c401c62e73332b4013f22383b37e58f941226fcf24c0d0efefbc"

BATCH = 32  #: pictures that are told together; bounds the memory


@dataclass(frozen=True)
class Manner:
    """How the captioner is asked to speak, and how its certainty is read; see the model card for how it was chosen."""

    revision: str = "2"
    beams: int = 4
    longest: int = 20  #: words
    length_power: float = 0.7
    block: int = 3  #: no caption says so many words in a row twice
    slope: float = 1.0  #: confidence = sigmoid(slope * mean log-probability of the words + offset)
    offset: float = 0.0
    unsure_below: float = 0.5
    name_from: float = 0.9  #: probability of a kind of thing from which its name replaces an unsure sentence
    name_slope: float = 1.0  #: confidence of a name = sigmoid(slope * log-odds of the kind + offset)
    name_offset: float = 0.0


@dataclass(frozen=True)
class Look:
    """A word, and where in the picture it was found."""

    word: str
    attention: npt.NDArray[np.float32]  #: (7, 7), rows from the top, sums to 1; of a name, the classifier's evidence


@dataclass(frozen=True)
class CaptionWithLooks:
    """A caption, word by word."""

    result: CaptionResult
    looks: tuple[Look, ...]


class BuiltinCaptioner:
    """Implements ml.interfaces.Captioner. Safe to call from several threads at once."""

    def __init__(self, tower: EfficientNetLite2, network: AttentionGRU, vocabulary: Vocabulary, manner: Manner) -> None:
        self._tower = tower
        self._namer = Namer(tower)
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
            preprocessing=PREPROCESSING,
        )

    @property
    def unsure_below(self) -> float:
        return self._manner.unsure_below

    def caption(self, images: Sequence[Image]) -> list[CaptionResult]:
        """Describe pictures of any size, as Flickr8k's annotators would word it, or by the name of one thing."""
        return [told.result for told in self.caption_with_looks(images)]

    def caption_with_looks(self, images: Sequence[Image]) -> list[CaptionWithLooks]:
        """Describe pictures, and tell for each word where in the picture it was found."""
        told: list[CaptionWithLooks] = []
        for start in range(0, len(images), BATCH):
            maps = self._tower.feature_maps(images[start : start + BATCH])
            sentences = self._told(speak(self._network, maps, self._manner))
            told.extend(map(self._surer, sentences, self._namer.name(maps)))
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

    def _surer(self, sentence: CaptionWithLooks, named: Named) -> CaptionWithLooks:
        """The sentence, or the name of the thing where only the name is sure and the sentence misses it."""
        manner = self._manner
        if (
            sentence.result.confidence >= manner.unsure_below
            or named.probability < manner.name_from
            or mentions(sentence.result.text, named.kind)
        ):
            return sentence
        looks = tuple(Look(word, named.evidence) for word in named.kind.split())
        return CaptionWithLooks(CaptionResult(named.kind, name_confidence(named.probability, manner)), looks)


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


def name_confidence(probability: float, manner: Manner) -> float:
    """The classifier's probability of a kind of thing as that of its name being a good caption, in [0, 1]."""
    return 1.0 / (1.0 + exp(-manner.name_slope * log_odds(probability) - manner.name_offset))


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
