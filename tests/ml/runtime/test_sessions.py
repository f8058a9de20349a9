"""Every faster way is held to the reference: torch in float32, on real pictures."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PILImage
from torch import nn

import ml
from ml.interfaces import Embeddings
from ml.runtime import choice, sessions
from ml.runtime.cache import Cache
from ml.runtime.sessions import LESSONS, Network, open_session
from tests.ml.conftest import MakeCheckpoint

ALIKE = 0.999  #: the least cosine to the reference
SIDE = 8
RUNTIMES = [name for name in choice.NAMES if not name.endswith("int8")]
TEXTS = ["a red dog runs on the grass", "the cat sits", "snow", "a photo of a bird in the green grass"]


@pytest.fixture(autouse=True)
def by(tmp_path: Path) -> Callable[[str], None]:
    """Has models computed by that runtime, with an empty cache of the test's own."""
    for package in ("onnx", "onnxruntime", "openvino"):
        pytest.importorskip(package)
    return lambda name: ml.compute_by(name, cache=tmp_path / "compiled")


@pytest.fixture(scope="module")
def photos() -> list[PILImage.Image]:
    """Real ones, of different shapes, and parts of them."""
    from skimage import data

    whole = [PILImage.fromarray(photo()) for photo in (data.cat, data.coffee, data.astronaut, data.rocket)]
    return [*whole, *(photo.crop((100, 80, 310, 250)) for photo in whole)]


def least_cosine(one: Embeddings, other: Embeddings) -> float:
    return float((one * other).sum(axis=1).min())


@pytest.mark.models
@pytest.mark.parametrize("name", ["auto", "onnxruntime-fp32", "openvino-fp32"])
def test_the_built_in_encoder_says_the_same(
    by: Callable[[str], None], name: str, photos: Sequence[PILImage.Image]
) -> None:
    texts = [*TEXTS, "", "2 huskies!", "ein Hund im Schnee", "dog " * 300]
    by("torch-fp32")
    expected = ml.load_encoder().encode_images(photos), ml.load_encoder().encode_texts(texts)
    by(name)
    encoder = ml.load_encoder()
    assert least_cosine(encoder.encode_images(photos), expected[0]) >= ALIKE
    assert least_cosine(encoder.encode_texts(texts), expected[1]) >= ALIKE
    assert least_cosine(np.concatenate([encoder.encode_texts([text]) for text in texts]), expected[1]) >= ALIKE


@pytest.mark.parametrize(
    ("family", "name"), [*(("clip", name) for name in RUNTIMES), ("siglip", "auto"), ("siglip2", "auto")]
)
def test_checkpoints_say_the_same(
    by: Callable[[str], None],
    family: str,
    name: str,
    written_checkpoint: MakeCheckpoint,
    photos: list[PILImage.Image],
) -> None:
    folder = str(written_checkpoint(family))
    many = photos * 5  # more than go through the network at once
    by("torch-fp32")
    encoder = ml.load_encoder(folder)
    expected = encoder.encode_images(many), encoder.encode_texts(TEXTS)
    by(name)
    encoder = ml.load_encoder(folder)
    vectors, words = encoder.encode_images(many), np.concatenate([encoder.encode_texts([text]) for text in TEXTS])
    assert least_cosine(vectors, expected[0]) >= ALIKE
    assert least_cosine(words, expected[1]) >= ALIKE
    for each in (vectors, words):
        np.testing.assert_allclose(np.linalg.norm(each, axis=1), 1.0, atol=1e-5)
    assert encoder.similarity_maps(photos[0], words).dtype == np.float32


class Small(nn.Module):
    """A network that int8 follows well; with `peak`, one channel drowns all others."""

    def __init__(self, peak: float = 1.0) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.peak = peak
        self.convolution = nn.Conv2d(3, 16, 3)
        self.linear = nn.Linear(16 * (SIDE - 2) ** 2, 32)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        seen = torch.relu(self.convolution(pixels)).flatten(1)
        seen = torch.cat([seen[:, :1] * 0 + self.peak, seen[:, 1:]], dim=1)
        output: torch.Tensor = self.linear(seen) - self.peak * self.linear.weight[:, 0]
        return output


def network(module: nn.Module | None = None, key: str = "small", *, convolutions: bool = False) -> Network:
    return Network(
        module=(module or Small()).eval(),
        key=key,
        example=[torch.rand(2, 3, SIDE, SIDE)],
        vary=[(0,)],
        sees="pictures",
        convolutions=convolutions,
    )


@pytest.mark.parametrize("name", ["onnxruntime-int8", "openvino-int8"])
def test_int8_learns_its_scales_from_the_first_pictures(by: Callable[[str], None], name: str) -> None:
    by(name)
    session, reference = open_session(network()), Small().eval()
    pixels = torch.rand(LESSONS, 3, SIDE, SIDE)
    session(pixels[: LESSONS // 2])
    assert session.runtime.precision != "int8"
    session(pixels[LESSONS // 2 :])
    assert str(session.runtime) == name

    fresh = torch.rand(10, 3, SIDE, SIDE)
    with torch.inference_mode():
        cosines = nn.functional.cosine_similarity(session(fresh), reference(fresh))
    assert cosines.min() >= ALIKE
    assert str(open_session(network()).runtime) == name  # the next process has nothing to learn
    assert open_session(network(key="another")).runtime.precision != "int8"


@pytest.mark.parametrize("engine", ["onnxruntime", "openvino"])
def test_convolutions_that_int8_has_not_learnt_are_computed_in_float32(by: Callable[[str], None], engine: str) -> None:
    by(f"{engine}-int8")
    assert str(open_session(network(convolutions=True)).runtime) == f"{engine}-fp32"


def test_int8_is_not_used_where_it_says_something_else(
    by: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    by("onnxruntime-int8")
    module = Small(peak=1e4)
    session = open_session(network(module))
    pixels = torch.rand(LESSONS, 3, SIDE, SIDE)
    with torch.inference_mode():
        for _ in range(3):
            torch.testing.assert_close(session(pixels), module(pixels), atol=1e-2, rtol=1e-2)
    assert str(session.runtime) == "onnxruntime-fp32"
    assert caplog.text.count("is not used for small: a cosine falls to") == 1
    assert str(open_session(network(module)).runtime) == "onnxruntime-fp32"
    assert caplog.text.count("is not used") == 1


@pytest.mark.parametrize("name", ["onnxruntime-fp32", "openvino-fp32"])
def test_a_damaged_graph_is_written_anew(by: Callable[[str], None], name: str) -> None:
    by(name)
    pixels = torch.rand(3, 3, SIDE, SIDE)
    expected = open_session(network())(pixels)
    (graph,) = choice.cache_folder().glob("*.onnx")
    graph.write_bytes(graph.read_bytes()[:100])
    session = open_session(network())
    assert str(session.runtime) == name
    torch.testing.assert_close(session(pixels), expected)


def test_writing_a_graph_leaves_the_network_as_it_was(by: Callable[[str], None]) -> None:
    by("onnxruntime-fp32")
    inner = Small().eval()
    open_session(replace(network(), module=nn.Sequential(inner)))  # itself new, hence in training mode
    assert not inner.training


class Untraceable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        if torch.jit.is_tracing():
            raise RuntimeError("no graph of this")
        return pixels.mean(dim=(2, 3)) * self.weight


def test_torch_computes_what_cannot_be_written_down(
    by: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    by("onnxruntime-fp32")
    session = open_session(network(Untraceable()))
    assert str(session.runtime) == "torch-fp32"
    assert session(torch.ones(2, 3, SIDE, SIDE)).tolist() == [[1.0] * 3] * 2
    assert "onnxruntime-fp32 cannot compute small; torch does." in caplog.text


def test_torch_computes_where_no_folder_can_be_written(by: Callable[[str], None], tmp_path: Path) -> None:
    (tmp_path / "compiled").write_text("in the way")
    by("onnxruntime-fp32")
    assert str(open_session(network()).runtime) == "torch-fp32"


def test_what_another_release_made_is_not_taken(by: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> None:
    by("onnxruntime-fp32")
    cache = Cache(choice.cache_folder())
    open_session(network())
    before = sessions._parts(network())
    monkeypatch.setattr(torch, "__version__", "0.0")
    assert cache.get(*before) is not None
    assert cache.get(*sessions._parts(network())) is None


def test_openvino_tells_nobody_that_it_runs() -> None:
    code = (
        "import sys; from ml.runtime import sessions; assert sessions._openvino().Core; "
        "sys.exit('openvino_telemetry.main' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
