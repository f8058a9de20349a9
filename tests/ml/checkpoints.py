"""Small checkpoints with random weights, written as the hub holds them: the real formats, seconds to build and run."""

import json
from pathlib import Path
from typing import Any

_SPECIAL = ["<s>", "</s>", "<pad>", "<unk>"]
_NOUNS = ["dog", "cat", "bird", "grass", "snow", "water", "photo"]
WORDS = [*_SPECIAL, *_NOUNS, "a", "the", "red", "blue", "green", "on", "in", "of", "runs", "sits", "."]
LENGTH = 12  #: tokens that the text towers take
SIDE = 32  #: pixels that the image towers take

_TOWER = {
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "initializer_range": 0.5,  # far from the usual 0.02, so that different inputs give clearly different outputs
}
_TEACHABLE = {"initializer_range": 0.1}  #: learns a few pictures by heart in some forty steps
_VISION = {**_TOWER, "image_size": SIDE, "patch_size": 8}
_TEXT = {
    **_TOWER,
    "vocab_size": len(WORDS),
    "max_position_embeddings": LENGTH,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": 2,
}


def tokenizer() -> Any:
    """A tokenizer of whole words that puts <s> and </s> around a text."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.normalizer = normalizers.Lowercase()
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )


def _letters() -> Any:
    """A tokenizer of letters that puts <eos> after a text: SigLIP 2 is always read as BPE over its own alphabet."""
    from tokenizers import processors
    from transformers import Siglip2Tokenizer

    signs = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>", *"▁abdegilnorstuw"]
    letters = Siglip2Tokenizer(vocab={sign: number for number, sign in enumerate(signs)}, padding_side="right")
    letters.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", 1)]
    )
    return letters


def clip(folder: Path) -> Path:
    from transformers import CLIPConfig, CLIPModel
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    model = CLIPModel(_seeded(CLIPConfig(text_config=_TEXT, vision_config=_VISION, projection_dim=8)))
    processor = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    return _write(folder, model, processor)


def siglip(folder: Path) -> Path:
    """As the first SigLIP models are published: they name a tokenizer class that needs sentencepiece."""
    from transformers import SiglipConfig, SiglipModel
    from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil

    model = SiglipModel(_seeded(SiglipConfig(text_config=_TEXT, vision_config=_VISION)))
    _write(folder, model, SiglipImageProcessorPil(size={"height": SIDE, "width": SIDE}))
    rewrite(folder / "tokenizer_config.json", tokenizer_class="SiglipTokenizer")
    return folder


def siglip2(folder: Path) -> Path:
    """Pictures of any shape as up to sixteen patches."""
    from transformers import Siglip2Config, Siglip2Model
    from transformers.models.siglip2.image_processing_pil_siglip2 import Siglip2ImageProcessorPil

    vision = {**_TOWER, "patch_size": 8, "num_patches": 16}
    model = Siglip2Model(_seeded(Siglip2Config(text_config=_TEXT, vision_config=vision)))
    return _write(folder, model, Siglip2ImageProcessorPil(patch_size=8, max_num_patches=16), _letters())


def vit_bert(folder: Path) -> Path:
    from transformers import BertConfig

    return _captioner(folder, BertConfig(**_TEXT, is_decoder=True, add_cross_attention=True), pad=2)


def vit_gpt2(folder: Path) -> Path:
    """As ViT-GPT2 models are published: what pads is what ends, and the two sizes differ."""
    from transformers import GPT2Config

    sizes = {"n_embd": 24, "n_layer": 2, "n_head": 2, "vocab_size": len(WORDS), "n_positions": 16}
    tokens = {"bos_token_id": 0, "eos_token_id": 1, "is_decoder": True, "add_cross_attention": True}
    return _captioner(folder, GPT2Config(**sizes, **tokens, initializer_range=0.5), pad=1)


def mobilenet_v2(folder: Path) -> Path:
    """As published: a classifier, whose head an image tower leaves aside."""
    from transformers import MobileNetV2Config, MobileNetV2ForImageClassification
    from transformers.models.mobilenet_v2.image_processing_pil_mobilenet_v2 import MobileNetV2ImageProcessorPil

    config = MobileNetV2Config(image_size=96, depth_multiplier=0.25, initializer_range=0.25)
    processor = MobileNetV2ImageProcessorPil(size={"shortest_edge": 112}, crop_size={"height": 96, "width": 96})
    return _write_tower(folder, MobileNetV2ForImageClassification(_seeded(config)), processor)


def resnet(folder: Path) -> Path:
    """ResNet-50's blocks, fewer and narrower; a classifier too, with a processor that crops by a share."""
    from transformers import ResNetConfig, ResNetForImageClassification
    from transformers.models.convnext.image_processing_pil_convnext import ConvNextImageProcessorPil

    config = ResNetConfig(embedding_size=8, hidden_sizes=[16, 24, 32, 48], depths=[1, 1, 1, 1])
    processor = ConvNextImageProcessorPil(size={"shortest_edge": 64}, crop_pct=0.875)
    return _write_tower(folder, ResNetForImageClassification(_seeded(config)), processor)


def rewrite(path: Path, **values: Any) -> None:
    """Change top-level values of a JSON file."""
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def _captioner(folder: Path, decoder: Any, *, pad: int) -> Path:
    from transformers import VisionEncoderDecoderConfig, VisionEncoderDecoderModel, ViTConfig
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    tokens = {"decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": pad}
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(ViTConfig(**_VISION), decoder, **tokens)
    model = VisionEncoderDecoderModel(_seeded(config))
    return _write(folder, model, ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}))


def _seeded(config: Any) -> Any:
    import torch

    torch.manual_seed(0)
    return config


def _write_tower(folder: Path, model: Any, processor: Any) -> Path:
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def _write(folder: Path, model: Any, processor: Any, words: Any = None) -> Path:
    _write_tower(folder, model, processor)
    (words or tokenizer()).save_pretrained(folder)
    return folder


def vit(folder: Path) -> Path:
    """As Google publishes them: with a classifier, and no pooler."""
    from transformers import ViTConfig, ViTForImageClassification
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    ViTForImageClassification(_seeded(ViTConfig(**{**_VISION, **_TEACHABLE}))).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": SIDE, "width": SIDE}).save_pretrained(folder)
    return folder


def bert(folder: Path) -> Path:
    """As Google publishes them: with a predictor of hidden words, and a pooler."""
    from transformers import BertConfig, BertForPreTraining

    return _language(folder, BertForPreTraining(_seeded(BertConfig(**{**_TEXT, **_TEACHABLE}))))


def bert_without_words(folder: Path) -> Path:
    """As sentence encoders are published: with nothing that predicts a word; wider than the ViT."""
    from transformers import BertConfig, BertModel

    return _language(folder, BertModel(_seeded(BertConfig(**{**_TEXT, "hidden_size": 24}))))


def roberta(folder: Path) -> Path:
    """Its places begin behind the number of its padding token."""
    from transformers import RobertaConfig, RobertaForMaskedLM

    sizes = {**_TEXT, "max_position_embeddings": LENGTH + 3}
    return _language(folder, RobertaForMaskedLM(_seeded(RobertaConfig(**sizes))))


def _language(folder: Path, model: Any) -> Path:
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder
