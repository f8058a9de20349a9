"""Where models run: the choice, and what it says where it cannot be."""

import re
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

import ml
from ml import devices
from ml.backbones.cnn import load_backbone
from ml.backbones.efficientnet_lite import preprocess
from ml.errors import DeviceUnavailable, ModelError
from tests.ml.conftest import MakeCheckpoint


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pretend that there are so many."""

    def pretend(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return pretend


@pytest.mark.parametrize(
    ("count", "name", "expected"),
    [
        (0, "auto", "cpu"),
        (0, "cpu", "cpu"),
        (2, "auto", "cuda:0"),
        (2, "cpu", "cpu"),
        (2, "cuda", "cuda:0"),
        (2, "cuda:1", "cuda:1"),
    ],
)
def test_the_choice_is_a_device(gpus: Any, count: int, name: str, expected: str) -> None:
    gpus(count)
    ml.serve_on(name)
    assert devices.device() == torch.device(expected)


@pytest.mark.parametrize("name", ["", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:one", "cuda:1 ", "cpu:0", "mps"])
def test_a_name_that_is_none_is_said_and_changes_nothing(gpus: Any, name: str) -> None:
    gpus(0)
    ml.serve_on("cpu")
    with pytest.raises(DeviceUnavailable, match=r"There is no device '.*': models run on auto, cpu, cuda, cuda:1"):
        ml.serve_on(name)
    assert devices.device() == torch.device("cpu")
    assert issubclass(DeviceUnavailable, ModelError)


@pytest.mark.parametrize(
    ("count", "name", "sentence"),
    [
        (0, "cuda", "are to run on cuda, but torch sees no GPU"),
        (1, "cuda:1", "on cuda:1, but torch sees one GPU, cuda:0"),
        (2, "cuda:999999999999", "but torch sees 2 GPUs, cuda:0 to cuda:1"),
    ],
)
def test_a_gpu_that_is_not_there_is_said_when_it_is_needed(gpus: Any, count: int, name: str, sentence: str) -> None:
    gpus(count)
    ml.serve_on(name)
    with pytest.raises(DeviceUnavailable, match=sentence):
        devices.device()


@pytest.mark.parametrize(("role", "name"), [("encoder", "clip"), ("encoder", "siglip2"), ("captioner", "vit_gpt2")])
def test_no_checkpoint_is_loaded_elsewhere(
    gpus: Any, role: str, name: str, written_checkpoint: MakeCheckpoint, pictures: list[PILImage.Image]
) -> None:
    gpus(0)
    load = getattr(ml, f"load_{role}")
    folder = str(written_checkpoint(name))
    ml.serve_on("cuda")
    with pytest.raises(DeviceUnavailable, match="torch sees no GPU"):
        load(folder)
    ml.serve_on("auto")  # and the next call tries again
    assert load(folder).info.name == name


@pytest.mark.models
@pytest.mark.parametrize("role", ["encoder", "captioner"])
def test_no_built_in_model_is_loaded_elsewhere(gpus: Any, role: str) -> None:
    gpus(0)
    ml.serve_on("cuda")
    with pytest.raises(DeviceUnavailable, match="torch sees no GPU"):
        getattr(ml, f"load_{role}")("builtin")


def test_no_backbone_is_loaded_elsewhere(gpus: Any, written_checkpoint: MakeCheckpoint) -> None:
    gpus(0)
    ml.serve_on("cuda")
    with pytest.raises(DeviceUnavailable, match="torch sees no GPU"):
        load_backbone(str(written_checkpoint("resnet")))


def test_the_fakes_run_anywhere(gpus: Any) -> None:
    gpus(0)
    ml.serve_on("cuda")
    assert ml.load_encoder("fake").encode_texts(["red"]).shape == (1, 64)


def test_models_are_loaded_anew_where_the_choice_changes() -> None:
    ml.serve_on("auto")
    before = ml.load_encoder("fake"), ml.load_captioner("fake")
    ml.serve_on("auto")
    assert (ml.load_encoder("fake"), ml.load_captioner("fake")) == before
    ml.serve_on("cpu")
    assert ml.load_encoder("fake") is not before[0]
    assert ml.load_captioner("fake") is not before[1]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (torch.OutOfMemoryError, "CUDA out of memory. Tried to allocate 20 GiB."),
        (torch.AcceleratorError, "unspecified launch failure"),
        (RuntimeError, "cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"),
        (RuntimeError, "Found no NVIDIA driver on your system."),
    ],
)
def test_a_gpu_that_gives_up_is_no_fault_of_the_pictures(error: type[RuntimeError], sentence: str) -> None:
    class Full(torch.nn.Module):
        def to(self, *where: Any, **_: Any) -> Any:
            raise error(f"{sentence}\nMore lines")

    for work in (lambda: devices.place(Full()), devices.inference(lambda: Full().to("cuda"))):
        with pytest.raises(DeviceUnavailable, match=f"^The GPU gives up: {re.escape(sentence)}$"):
            work()


def test_other_errors_and_results_pass_through() -> None:
    @devices.inference
    def work(value: int) -> torch.Tensor:
        """Its own words."""
        return torch.ones(2) / value if value else torch.ones(2, 3) @ torch.ones(2, 3)

    result = work(2)
    assert (result.tolist(), result.is_inference(), work.__doc__) == ([0.5, 0.5], True, "Its own words.")
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        work(0)


def test_a_cpu_keeps_its_batches_its_precision_and_its_one_thread() -> None:
    cpu = torch.device("cpu")
    computed = torch.tensor([1 / 3])
    assert devices.half(cpu, lambda: computed) is computed
    assert (devices.batch(cpu, 4), devices.preparing(cpu)) == (4, 1)
    assert devices.batch(torch.device("cuda", 0), 4) == devices.GPU_BATCH


def test_small_work_has_one_thread_and_gives_the_others_back() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with devices.one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_pictures_are_prepared_alike_by_several_threads(pictures: list[PILImage.Image]) -> None:
    alone = preprocess(pictures, 64)
    assert np.array_equal(preprocess(pictures, 64, threads=3), alone)
    assert preprocess([], 64, threads=3).shape == preprocess([], 64).shape == (0, 3, 64, 64)
