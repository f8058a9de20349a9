"""Captioners of transformers on narrow numbers say what they say in float32."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as PILImage
from torch.nn import functional
from transformers import VisionEncoderDecoderModel

import ml
from ml.__main__ import main
from ml.captioners.narrow import Int8Linear, narrow
from ml.datasets.examples import read
from ml.runtime import choice
from tests.ml.pairs import patterns

pytestmark = pytest.mark.skipif(not choice.has_int8(), reason="this processor doesn't multiply bytes by itself")

CAPTIONS = ["a red dog runs on snow", "the blue bird sits in water", "a green cat", "the photo of a dog on grass"]


@pytest.fixture(autouse=True)
def _what_is_fastest() -> None:
    ml.compute_by()


@pytest.fixture
def weight() -> torch.Tensor:
    return torch.randn(48, 64, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def inputs() -> torch.Tensor:
    """Rows of different sizes, around different means."""
    random = torch.Generator().manual_seed(1)
    return torch.randn(2, 5, 64, generator=random) * torch.logspace(-2, 2, 5)[:, None] + torch.arange(5)[:, None]


def test_a_layer_by_bytes_gives_what_one_in_float32_does(weight: torch.Tensor, inputs: torch.Tensor) -> None:
    bias = torch.linspace(-1, 1, 48)
    for matrix in (weight, weight.T.contiguous().T):
        outputs, expected = Int8Linear(matrix, bias)(inputs), functional.linear(inputs, weight, bias)
        assert outputs.dtype == torch.float32
        assert ((outputs - expected).norm(dim=-1) / expected.norm(dim=-1)).max() < 0.015
    assert Int8Linear(weight, None)(torch.zeros(3, 64)).abs().max() == 0


def test_no_row_depends_on_the_others(weight: torch.Tensor, inputs: torch.Tensor) -> None:
    layer = Int8Linear(weight, None)
    assert torch.equal(layer(inputs)[1, 3], layer(inputs[1, 3]))


@pytest.mark.parametrize("family", ["vit_bert", "vit_gpt2"])
def test_the_next_token_is_the_same(family: str, written_checkpoint: Any) -> None:
    network = VisionEncoderDecoderModel.from_pretrained(written_checkpoint(family)).eval()
    pixels = torch.randn(6, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    words = torch.randint(4, 20, (6, 9), generator=torch.Generator().manual_seed(0))

    def expected() -> torch.Tensor:
        with torch.inference_mode():
            states = network.encoder(pixel_values=pixels.to(network.encoder.dtype)).last_hidden_state.float()
            if hasattr(network, "enc_to_dec_proj"):
                states = network.enc_to_dec_proj(states)
            scores: torch.Tensor = network.decoder(input_ids=words, encoder_hidden_states=states).logits
            return scores.log_softmax(dim=-1)

    exact = expected()
    narrow(network)
    close = expected()

    assert not torch.equal(close, exact)
    assert (close - exact).abs().mean() < 0.06 * exact.std()
    assert (close.argmax(dim=-1) == exact.argmax(dim=-1)).float().mean() > 0.9


@pytest.mark.training
def test_what_it_learnt_it_says_on_narrow_numbers(tmp_path: Path, written_checkpoint: Any) -> None:
    data = patterns(tmp_path / "data", CAPTIONS)
    rows = data / "train" / "metadata.jsonl"
    rows.write_text(8 * rows.read_text())  # an epoch of eight steps
    arguments = ["--data", str(data), "--output", str(tmp_path / "run"), "--encoder", str(written_checkpoint("vit"))]
    arguments += ["--decoder", str(written_checkpoint("bert")), "--epochs", "14", "--pictures", "4", "--no-mirror"]
    arguments += ["--learning-rate", "0.01", "--new-learning-rate", "0.01", "--average", "0.5", "--dropout", "0"]
    assert main(["train", "vit-bert", *arguments, "--label-smoothing", "0", "--no-bfloat16"]) == 0
    whole = [PILImage.open(example.path).convert("RGB") for example in read(data, "dev")]
    pictures = [each.rotate(turn, resample=PILImage.Resampling.BICUBIC) for each in whole for turn in (0, 2, 4)]

    found = ml.load_captioner(str(tmp_path / "run" / "model")).caption(pictures)
    ml.compute_by("torch-fp32")
    exact = ml.load_captioner(str(tmp_path / "run" / "model")).caption(pictures)

    assert [result.text for result in found] == [result.text for result in exact]
    assert [result.text for result in found[::3]] == CAPTIONS
    assert [result.confidence for result in found] == pytest.approx([each.confidence for each in exact], abs=0.05)
