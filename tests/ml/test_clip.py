"""CLIP and SigLIP checkpoints in Hugging Face format."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage
from transformers import AutoImageProcessor, AutoModel, AutoTokenizer, PreTrainedTokenizerFast

import ml
from ml.encoders.clip import BATCH, ClipEncoder
from ml.errors import ModelCorrupt, ModelUnsupported
from ml.runtime.lengths import STEP
from tests.ml import checkpoints

FAMILIES = ["clip", "siglip", "siglip2"]
TEXTS = ["a red dog runs on the grass", "the cat sits", "snow", ""]


def directly(folder: Any, features: str, inputs: Any) -> Any:
    """What transformers itself makes of prepared inputs, normalised."""
    with torch.inference_mode():
        output = getattr(AutoModel.from_pretrained(folder).eval(), features)(**inputs).pooler_output.numpy()
    return output / np.linalg.norm(output, axis=1, keepdims=True)


@pytest.mark.parametrize("family", FAMILIES)
def test_pictures_are_embedded_as_transformers_does(family: str, written_checkpoint: Any, pictures: Any) -> None:
    folder = written_checkpoint(family)
    inputs = AutoImageProcessor.from_pretrained(folder, backend="pil")(images=pictures, return_tensors="pt")

    vectors = ml.load_encoder(str(folder)).encode_images(pictures)

    assert vectors.dtype == np.float32
    np.testing.assert_allclose(vectors, directly(folder, "get_image_features", inputs), atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_photos_are_scaled_about_as_transformers_does(family: str, written_checkpoint: Any) -> None:
    from skimage import data

    photos = [PILImage.fromarray(photo()) for photo in (data.cat, data.coffee, data.astronaut, data.rocket)]
    photos += [photos[0].rotate(90, expand=True), photos[1].resize((1280, 853)), photos[2].crop((0, 0, 512, 40))]
    folder = written_checkpoint(family)
    inputs = AutoImageProcessor.from_pretrained(folder, backend="pil")(images=photos, return_tensors="pt")

    vectors = ml.load_encoder(str(folder)).encode_images(photos)

    assert (vectors * directly(folder, "get_image_features", inputs)).sum(axis=1).min() >= 0.999


@pytest.mark.parametrize("family", FAMILIES)
def test_texts_are_embedded_as_transformers_does(family: str, written_checkpoint: Any) -> None:
    folder = written_checkpoint(family)
    tokenizer = PreTrainedTokenizerFast if family == "siglip" else AutoTokenizer  # see checkpoints.siglip
    tokens = tokenizer.from_pretrained(folder)(
        TEXTS,
        padding=True if family == "clip" else "max_length",
        max_length=checkpoints.LENGTH,
        truncation=True,
        return_attention_mask=family == "clip",
        return_token_type_ids=False,
        return_tensors="pt",
    )

    vectors = ml.load_encoder(str(folder)).encode_texts(TEXTS)

    np.testing.assert_allclose(vectors, directly(folder, "get_text_features", tokens), atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_equals_one_by_one(family: str, written_checkpoint: Any, pictures: Any) -> None:
    encoder = ml.load_encoder(str(written_checkpoint(family)))
    many = (pictures * 4)[: BATCH + 3]

    together, alone = encoder.encode_images(many), [encoder.encode_images([picture])[0] for picture in many]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert not np.allclose(together[0], together[1], atol=1e-2)

    together, alone = encoder.encode_texts(TEXTS), [encoder.encode_texts([text])[0] for text in TEXTS]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    assert not np.allclose(together[0], together[1], atol=1e-2)


@pytest.mark.parametrize("family", FAMILIES)
def test_vectors_have_the_dimension_and_length_one(family: str, written_checkpoint: Any, pictures: Any) -> None:
    encoder = ml.load_encoder(str(written_checkpoint(family)))

    for vectors in (encoder.encode_images(pictures), encoder.encode_texts(TEXTS)):
        assert vectors.shape[1] == encoder.dimension
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert encoder.encode_images([]).shape == encoder.encode_texts([]).shape == (0, encoder.dimension)
    assert encoder.match_floor is None


@pytest.mark.parametrize("family", FAMILIES)
def test_a_text_beyond_the_models_length_is_cut(family: str, written_checkpoint: Any) -> None:
    encoder = ml.load_encoder(str(written_checkpoint(family)))
    words = ["dog", "cat", "bird", "snow"] * checkpoints.LENGTH
    kept = words[: checkpoints.LENGTH - 2]  # the rest holds <s> and </s>

    whole, cut = encoder.encode_texts([" ".join(words), " ".join(kept)])

    np.testing.assert_allclose(whole, cut, atol=1e-6)


def test_texts_have_few_lengths(written_checkpoint: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder: Any = ml.load_encoder(str(written_checkpoint("clip")))
    read, lengths = encoder._read, []

    def note(*inputs: torch.Tensor) -> torch.Tensor:
        lengths.append(inputs[0].shape[1])
        vectors: torch.Tensor = read(*inputs)
        return vectors

    monkeypatch.setattr(encoder, "_read", note)
    for count in range(checkpoints.LENGTH + 3):
        encoder.encode_texts(["dog " * count])
    assert set(lengths) == {STEP, checkpoints.LENGTH}


def test_a_checkpoint_in_the_form_of_openais_release_is_read_the_same(checkpoint: Any, pictures: Any) -> None:
    from safetensors.torch import load_file, save_file

    folder = checkpoint("clip")
    before = ml.load_encoder(str(folder))
    release = folder.rename(folder.with_name("release"))
    processor = json.loads((release / "preprocessor_config.json").read_text())
    del processor["image_processor_type"], processor["do_convert_rgb"], processor["do_rescale"]
    processor |= {"feature_extractor_type": "CLIPFeatureExtractor", "size": 32, "crop_size": 32}
    (release / "preprocessor_config.json").write_text(json.dumps(processor))
    tensors = load_file(release / "model.safetensors")
    for tower, length in {"text": checkpoints.LENGTH, "vision": 17}.items():
        tensors[f"{tower}_model.embeddings.position_ids"] = torch.arange(length)[None]
    save_file(tensors, release / "model.safetensors", metadata={"format": "pt"})

    after = ml.load_encoder(str(release))

    np.testing.assert_array_equal(after.encode_images(pictures), before.encode_images(pictures))
    np.testing.assert_array_equal(after.encode_texts(TEXTS), before.encode_texts(TEXTS))


def test_a_long_strip_is_embedded_by_its_middle_without_being_blown_up(written_checkpoint: Any) -> None:
    encoder = ml.load_encoder(str(written_checkpoint("clip")))
    strip = PILImage.new("RGB", (30_000, 10), "red")
    strip.paste("blue", (14_990, 0, 15_010, 10))
    tall = strip.transpose(PILImage.Transpose.ROTATE_90)

    middle = encoder.encode_images([PILImage.new("RGB", (10, 10), "blue")])[0]

    assert encoder.encode_images([strip])[0] @ middle > 0.999
    assert encoder.encode_images([tall])[0] @ middle > 0.999


def test_pictures_in_other_modes_are_read_as_rgb(written_checkpoint: Any, pictures: Any) -> None:
    encoder = ml.load_encoder(str(written_checkpoint("siglip")))

    grey, same = encoder.encode_images([pictures[0].convert("L"), pictures[0].convert("L").convert("RGB")])

    np.testing.assert_allclose(grey, same, atol=1e-6)


def test_threads_may_share_an_encoder(written_checkpoint: Any) -> None:
    encoder = ml.load_encoder(str(written_checkpoint("clip")))
    texts = [" ".join(checkpoints.WORDS[4 : 5 + number % 15]) for number in range(60)]
    alone = [encoder.encode_texts([text])[0] for text in texts]

    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda text: encoder.encode_texts([text])[0], texts))

    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_info_tells_models_apart(checkpoint: Any) -> None:
    folder = checkpoint("clip")
    before = ml.load_encoder(str(folder)).info
    checkpoints.rewrite(folder / "preprocessor_config.json", image_mean=[0.5, 0.5, 0.5])
    other = folder.rename(folder.with_name("other"))

    after = ml.load_encoder(str(other)).info

    assert (before.name, before.revision, after.name) == ("clip", "local", "other")
    assert before.weights_hash == after.weights_hash
    assert before.preprocessing != after.preprocessing
    assert before.preprocessing.startswith("CLIPImageProcessor-")


def test_another_architecture_is_refused(written_checkpoint: Any) -> None:
    from ml import hub

    with pytest.raises(ModelUnsupported, match="vit_bert is a vision-encoder-decoder model"):
        ClipEncoder.load(hub.locate(str(written_checkpoint("vit_bert"))))


def test_a_truncated_weights_file_is_corrupt(checkpoint: Any) -> None:
    weights = checkpoint("clip") / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])

    with pytest.raises(ModelCorrupt, match=r"model\.safetensors of clip is damaged or truncated"):
        ml.load_encoder(str(weights.parent))


def test_a_weight_that_is_missing_is_not_made_up(checkpoint: Any) -> None:
    from safetensors.torch import load_file, save_file

    weights = checkpoint("clip") / "model.safetensors"
    tensors = load_file(weights)
    del tensors["visual_projection.weight"]
    save_file(tensors, weights, metadata={"format": "pt"})

    with pytest.raises(ModelCorrupt, match=r"visual_projection\.weight is missing"):
        ml.load_encoder(str(weights.parent))


def test_weights_of_another_size_are_corrupt(checkpoint: Any) -> None:
    folder = checkpoint("clip")
    checkpoints.rewrite(folder / "config.json", projection_dim=9)

    with pytest.raises(ModelCorrupt, match=r"clip cannot be read: .*size"):
        ml.load_encoder(str(folder))


@pytest.mark.parametrize("file", ["preprocessor_config.json", "tokenizer.json", "config.json"])
def test_a_damaged_file_beside_the_weights_is_corrupt(file: str, checkpoint: Any) -> None:
    folder = checkpoint("clip")
    (folder / file).write_text("{")

    with pytest.raises(ModelCorrupt, match="clip"):
        ml.load_encoder(str(folder))


def test_code_that_comes_with_a_model_never_runs(checkpoint: Any) -> None:
    folder = checkpoint("clip")
    ran = folder / "ran"
    (folder / "evil.py").write_text(f"open({str(ran)!r}, 'w')\nclass Evil: pass\n")
    names = ("AutoConfig", "AutoModel", "AutoImageProcessor", "AutoTokenizer")
    for file in ("config.json", "preprocessor_config.json", "tokenizer_config.json"):
        checkpoints.rewrite(folder / file, auto_map=dict.fromkeys(names, "evil.Evil"))
    checkpoints.rewrite(folder / "config.json", attn_implementation="someone/kernel-to-download")

    assert ml.load_encoder(str(folder)).dimension == 8
    assert not ran.exists()
