"""ViT-BERT and ViT-GPT2 checkpoints in Hugging Face format."""

import re
from typing import Any

import pytest
import torch
from transformers import AutoImageProcessor, AutoTokenizer, VisionEncoderDecoderModel

import ml
from ml import hub
from ml.captioners.vision_encoder_decoder import BATCH, BEAMS, VisionEncoderDecoderCaptioner, generation, tell, tidy
from ml.errors import BadBeginning, ModelCorrupt, ModelUnsupported
from tests.ml import checkpoints

FAMILIES = ["vit_bert", "vit_gpt2"]


def directly(folder: Any, pictures: Any, **settings: Any) -> tuple[Any, Any, Any]:
    """What transformers itself generates: its model, its inputs, and its token ids."""
    model = VisionEncoderDecoderModel.from_pretrained(folder).eval()
    inputs = AutoImageProcessor.from_pretrained(folder, backend="pil")(images=pictures, return_tensors="pt")
    length = min(39, model.config.decoder.max_position_embeddings - 1)
    settings |= {"num_beams": 4, "do_sample": False, "no_repeat_ngram_size": 3, "max_new_tokens": length}
    ids = model.generate(**inputs, **settings)
    return model, inputs, ids


@pytest.mark.parametrize("family", FAMILIES)
def test_captions_are_those_of_transformers(family: str, written_checkpoint: Any, pictures: Any) -> None:
    folder = written_checkpoint(family)
    _, _, ids = directly(folder, pictures[:BATCH])
    texts = AutoTokenizer.from_pretrained(folder).batch_decode(ids, skip_special_tokens=True)

    captions = [result.text for result in ml.load_captioner(str(folder)).caption(pictures[:BATCH])]

    assert captions == [" ".join(text.split()).rstrip(" .") for text in texts]
    assert len(set(captions)) > 1


@pytest.mark.parametrize("family", FAMILIES)
def test_confidence_is_the_geometric_mean_of_the_tokens_probabilities(
    family: str, written_checkpoint: Any, pictures: Any
) -> None:
    folder = written_checkpoint(family)
    model, inputs, ids = directly(folder, pictures[:1])
    with torch.inference_mode():
        logits = model(**inputs, decoder_input_ids=ids[:, :-1]).logits
    chosen = logits.softmax(-1).gather(-1, ids[:, 1:, None])
    expected = chosen.log().mean().exp().item()

    (result,) = ml.load_captioner(str(folder)).caption(pictures[:1])

    assert result.confidence == pytest.approx(expected, abs=1e-4)
    assert 0 < result.confidence < 1


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_equals_one_by_one(family: str, written_checkpoint: Any, pictures: Any) -> None:
    captioner = ml.load_captioner(str(written_checkpoint(family)))
    assert len(pictures) > BATCH

    together = captioner.caption(pictures)
    alone = [captioner.caption([picture])[0] for picture in pictures]

    assert [result.text for result in together] == [result.text for result in alone]
    expected = pytest.approx([result.confidence for result in alone], rel=1e-4)
    assert [result.confidence for result in together] == expected
    assert captioner.caption([]) == []


def test_the_checkpoints_own_sampling_is_ignored(checkpoint: Any, pictures: Any) -> None:
    folder = checkpoint("vit_bert")
    before = ml.load_captioner(str(folder)).caption(pictures[:2])
    checkpoints.rewrite(folder / "generation_config.json", do_sample=True, temperature=50.0, max_length=3, num_beams=1)
    again = folder.rename(folder.with_name("again"))

    assert ml.load_captioner(str(again)).caption(pictures[:2]) == before


def test_start_and_end_come_from_the_tokenizer_where_the_model_does_not_name_them(
    checkpoint: Any, pictures: Any
) -> None:
    folder = checkpoint("vit_bert")
    before = ml.load_captioner(str(folder)).caption(pictures[:2])
    other = folder.rename(folder.with_name("other"))
    (other / "generation_config.json").unlink()
    config = hub.locate(str(other))._json("config.json")
    nameless = {"decoder_start_token_id": None, "bos_token_id": None, "eos_token_id": None, "pad_token_id": None}
    checkpoints.rewrite(other / "config.json", **nameless, decoder={**config["decoder"], **nameless})

    assert ml.load_captioner(str(other)).caption(pictures[:2]) == before


def test_another_architecture_is_refused(written_checkpoint: Any) -> None:
    with pytest.raises(ModelUnsupported, match="clip is a clip model"):
        VisionEncoderDecoderCaptioner.load(hub.locate(str(written_checkpoint("clip"))))


def test_a_truncated_weights_file_is_corrupt(checkpoint: Any) -> None:
    weights = checkpoint("vit_gpt2") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])

    with pytest.raises(ModelCorrupt, match="damaged or truncated"):
        ml.load_captioner(str(weights.parent))


def test_tied_weights_that_a_file_holds_once_are_not_missing(checkpoint: Any, pictures: Any) -> None:
    from safetensors.torch import load_file, save_file

    folder = checkpoint("vit_gpt2")
    before = ml.load_captioner(str(folder)).caption(pictures[:2])
    other = folder.rename(folder.with_name("other"))
    tensors = load_file(other / "model.safetensors")
    output = tensors.pop("decoder.lm_head.weight", None)
    assert output is None or torch.equal(output, tensors["decoder.transformer.wte.weight"])
    save_file(tensors, other / "model.safetensors", metadata={"format": "pt"})

    assert ml.load_captioner(str(other)).caption(pictures[:2]) == before


@pytest.mark.parametrize("family", FAMILIES)
def test_keys_and_values_are_computed_once(family: str, written_checkpoint: Any, pictures: Any) -> None:
    network, inputs, ids = directly(written_checkpoint(family), pictures, use_cache=False)
    tokenizer = AutoTokenizer.from_pretrained(written_checkpoint(family))
    read, looked = [], []
    network.decoder.register_forward_pre_hook(
        lambda _, __, keywords: read.append(tuple(keywords["input_ids"].shape)), with_kwargs=True
    )
    keys = next(
        part for name, part in network.named_modules() if re.search(r"crossattention\.(self\.key|c_attn)$", name)
    )
    keys.register_forward_pre_hook(lambda _, arguments: looked.append(len(arguments[0])))

    found = tell(network, inputs["pixel_values"], tokenizer, generation(network, tokenizer))

    texts = tokenizer.batch_decode(ids, skip_special_tokens=True)
    assert [text for text, _ in found] == [tidy(text) for text in texts]
    assert looked == [len(pictures)]
    rows = [rows for rows, _ in read]
    assert {tokens for _, tokens in read} == {1}
    assert rows[:2] == [len(pictures), len(pictures) * BEAMS]


def test_a_picture_leaves_the_batch_once_it_is_told(written_checkpoint: Any, pictures: Any) -> None:
    folder, read = written_checkpoint("vit_bert"), []
    network, tokenizer = VisionEncoderDecoderModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        network.decoder.cls.predictions.bias[1] += 3.0  # captions end sooner or later
    inputs = AutoImageProcessor.from_pretrained(folder, backend="pil")(images=pictures, return_tensors="pt")
    settings = {"num_beams": 4, "do_sample": False, "no_repeat_ngram_size": 3, "max_new_tokens": 11}
    texts = tokenizer.batch_decode(network.generate(**inputs, **settings), skip_special_tokens=True)
    network.decoder.register_forward_pre_hook(
        lambda _, __, keywords: read.append(len(keywords["input_ids"])), with_kwargs=True
    )

    found = tell(network, inputs["pixel_values"], tokenizer, generation(network, tokenizer))

    assert [text for text, _ in found] == [tidy(text) for text in texts]
    assert read[1:] == sorted(read[1:], reverse=True)
    assert len(set(read[1:])) > 2


def test_what_was_measured_of_its_confidence_comes_from_the_folder(checkpoint: Any, pictures: Any) -> None:
    folder = checkpoint("vit_bert")
    (before,) = ml.load_captioner(str(folder)).caption(pictures[:1])
    measured = folder.rename(folder.with_name("measured"))
    checkpoints.rewrite(measured / "config.json", mmsite={"slope": 2.0, "offset": 0.5, "unsure_below": 0.4})

    captioner = ml.load_captioner(str(measured))
    (after,) = captioner.caption(pictures[:1])

    odds = before.confidence**2 * torch.tensor(0.5).exp().item()
    assert after.text == before.text
    assert after.confidence == pytest.approx(odds / (1 + odds), abs=1e-5)
    assert captioner.unsure_below == 0.4


@pytest.mark.parametrize("entry", [3, {"slope": "steep"}, {"colour": 1.0}])
def test_an_entry_of_ours_that_is_not_understood_is_corrupt(entry: Any, checkpoint: Any) -> None:
    folder = checkpoint("vit_bert")
    checkpoints.rewrite(folder / "config.json", mmsite=entry)

    with pytest.raises(ModelCorrupt, match="an entry mmsite in config"):
        ml.load_captioner(str(folder))


def test_hyphens_are_written_as_people_do() -> None:
    assert tidy("A man in a t - shirt .") == "a man in a t-shirt"


@pytest.mark.parametrize("family", FAMILIES)
def test_goes_on_from_first_words(family: str, written_checkpoint: Any, pictures: Any) -> None:
    folder = written_checkpoint(family)
    captioner = ml.load_captioner(str(folder))
    words = next(result.text for result in captioner.caption(pictures) if result.text).split()[0]
    begun = captioner.caption(pictures, begin=words)
    assert len(begun) == len(pictures) > BATCH
    assert all(result.text.startswith(words) for result in begun)
    assert all(0.0 < result.confidence < 1.0 for result in begun)
    with pytest.raises(BadBeginning, match="at most"):
        captioner.caption(pictures[:1], begin=f"{words} " * 60)
