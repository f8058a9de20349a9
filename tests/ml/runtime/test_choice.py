"""Which runtime computes a model."""

from pathlib import Path
from typing import Any

import pytest

import ml
from ml.errors import ModelError, RuntimeUnavailable
from ml.runtime import choice
from ml.runtime.choice import Runtime


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Pretend that these packages are installed, and that the processor has bfloat16 or not."""

    def pretend(*packages: str, bfloat16: bool) -> None:
        monkeypatch.setattr(choice, "find_spec", lambda name: name if name in packages else None)
        monkeypatch.setattr(choice, "has_bfloat16", lambda: bfloat16)

    return pretend


@pytest.mark.parametrize(
    ("packages", "bfloat16", "convolutions", "transformer"),
    [
        ((), False, "torch-fp32", "torch-fp32"),
        ((), True, "torch-fp32", "torch-bf16"),
        (("onnxruntime",), True, "torch-fp32", "torch-bf16"),
        (("onnx", "onnxruntime"), False, "onnxruntime-fp32", "onnxruntime-fp32"),
        (("onnx", "onnxruntime"), True, "onnxruntime-fp32", "torch-bf16"),
        (("onnx", "openvino"), True, "torch-fp32", "openvino-bf16"),
        (("onnx", "onnxruntime", "openvino"), False, "onnxruntime-fp32", "onnxruntime-fp32"),
        (("onnx", "onnxruntime", "openvino"), True, "onnxruntime-fp32", "openvino-bf16"),
    ],
)
def test_it_chooses_by_what_is_here(
    machine: Any, packages: tuple[str, ...], bfloat16: bool, convolutions: str, transformer: str
) -> None:
    ml.compute_by("auto")
    machine(*packages, bfloat16=bfloat16)
    assert str(choice.runtime(convolutions=True)) == convolutions
    assert str(choice.runtime(convolutions=False)) == transformer


@pytest.mark.parametrize("name", [each for each in choice.NAMES if each != choice.AUTO])
def test_whoever_asks_for_one_gets_it(machine: Any, name: str) -> None:
    machine("onnx", "onnxruntime", "openvino", bfloat16=False)
    ml.compute_by(name)
    assert str(choice.runtime(convolutions=True)) == str(choice.runtime(convolutions=False)) == name


@pytest.mark.parametrize("name", ["", "torch", "torch-int8", "onnxruntime-bf16", "tensorrt-fp32", "auto "])
def test_a_name_that_is_none_is_said_and_changes_nothing(name: str) -> None:
    ml.compute_by("torch-fp32")
    with pytest.raises(RuntimeUnavailable, match=r"There is no runtime '.*'; there are auto, torch-fp32, torch-bf16"):
        ml.compute_by(name)
    assert choice.chosen() == "torch-fp32"
    assert issubclass(RuntimeUnavailable, ModelError)


@pytest.mark.parametrize("packages", [("openvino",), ("onnx",)])
def test_a_runtime_that_is_not_installed_is_said_when_it_is_needed(machine: Any, packages: tuple[str, ...]) -> None:
    machine(*packages, bfloat16=True)
    ml.compute_by("openvino-int8")
    with pytest.raises(RuntimeUnavailable, match="by openvino-int8, which is not installed"):
        choice.runtime(convolutions=False)


def test_without_lessons_int8_is_what_is_closest() -> None:
    assert Runtime("onnxruntime", "int8").unquantised == Runtime("onnxruntime", "fp32")
    assert Runtime("openvino", "int8").unquantised.precision in {"fp32", "bf16"}
    assert Runtime("openvino", "fp32").unquantised == Runtime("openvino", "fp32")


def test_another_choice_is_told_from_the_same(tmp_path: Path) -> None:
    choice.choose("torch-fp32", tmp_path)
    assert not choice.choose("torch-fp32", tmp_path)
    assert choice.choose("torch-bf16", tmp_path)
    assert choice.choose("torch-bf16", tmp_path / "other")
