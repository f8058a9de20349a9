"""CLIP ViT-B/32's architecture with random weights, as a folder in Hugging Face format."""

from pathlib import Path

WORDS = ["a", "an", "the", "dog", "two", "children", "old", "man", "in", "by", "snow", "sea"]


def vit_b_32(folder: Path) -> Path:
    """Write it; with a tokenizer of a few words, as the published one can't be had without the hub."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    torch.manual_seed(0)
    network = CLIPModel(CLIPConfig())
    start, end = network.config.text_config.bos_token_id, network.config.text_config.eos_token_id
    words = {"<start>": start, "<end>": end, "<unknown>": 0}
    words |= {word: number for number, word in enumerate(WORDS, start=1)}
    tokens = Tokenizer(models.WordLevel(words, unk_token="<unknown>"))
    tokens.pre_tokenizer = pre_tokenizers.Whitespace()
    tokens.post_processor = processors.TemplateProcessing(
        single="<start> $A <end>", special_tokens=[("<start>", start), ("<end>", end)]
    )
    network.save_pretrained(folder)
    CLIPImageProcessorPil().save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=tokens, bos_token="<start>", eos_token="<end>", pad_token="<end>", unk_token="<unknown>"
    ).save_pretrained(folder)
    return folder
