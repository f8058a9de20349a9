"""What docs/api.md shows is run as it is written, against a whole installation."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from bench import installation
from tests.conftest import MakeJpeg

DOCS = Path(settings.BASE_DIR) / "docs" / "api.md"
pytestmark = [pytest.mark.process, pytest.mark.xdist_group("api docs")]


def blocks(language: str) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```$", DOCS.read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"docs/api.md shows no {language}"
    return "\n".join(found)


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A running site with the fake models, and a token of its administrator."""
    fakes = {"MMSITE_CAPTIONER": "fake", "MMSITE_ENCODER": "fake", "MMSITE_TEXT_READER": "none"}
    variables = installation.environment(tmp_path_factory.mktemp("site")) | fakes
    with installation.running(variables) as site:
        make = (
            "from gallery.models import User; from api.tokens import token_create; "
            "print(token_create(owner=User.objects.get(), name='docs', scopes=['read', 'write', 'share']).secret)"
        )
        shell = [*installation.MANAGE, "shell", "--verbosity", "0", "--command", make]
        told = subprocess.run(shell, env=variables, check=True, capture_output=True, text=True)
        yield {**os.environ, "MMSITE": site.url, "TOKEN": told.stdout.strip()}


def run(command: list[str], program: str, folder: Path, environment: dict[str, str]) -> str:
    ended = subprocess.run(
        command, input=program, env=environment, cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_curl(environment: dict[str, str], tmp_path: Path, make_jpeg: MakeJpeg) -> None:
    if shutil.which("curl") is None or shutil.which("bash") is None:
        pytest.skip("curl or bash is not installed here: the examples with curl were not run")
    (tmp_path / "boat.jpg").write_bytes(make_jpeg("red"))
    said = run(["bash", "-euo", "pipefail"], blocks("bash"), tmp_path, environment)
    assert '"state":"ready"' in said
    assert '"Our boat in the harbour"' in said
    assert f"{environment['MMSITE']}/s/" in said


def test_python(environment: dict[str, str], tmp_path: Path, make_jpeg: MakeJpeg) -> None:
    (tmp_path / "boat.jpg").write_bytes(make_jpeg("blue"))
    said = run([sys.executable, "-"], blocks("python"), tmp_path, environment)
    assert f"{environment['MMSITE']}/s/" in said
    assert "Our boat, seen from the harbour" in said
