"""Captioners of a vision encoder and a language decoder (ViT-BERT, ViT-GPT2, ...) in Hugging Face format.

Source: Li et al., "TrOCR" (https://arxiv.org/abs/2109.10282), for the architecture that transformers generalised.
"""

import threading
from collections.abc import Sequence
from typing import Any

import torch
from PIL.Image import Image
from transformers import GenerationConfig, VisionEncoderDecoderModel

from ml.errors import ModelCorrupt
from ml.hub import Checkpoint
from ml.huggingface import load_parts, pixels
from ml.interfaces import CaptionResult, ModelInfo

BATCH = 8  #: pictures in one pass; with GPT-2's vocabulary, each takes up to 32 MB while its beams are scored
BEAMS = 4
MAX_TOKENS = 40  #: of a caption with its start

MODEL_TYPES = {"vision-encoder-decoder"}


class VisionEncoderDecoderCaptioner:
    """A Captioner on a VisionEncoderDecoderModel; beam search, no three tokens twice.

    A caption's confidence is the geometric mean of its tokens' probabilities. May be called from several threads,
    one of which captions at a time.
    """

    unsure_below = 0.3
    """A default that nobody measured on a development set, as checkpoints differ: tokens with odds of more than two to
    one against them."""

    def __init__(self, *, network: Any, image_processor: Any, tokenizer: Any, info: ModelInfo) -> None:
        self.info = info
        self._network = network
        self._image_processor = image_processor
        self._tokenizer = tokenizer
        self._generation = _generation(network, tokenizer)
        self._generating = threading.Lock()

    @classmethod
    def load(cls, checkpoint: Checkpoint) -> "VisionEncoderDecoderCaptioner":
        """Open a checkpoint. Raises ModelNotFound, ModelCorrupt, or ModelUnsupported for another architecture."""
        return cls(**load_parts(checkpoint, VisionEncoderDecoderModel.from_pretrained, MODEL_TYPES))

    def caption(self, images: Sequence[Image]) -> list[CaptionResult]:
        """Describe RGB pictures of any size, one result a picture, in their order."""
        return [
            result for start in range(0, len(images), BATCH) for result in self._caption(images[start : start + BATCH])
        ]

    @torch.inference_mode()
    def _caption(self, images: Sequence[Image]) -> list[CaptionResult]:
        inputs = pixels(self._image_processor, images)
        with self._generating:
            output = self._network.generate(**inputs, generation_config=self._generation)
            texts = self._tokenizer.batch_decode(output.sequences, skip_special_tokens=True)
        # with a length penalty of 1, a sequence's score is the mean log probability of its tokens
        confidences = output.sequences_scores.exp().tolist()
        return [CaptionResult(_tidy(text), value) for text, value in zip(texts, confidences, strict=True)]


def _tidy(text: str) -> str:
    return " ".join(text.lower().split()).rstrip(" .!")


def _generation(network: Any, tokenizer: Any) -> GenerationConfig:
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
    return GenerationConfig(
        decoder_start_token_id=start,
        eos_token_id=end,
        pad_token_id=end if pad is None else pad,
        num_beams=BEAMS,
        do_sample=False,
        length_penalty=1.0,
        no_repeat_ngram_size=3,
        max_new_tokens=min(MAX_TOKENS, getattr(network.config.decoder, "max_position_embeddings", MAX_TOKENS) - 1),
        return_dict_in_generate=True,
        output_scores=True,
    )
