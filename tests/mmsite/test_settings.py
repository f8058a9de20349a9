"""What the environment makes of the settings: each in a process of its own, since settings are read once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.conf import settings as django_settings

NAMES = ("VECTOR_INDEX", "VECTOR_FALLBACK", "METRICS_TOKEN")
SHOW = "import json; from mmsite.settings import base; print(json.dumps({name: getattr(base, name) for name in %r}))"
FAISS = {"BACKEND": "search.backends.faiss.FaissIndex", "OPTIONS": {}}


def settings_of(tmp_path: Path, **environment: str) -> Any:
    variables = {f"MMSITE_{name}": value for name, value in environment.items()}
    shown = subprocess.run(
        [sys.executable, "-c", SHOW % (NAMES,)],
        cwd=django_settings.BASE_DIR,
        env={"PATH": os.environ["PATH"], "MMSITE_DATA_DIR": str(tmp_path)} | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(shown.stdout)


def test_vectors_are_searched_in_each_process_unless_there_is_a_server(tmp_path: Path) -> None:
    alone = settings_of(tmp_path, QDRANT_SHARDS="6")
    assert (alone["VECTOR_INDEX"], alone["VECTOR_FALLBACK"], alone["METRICS_TOKEN"]) == (FAISS, None, "")

    served = settings_of(tmp_path, QDRANT_URL="http://qdrant:6333", QDRANT_SHARDS="6", QDRANT_SEARCH_TIMEOUT="0.5")
    assert served["VECTOR_INDEX"]["BACKEND"] == "search.backends.qdrant.QdrantIndex"
    options = served["VECTOR_INDEX"]["OPTIONS"]
    assert (options["url"], options["shards"], options["search_timeout"]) == ("http://qdrant:6333", 6, 0.5)
    assert options["verify"] is True
    assert served["VECTOR_FALLBACK"] == FAISS


def test_the_fallback_can_be_left_out(tmp_path: Path) -> None:
    lean = settings_of(tmp_path, QDRANT_URL="https://qdrant:6333", QDRANT_FALLBACK="0", QDRANT_CA_FILE="/ca.pem")
    assert lean["VECTOR_FALLBACK"] is None
    assert lean["VECTOR_INDEX"]["OPTIONS"]["verify"] == "/ca.pem"
