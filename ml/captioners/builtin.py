"""The captioner that ships, and others that `train captioner` makes: a feature map, told by a GRU with attention.

Where it is unsure of its sentence, and the packaged tower's classifier is sure of a thing, it names the thing instead.
"""

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import asdict, dataclass, replace
from math import exp
from pathlib import Path

import torch
from PIL.Image import Image

from ml import devices
from ml.backbones.cnn import save_backbone, saved_backbone
from ml.backbones.efficientnet_lite import EfficientNetLite2
from ml.captioners.attention_gru import AttentionGRU, Spoken, beam_search
from ml.captioners.chorus import Chorus
from ml.captioners.naming import Named, Namer, log_odds, mentions
from ml.captioners.vocabulary import START, UNKNOWN, Vocabulary, split_words
from ml.errors import BadBeginning, ModelCorrupt
from ml.files import verify_sha256
from ml.hub import Checkpoint
from ml.interfaces import CaptionResult, ImageTower, Look, ModelInfo
from ml.runtime import choice
from ml.serving import read_tensors, save_model

MODEL_TYPE = "mmsite-attention-captioner"
FOLDER = Path(__file__).parents[1] / "weights" / "builtin_captioner"
REVISION = "4"
SHA256 = {
    "config.json": "83d3913ffc5c58a24927cfb3e0779056a8af6e88ec595f0e685e0209dfd05d1f",
    "model.safetensors": "fc809199fd2e2f3d04358ce9906a4d7cfd5cc91d9ab54b02cb54dfa92113f117",
}

BATCH = 32  #: pictures that are told together; bounds the memory

Network = AttentionGRU | Chorus


@dataclass(frozen=True)
class Manner:
    """How the captioner is asked to speak, and how its certainty is read; see the model card for how it was chosen."""

    beams: int = 4
    longest: int = 20  #: words
    length_power: float = 0.7
    block: int = 3  #: no caption says so many words in a row twice
    slope: float = 1.0  #: confidence = sigmoid(slope * mean log-probability of the words + offset)
    offset: float = 0.0
    unsure_below: float = 0.5
    name_below: float = 0.6  #: confidence of a sentence below which a name may replace it
    name_from: float = 0.9  #: probability of a kind of thing from which its name does
    name_slope: float = 1.0  #: confidence of a name = sigmoid(slope * log-odds of the kind + offset)
    name_offset: float = 0.0


@dataclass(frozen=True)
class CaptionWithLooks:
    """A caption, word by word; the attention of a name is the classifier's evidence."""

    result: CaptionResult
    looks: tuple[Look, ...]


class BuiltinCaptioner:
    """Implements ml.interfaces.Captioner. Safe to call from several threads at once."""

    def __init__(
        self, tower: ImageTower, network: Network, vocabulary: Vocabulary, manner: Manner, info: ModelInfo
    ) -> None:
        """The network computes in bfloat16 where the processor has it, unless float32 was asked for."""
        self.info = replace(info, preprocessing=tower.info.preprocessing)
        self._tower = tower
        self._where = network.mean.device
        self._network = (rounded(network) if choice.narrows(self._where) else network).eval()
        self._namer = Namer(tower, self._where) if isinstance(tower, EfficientNetLite2) else None
        self._vocabulary = vocabulary
        self._manner = manner

    @classmethod
    def load(cls) -> "BuiltinCaptioner":
        """Load the committed weights and the packaged image tower.

        Raises ModelNotFound where a file is missing, ModelCorrupt where one is not what it was, or DeviceUnavailable.
        """
        for name, digest in SHA256.items():
            verify_sha256(FOLDER / name, digest)
        return cls.open(Checkpoint("builtin", REVISION, FOLDER))

    @classmethod
    def open(cls, checkpoint: Checkpoint) -> "BuiltinCaptioner":
        """Open a folder that `save` wrote, on the device of choice.

        Raises ModelNotFound, ModelCorrupt, ModelUnsupported or DeviceUnavailable.
        """
        network, vocabulary, manner = read(checkpoint)
        tower = tower_of(checkpoint)
        if (tower.channels, tower.grid**2) != (network.size["channels"], network.size["cells"]):
            raise ModelCorrupt(f"The backbone of {checkpoint.name} is not that with which it was trained.")
        info = ModelInfo(checkpoint.name, checkpoint.revision, checkpoint.weights_hash(), "")
        return cls(tower, devices.place(network), vocabulary, manner, info)

    @property
    def unsure_below(self) -> float:
        return self._manner.unsure_below

    def caption(self, images: Sequence[Image], *, begin: str = "") -> list[CaptionResult]:
        """Describe pictures of any size, as Flickr8k's annotators would word it, or by the name of one thing.

        Each caption begins with the words `begin`. Raises BadBeginning where it doesn't know them.
        """
        return [told.result for told in self.caption_with_looks(images, begin=begin)]

    @devices.inference
    def caption_with_looks(self, images: Sequence[Image], *, begin: str = "") -> list[CaptionWithLooks]:
        """Describe pictures, and tell for each word where in the picture it was found."""
        first = self._beginning(begin)
        told: list[CaptionWithLooks] = []
        batch = devices.batch(self._where, BATCH)
        for start in range(0, len(images), batch):
            maps = self._tower.feature_maps(images[start : start + batch]).to(self._where)
            with devices.one_thread():  # in steps as small, threads mostly wait for each other
                spoken = speak(self._network, maps, self._manner, begin=first)
            sentences = self._told(Spoken(*(part.cpu() for part in spoken)))
            namer = None if first else self._namer
            told.extend(map(self._surer, sentences, namer.name(maps)) if namer else sentences)
        return told

    def _beginning(self, begin: str) -> list[int]:
        words = split_words(begin)
        numbers = self._vocabulary.encode(begin)
        if unknown := [word for word, number in zip(words, numbers, strict=True) if number == UNKNOWN]:
            raise BadBeginning(f"It doesn't know the word “{unknown[0]}”.")
        if len(words) > self._manner.longest // 2:
            raise BadBeginning(f"It can be given {self._manner.longest // 2} first words at most.")
        return numbers

    @devices.inference
    def looks(self, image: Image, text: str) -> tuple[Look, ...]:
        """Where it looks in a picture while it says the words of `text`, which need not be its own, in order."""
        maps = self._tower.feature_maps([image]).to(self._where)
        if self._namer and text in self._namer.kinds:
            evidence = self._namer.evidence(maps, text)
            return tuple(Look(word, evidence) for word in text.split())
        words = split_words(text)
        if not words:
            return ()
        said = torch.tensor([[START, *self._vocabulary.encode(text)]], device=self._where)
        scene = self._network.look(maps)
        _, states = self._network.read(said[:, :-1], scene.state, scene.gist)
        _, attention = self._network.attend(states, scene)
        return self._looks(words, attention[0].cpu())

    def _looks(self, words: Sequence[str], attention: torch.Tensor) -> tuple[Look, ...]:
        grids = attention[: len(words)].reshape(len(words), self._tower.grid, -1).numpy()
        return tuple(Look(word, grid) for word, grid in zip(words, grids, strict=True))

    def _told(self, spoken: Spoken) -> list[CaptionWithLooks]:
        confidences = confidence(certainty(spoken), self._manner)
        told = []
        best = zip(spoken.words[:, 0].tolist(), spoken.attention[:, 0], confidences.tolist(), strict=True)
        for numbers, attention, sure in best:
            tokens = self._vocabulary.tokens(numbers)
            result = CaptionResult(self._vocabulary.decode(numbers), sure)
            told.append(CaptionWithLooks(result, self._looks(tokens, attention)))
        return told

    def _surer(self, sentence: CaptionWithLooks, named: Named) -> CaptionWithLooks:
        """The sentence, or the name of the thing where only the name is sure and the sentence misses it."""
        manner = self._manner
        if (
            sentence.result.confidence >= manner.name_below
            or named.probability < manner.name_from
            or mentions(sentence.result.text, named.kind)
        ):
            return sentence
        looks = tuple(Look(word, named.evidence) for word in named.kind.split())
        return CaptionWithLooks(CaptionResult(named.kind, name_confidence(named.probability, manner)), looks)


def rounded(network: Network) -> Network:
    """A copy whose weights are in bfloat16, but for what standardises the maps."""
    copy = deepcopy(network)
    for weights in copy.parameters():
        weights.data = weights.data.bfloat16()
    return copy


@torch.inference_mode()
def speak(network: Network, maps: torch.Tensor, manner: Manner, *, kept: int = 1, begin: Sequence[int] = ()) -> Spoken:
    """Caption feature maps, (n, cells, channels) float32: the `kept` best captions of each that begin so."""
    return beam_search(
        network,
        network.look(maps),
        beams=manner.beams,
        longest=manner.longest,
        length_power=manner.length_power,
        block=manner.block,
        kept=kept,
        begin=begin,
    )


def certainty(spoken: Spoken) -> torch.Tensor:
    """Mean log-probability of the words of each best caption and its END: (n,) float32, below 0."""
    log_probabilities = spoken.log_probabilities[:, 0]
    return log_probabilities.sum(dim=1) / (log_probabilities < 0).sum(dim=1)


def confidence(certainties: torch.Tensor, manner: Manner) -> torch.Tensor:
    """Certainties as probabilities, (n,) in [0, 1], that a caption is a good one (see the model card)."""
    return torch.sigmoid(manner.slope * certainties + manner.offset)


def name_confidence(probability: float, manner: Manner) -> float:
    """The classifier's probability of a kind of thing as that of its name being a good caption, in [0, 1]."""
    return 1.0 / (1.0 + exp(-manner.name_slope * log_odds(probability) - manner.name_offset))


def save(folder: Path, network: Network, vocabulary: Vocabulary, manner: Manner, tower: ImageTower) -> None:
    """Write a captioner's folder; it holds all that `BuiltinCaptioner.open` needs but the packaged tower."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "backbone": save_backbone(tower, folder),
        "network": network.size,
        "voices": len(network.voices) if isinstance(network, Chorus) else 1,
        "manner": asdict(manner),
        "words": list(vocabulary.words),
    }
    save_model(folder, model_type=MODEL_TYPE, config=config, tensors=network.state_dict())


def tower_of(checkpoint: Checkpoint) -> ImageTower:
    """The image tower of a folder that `save` wrote. Raises ModelNotFound, ModelCorrupt or ModelUnsupported."""
    return saved_backbone(str(checkpoint.config().get("backbone")), checkpoint.folder)


def read(checkpoint: Checkpoint) -> tuple[Network, Vocabulary, Manner]:
    """Read what `save` wrote, without the tower. Raises ModelNotFound, ModelCorrupt or ModelUnsupported."""
    config = checkpoint.config()
    tensors = read_tensors(checkpoint)
    try:
        vocabulary = Vocabulary(config["words"])
        manner = Manner(**config["manner"])
        voices = [AttentionGRU(len(vocabulary), **config["network"]) for _ in range(config.get("voices", 1))]
        network = Chorus(voices) if len(voices) > 1 else voices[0]
        network.load_state_dict(tensors)
    except (LookupError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise ModelCorrupt(f"{checkpoint.name} does not hold a captioner of this kind: {reason}") from error
    return network.eval(), vocabulary, manner
