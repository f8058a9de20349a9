"""Captioners of a vision encoder and a language decoder (ViT-BERT, ViT-GPT2, ...) in Hugging Face format.

Source: Li et al., "TrOCR" (https://arxiv.org/abs/2109.10282), for the architecture that transformers generalised.
"""

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from math import exp
from typing import Any

import torch
from PIL.Image import Image
from transformers import GenerationConfig, VisionEncoderDecoderModel

from ml import devices
from ml.backbones.shared import shared_image_tower
from ml.captioners.feature_maps import MODEL_TYPE as FEATURE_MAPS
from ml.captioners.narrow import narrow
from ml.captioners.token_search import search
from ml.errors import BadBeginning, ModelCorrupt, ModelUnsupported
from ml.hub import Checkpoint
from ml.huggingface import load_image_processor, load_model, load_tokenizer, model_info, pixels
from ml.interfaces import CaptionResult, ModelInfo

BATCH = 8  #: pictures in one pass; with GPT-2's vocabulary, each takes up to 32 MB while its beams are scored
GPU_BATCH = 32
BEAMS = 4
MAX_TOKENS = 40  #: of a caption with its start

MODEL_TYPES = {"vision-encoder-decoder"}
SETTINGS = "mmsite"  #: our entry in config.json, with the fields of `Certainty`

_HYPHEN = re.compile(r"(?<=\w) - (?=\w)")


@dataclass(frozen=True)
class Certainty:
    """What a caption's certainty is worth: P(good) = sigmoid(slope * mean log-probability of its tokens + offset).

    Fitted on a development set by `python -m ml train vit-bert`. Without a slope, as in checkpoints from elsewhere,
    the confidence is the geometric mean of the tokens' probabilities.
    """

    slope: float | None = None
    offset: float = 0.0
    unsure_below: float = 0.3
    """A default that nobody measured, as checkpoints differ: tokens with odds of more than two to one against them."""

    def confidence(self, log_probability: float) -> float:
        """The confidence in a caption whose tokens have this mean log-probability."""
        if self.slope is None:
            return exp(log_probability)
        return 1.0 / (1.0 + exp(-self.slope * log_probability - self.offset))

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> "Certainty":
        """What a checkpoint says of itself. Raises ModelCorrupt where that is not what it should be."""
        settings = checkpoint.config().get(SETTINGS, {})
        known = {each.name for each in fields(cls)}
        if not isinstance(settings, dict) or not all(
            name in known and type(value) in {int, float} for name, value in settings.items()
        ):
            raise ModelCorrupt(f"{checkpoint.name} has an entry {SETTINGS} in config.json that is not understood.")
        return cls(**settings)


class VisionEncoderDecoderCaptioner:
    """A Captioner on a VisionEncoderDecoderModel; beam search, no three tokens twice.

    May be called from several threads, one of which captions at a time.
    """

    def __init__(
        self,
        *,
        network: Any,
        look: Callable[[Sequence[Image]], torch.Tensor],
        tokenizer: Any,
        info: ModelInfo,
        certainty: Certainty = Certainty(),
    ) -> None:
        """`look` makes of pictures what the network takes as `pixel_values`."""
        self.info = info
        self._network = network
        self._batch = BATCH if network.device.type == "cpu" else GPU_BATCH
        self._look = look
        self._tokenizer = tokenizer
        self._certainty = certainty
        self._generation = generation(network, tokenizer)
        self._generating = threading.Lock()

    @classmethod
    def load(cls, checkpoint: Checkpoint) -> "VisionEncoderDecoderCaptioner":
        """Open a checkpoint on the device of choice.

        Raises ModelNotFound, ModelCorrupt, DeviceUnavailable, or ModelUnsupported for another architecture.
        """
        network = devices.place(open_network(checkpoint))
        if network.device.type == "cpu":
            narrow(network)
        if network.config.encoder.model_type == FEATURE_MAPS:
            processor: Any = shared_image_tower()
            look = processor.feature_maps
        else:
            processor = load_image_processor(checkpoint)
            look = _looking(processor)
        return cls(
            network=network,
            look=look,
            tokenizer=load_tokenizer(checkpoint),
            info=model_info(checkpoint, processor),
            certainty=Certainty.of(checkpoint),
        )

    @property
    def unsure_below(self) -> float:
        return self._certainty.unsure_below

    def caption(self, images: Sequence[Image], *, begin: str = "") -> list[CaptionResult]:
        """Describe RGB pictures of any size, one result a picture, in their order, from the words `begin` on.

        Raises BadBeginning where those are too many.
        """
        batches = [images[start : start + self._batch] for start in range(0, len(images), self._batch)]
        return [result for batch in batches for result in self._caption(batch, begin)]

    def _caption(self, images: Sequence[Image], begin: str) -> list[CaptionResult]:
        with self._generating:
            told = tell(self._network, self._look(images), self._tokenizer, self._generation, begin=begin)
        return [CaptionResult(text, self._certainty.confidence(value)) for text, value in told]


def open_network(checkpoint: Checkpoint) -> Any:
    """The network of a checkpoint, without its encoder's pooler, at which no decoder looks.

    Raises ModelNotFound, ModelCorrupt, or ModelUnsupported for another architecture.
    """
    if checkpoint.model_type not in MODEL_TYPES:
        expected = " or ".join(sorted(MODEL_TYPES))
        raise ModelUnsupported(f"{checkpoint.name} is a {checkpoint.model_type} model; this needs {expected}.")
    network = load_model(checkpoint, _without_pooler)
    if hasattr(network.encoder, "pooler"):
        network.encoder.pooler = None
    return network


def _without_pooler(*arguments: Any, **keywords: Any) -> tuple[Any, dict[str, Any]]:
    network, report = VisionEncoderDecoderModel.from_pretrained(*arguments, **keywords)
    missing = {name for name in report["missing_keys"] if not name.startswith("encoder.pooler.")}
    return network, {**report, "missing_keys": missing}


@devices.inference
def tell(
    network: Any, pixel_values: torch.Tensor, tokenizer: Any, settings: GenerationConfig, *, begin: str = ""
) -> list[tuple[str, float]]:
    """Caption n pictures from the words `begin` on, each with the mean log-probability of the tokens behind them."""
    first = tokenizer(begin, add_special_tokens=False)["input_ids"] if begin else []
    longest = settings.max_new_tokens
    if len(first) > longest // 2:
        raise BadBeginning(f"It can be given {longest // 2} first tokens at most; these words are {len(first)}.")
    found = search(
        network.decoder,
        encode(network, pixel_values),
        first=[settings.decoder_start_token_id, *first],
        beams=settings.num_beams,
        longest=longest - len(first),
        ends=_several(settings.eos_token_id),
        padding=settings.pad_token_id,
        block=settings.no_repeat_ngram_size,
    )
    texts = tokenizer.batch_decode([[*first, *each] for each in found.tokens[:, 0].tolist()], skip_special_tokens=True)
    return list(zip(map(tidy, texts), found.score[:, 0].tolist(), strict=True))


def encode(network: Any, pixel_values: torch.Tensor) -> torch.Tensor:
    """What the decoder sees of n pictures: (n, cells, hidden)."""
    encoder = network.encoder
    inputs = pixel_values.to(encoder.device, None if encoder.config.model_type == FEATURE_MAPS else encoder.dtype)
    states = encoder(pixel_values=inputs).last_hidden_state.to(network.decoder.dtype)
    return network.enc_to_dec_proj(states) if hasattr(network, "enc_to_dec_proj") else states  # type: ignore[no-any-return]


def _several(tokens: int | list[int]) -> list[int]:
    return tokens if isinstance(tokens, list) else [tokens]


def tidy(text: str) -> str:
    """A caption in lower case, without final punctuation, and with hyphens as people write them."""
    return _HYPHEN.sub("-", " ".join(text.lower().split())).rstrip(" .!")


def generation(network: Any, tokenizer: Any) -> GenerationConfig:
    """How to decode. Checkpoints name their special tokens in one of four places; the first that does counts."""

    holders = (network.generation_config, network.config, network.config.decoder, tokenizer)

    def token(*names: str) -> Any:
        found = (getattr(holder, name, None) for name in names for holder in holders)
        return next((value for value in found if value is not None), None)

    start = token("decoder_start_token_id", "cls_token_id", "bos_token_id")
    end = token("eos_token_id", "sep_token_id")
    if start is None or end is None:
        raise ModelCorrupt("The captioner's checkpoint does not say with which tokens a caption starts and ends.")
    pad = token("pad_token_id")
    places = getattr(network.config.decoder, "max_position_embeddings", MAX_TOKENS) - first_place(
        network.config.decoder
    )
    return GenerationConfig(
        decoder_start_token_id=start,
        eos_token_id=end,
        pad_token_id=end if pad is None else pad,
        num_beams=BEAMS,
        do_sample=False,
        length_penalty=1.0,
        no_repeat_ngram_size=3,
        max_new_tokens=min(MAX_TOKENS, places - 1),
        use_cache=True,
        return_dict_in_generate=True,
        output_scores=True,
    )


def first_place(decoder: Any) -> int:
    """The number of a text's first place, by the decoder's configuration: RoBERTa counts from behind its padding's."""
    return int(decoder.pad_token_id) + 1 if decoder.model_type == "roberta" else 0


def _looking(image_processor: Any) -> Callable[[Sequence[Image]], torch.Tensor]:
    def look(images: Sequence[Image]) -> torch.Tensor:
        return pixels(image_processor, images)["pixel_values"]

    return look
