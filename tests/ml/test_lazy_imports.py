"""Whatever Django imports before it forks must not bring torch along."""

import subprocess
import sys

import pytest

CHECK = """
import sys
import ml, ml.devices, ml.registry, ml.interfaces, ml.errors, ml.hub, ml.readers.rapidocr, ml.__main__
{more}
heavy = set(sys.modules) & {{
    "torch", "transformers", "huggingface_hub", "safetensors", "tokenizers", "onnxruntime", "cv2", "rapidocr", "django"
}}
sys.exit(", ".join(sorted(heavy)) or 0)
"""


def run(more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", CHECK.format(more=more)], capture_output=True, text=True, check=False)


def test_the_front_door_and_the_registry_import_nothing_heavy() -> None:
    result = run("")
    assert (result.returncode, result.stderr) == (0, "")


def test_the_fakes_import_nothing_heavy() -> None:
    result = run(
        "ml.serve_on('cuda'); ml.load_encoder('fake').encode_texts(['red']); "
        "ml.load_captioner('fake'); ml.load_reader('fake')"
    )
    assert (result.returncode, result.stderr) == (0, "")


@pytest.mark.parametrize(
    "command", [["--help"], ["data", "--help"], ["evaluate", "--help"], ["train", "--help"]], ids=" ".join
)
def test_help_imports_nothing_heavy(command: list[str]) -> None:
    result = run(f"ml.__main__.main({command})")
    assert (result.returncode, result.stderr) == (0, "")
