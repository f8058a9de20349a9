"""What a ViT-BERT is trained from: a vision model and a BERT from anywhere, put together, and which weights are new."""

import inspect
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    PreTrainedTokenizerFast,
    VisionEncoderDecoderModel,
)

from ml import hub
from ml.backbones import minilm
from ml.captioners.feature_maps import FeatureMapsConfig, FeatureMapsEncoder
from ml.captioners.vision_encoder_decoder import generation, open_network
from ml.errors import ModelCorrupt, ModelUnsupported, UsageError
from ml.files import verify_sha256
from ml.hub import Checkpoint
from ml.huggingface import load_image_processor, load_model, load_tokenizer

BUILTIN = "builtin"  #: as `encoder`: the frozen image tower that comes with a package, by its feature maps
MINILM = "minilm"  #: as `decoder`: the text tower that comes with a package
ENCODERS = {"vit", "deit", "beit", "dinov2"}
DECODERS = {"bert", "roberta"}
_NEW = re.compile(r"\.crossattention\.|^(cls|lm_head)\.")
_POOLER = re.compile(r"(^|\.)pooler\.")


@dataclass(frozen=True)
class Parts:
    """A captioning network and what stands around it."""

    network: Any  #: VisionEncoderDecoderModel
    tokenizer: Any
    image_processor: Any | None  #: None where the encoder takes the built-in tower's feature maps
    new: frozenset[str]  #: names of the parameters that no checkpoint gave

    def save_pretrained(self, folder: Any, network: Any | None = None) -> None:
        """Write the network (or another state of it) with tokenizer and image processor, in Hugging Face format."""
        (network or self.network).save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)
        if self.image_processor is not None:
            self.image_processor.save_pretrained(folder)


def assemble(encoder: str, decoder: str, *, layers: int | None = None, dropout: float | None = None) -> Parts:
    """Put a vision model (hub id, folder, or `builtin`) before a BERT (hub id, folder, or `minilm`).

    Only the decoder's cross-attention, its word predictor where the checkpoint has none, and what leads from the
    vision model to a decoder of another width are new. Of the decoder's `layers`, so many are kept, evenly spread (Sanh
    et al. 2019, https://arxiv.org/abs/1910.01108); `dropout` replaces its own. Raises ModelNotFound, ModelCorrupt where
    any other weight is missing, ModelUnsupported for models of another kind.
    """
    checkpoint = _packaged_minilm() if decoder == MINILM else hub.locate(decoder)
    language, tokenizer, new_words = _decoder(checkpoint, dropout)
    if layers is not None:
        new_words = _keep_layers(language, layers, new_words)
    if encoder == BUILTIN:
        vision: Any = FeatureMapsEncoder(FeatureMapsConfig(hidden_size=language.config.hidden_size))
        image_processor = None
        torch.nn.init.normal_(vision.positions, std=0.02)
        new_sights = {f"encoder.{name}" for name, _ in vision.named_parameters()}
    else:
        sight = hub.locate(encoder)
        vision, image_processor, new_sights = _encoder(sight), load_image_processor(sight), set()
    network: Any = VisionEncoderDecoderModel(encoder=vision, decoder=language)
    network.config.decoder.tie_word_embeddings = language.config.tie_word_embeddings
    made = new_sights | {f"decoder.{name}" for name in new_words}
    new = {name for name, _ in network.named_parameters() if name in made or name.startswith("enc_to_dec_proj.")}
    parts = Parts(network, tokenizer, image_processor, frozenset(new))
    return _ready(parts)


def reopen(name: str) -> Parts:
    """Open a captioner of this kind (hub id or folder) to train it further; nothing is new.

    Raises ModelNotFound, ModelCorrupt, or ModelUnsupported for another architecture.
    """
    checkpoint = hub.locate(name)
    network = open_network(checkpoint)
    mapped = isinstance(network.encoder, FeatureMapsEncoder)
    image_processor = None if mapped else load_image_processor(checkpoint)
    return _ready(Parts(network, load_tokenizer(checkpoint), image_processor, frozenset()))


def keep_seen_words(parts: Parts, texts: Iterable[str], times: int) -> Parts:
    """Cut the vocabulary down to the word pieces that the texts use so many times, single signs, and special ones.

    Predicting the next piece costs a product with the whole vocabulary: of BERT's 30,522 pieces, Flickr8k's captions
    use 6,645. What is cut can still be spelled. Raises ModelUnsupported for a tokenizer without a list of pieces.
    """
    tokenizer, network = parts.tokenizer, parts.network
    description = json.loads(tokenizer.backend_tokenizer.to_str())
    if description["model"]["type"] not in {"WordPiece", "WordLevel"}:
        raise ModelUnsupported("Only a vocabulary of word pieces can be cut down to those seen: leave it whole.")
    uses = Counter(number for text in texts for number in tokenizer(text).input_ids)
    signs = {number for piece, number in tokenizer.get_vocab().items() if re.fullmatch(r"(##)?[!-~]", piece)}
    kept = sorted({number for number, count in uses.items() if count >= times} | signs | set(tokenizer.all_special_ids))
    place = {old: new for new, old in enumerate(kept)}
    special = {kind: value for kind, value in tokenizer.special_tokens_map.items() if isinstance(value, str)}
    smaller = PreTrainedTokenizerFast(tokenizer_object=_renumbered(description, place), **special)
    _keep_rows(network.decoder, kept, smaller)
    for holder in (network.config, network.config.decoder, network.generation_config):
        for name in ("decoder_start_token_id", "bos_token_id", "cls_token_id", "eos_token_id", "pad_token_id"):
            if (number := getattr(holder, name, None)) is not None:
                setattr(holder, name, place.get(number))
    return _ready(Parts(network, smaller, parts.image_processor, parts.new))


def _ready(parts: Parts) -> Parts:
    """Note in the network how it is asked to speak: with which tokens a caption starts, ends and is filled up."""
    network = parts.network
    settings = generation(network, parts.tokenizer)
    for holder in (network.config, network.config.decoder):
        holder.decoder_start_token_id = settings.decoder_start_token_id
        holder.eos_token_id, holder.pad_token_id = settings.eos_token_id, settings.pad_token_id
    network.generation_config = settings
    return parts


def _decoder(checkpoint: Checkpoint, dropout: float | None) -> tuple[Any, Any, set[str]]:
    if checkpoint.model_type not in DECODERS:
        known = " or ".join(sorted(DECODERS))
        raise ModelUnsupported(
            f"{checkpoint.name} is a {checkpoint.model_type} model; the decoder must be a BERT ({known})."
        )
    changes: dict[str, Any] = {"is_decoder": True, "add_cross_attention": True}
    if dropout is not None:
        # attention without it is computed in one go
        changes |= {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": 0.0}
    new: set[str] = set()
    architecture = _allowing(AutoModelForCausalLM.from_pretrained, _NEW, new, changes)
    return load_model(checkpoint, architecture), load_tokenizer(checkpoint), new


def _keep_layers(decoder: Any, layers: int, new: set[str]) -> set[str]:
    """Keep so many layers, in place; the names of what is new among the rest."""
    blocks = decoder.base_model.encoder.layer
    if not 1 <= layers <= len(blocks):
        raise UsageError(f"The decoder has {len(blocks)} layers: it cannot keep {layers}.")
    kept = [blocks[round(place)] for place in torch.linspace(0, len(blocks) - 1, layers).tolist()]
    decoder.base_model.encoder.layer = torch.nn.ModuleList(kept)
    decoder.config.num_hidden_layers = layers
    for number, block in enumerate(kept):
        for part in block.modules():
            if hasattr(part, "layer_idx"):
                part.layer_idx = number  # its place in the cache of keys and values
    return {name for name, _ in decoder.named_parameters() if name in new}


def _encoder(checkpoint: Checkpoint) -> Any:
    """A vision model without a pooler, which a decoder does not look at."""
    if checkpoint.model_type not in ENCODERS:
        known = ", ".join(sorted(ENCODERS))
        raise ModelUnsupported(
            f"{checkpoint.name} is a {checkpoint.model_type} model; the encoder must be a vision transformer ({known})."
        )
    model = AutoModel._model_mapping[type(AutoConfig.for_model(checkpoint.model_type))]
    poolable = "add_pooling_layer" in inspect.signature(model.__init__).parameters
    keywords = {"add_pooling_layer": False} if poolable else {}
    return load_model(checkpoint, _allowing(AutoModel.from_pretrained, _POOLER, set(), {}, **keywords))


def _allowing(
    load: Callable[..., Any], allowed: re.Pattern[str], new: set[str], changes: dict[str, Any], **keywords: Any
) -> Callable[..., Any]:
    """`load`, with changes to the configuration; it may make weights of these names anew, which it puts into `new`."""

    def loading(folder: Any, **options: Any) -> tuple[Any, Any]:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False, **changes)
        network, report = load(folder, config=config, **keywords, **options)
        made: Collection[str] = {name for name in report["missing_keys"] if allowed.search(name)}
        new.update(made)
        return network, {**report, "missing_keys": set(report["missing_keys"]) - set(made)}

    return loading


def _packaged_minilm() -> Checkpoint:
    folder = minilm.model_folder()
    for name, digest in minilm.SHA256.items():
        verify_sha256(folder / name, digest)
    return Checkpoint(minilm.PACKAGE, version(minilm.PACKAGE), folder)


def _renumbered(description: dict[str, Any], place: dict[int, int]) -> Tokenizer:
    """A tokenizer whose vocabulary holds only the tokens in `place`, by their new numbers."""
    model = description["model"]
    model["vocab"] = {token: place[number] for token, number in model["vocab"].items() if number in place}
    description["added_tokens"] = [
        {**added, "id": place[added["id"]]} for added in description["added_tokens"] if added["id"] in place
    ]
    description["truncation"] = description["padding"] = None
    after = description["post_processor"] or {}
    for special in after.get("special_tokens", {}).values():
        special["ids"] = [place[number] for number in special["ids"]]
    for side in ("sep", "cls"):  # of BertProcessing
        if side in after:
            after[side] = [after[side][0], place[after[side][1]]]
    try:
        return Tokenizer.from_str(json.dumps(description))
    except Exception as error:  # tokenizers raises nothing narrower
        raise ModelCorrupt(f"The decoder's tokenizer cannot be cut down: {error}.") from error


def _keep_rows(decoder: Any, kept: list[int], tokenizer: Any) -> None:
    """Keep these rows of the word embedding and of the word predictor, tied or not, in the order given."""
    rows = torch.tensor(kept)
    words, predictor = decoder.get_input_embeddings().weight.data[rows], decoder.get_output_embeddings()
    weight, bias = predictor.weight.data[rows], predictor.bias.data[rows]
    decoder.config.pad_token_id = tokenizer.pad_token_id
    decoder.resize_token_embeddings(len(kept), mean_resizing=False)
    with torch.no_grad():
        decoder.get_input_embeddings().weight.copy_(words)
        decoder.get_output_embeddings().weight.copy_(weight)
        decoder.get_output_embeddings().bias.copy_(bias)
