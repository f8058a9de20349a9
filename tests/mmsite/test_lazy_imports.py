"""torch and faiss stay out of every process until it needs a model: used before a fork, they hang the child. What talks
to servers stays out of it until there is a server."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

HEAVY = ("torch", "transformers", "faiss", "onnxruntime", "cv2", "boto3", "qdrant_client", "redis")


@pytest.mark.parametrize(
    "imports",
    [
        "mmsite.urls, mmsite.wsgi",
        "mmsite.tasks, mmsite.management.commands.qcluster",
        "mmsite.supervisor, mmsite.management.commands.run, mmsite.gunicorn_conf",
        "mmsite.management.commands.setup, mmsite.management.commands.doctor",
    ],
)
def test_nothing_heavy_is_imported_before_it_is_needed(imports: str) -> None:
    code = f"import sys, django; django.setup(); import {imports}; print([m for m in {HEAVY} if m in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "mmsite.settings.test"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines()[-1] == "[]"
