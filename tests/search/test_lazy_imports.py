"""Starting Django, and every command that doesn't search, must not pay for FAISS or torch."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = "{'faiss', 'torch', 'transformers'}"


@pytest.mark.parametrize(
    "work",
    [
        "import search.index, search.selectors, search.services, search.admin, captioning.services, captioning.admin",
        "from django.core.management import call_command; call_command('check')",
        "from django.core.management import call_command; call_command('makemigrations', check=True, dry_run=True)",
        "from mmsite import urls",
    ],
)
def test_nothing_heavy_is_imported(work: str, tmp_path: Path) -> None:
    code = f"import django; django.setup(); {work}; import sys; print(sorted({HEAVY} & sys.modules.keys()))"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "mmsite.settings.prod",
        "MMSITE_DATA_DIR": str(tmp_path),
        "MMSITE_DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3",
    }
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == "[]"
