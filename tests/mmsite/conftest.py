"""What the tests of whole processes start from."""

import os
import socket
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.db import connection

from search import versions


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Child processes work on this test's database and files."""
    versions.model_version_ensure()
    name = connection.settings_dict["NAME"]
    if connection.vendor == "sqlite":
        url = f"sqlite:///{name}"
    else:
        url = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/".format(**connection.settings_dict) + name
    return {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "tests.mmsite.process_settings",
        "MMSITE_DATA_DIR": str(tmp_path),
        "MMSITE_DATABASE_URL": url,
        "MMSITE_SECRET_KEY": django_settings.SECRET_KEY,
        "OMP_NUM_THREADS": "1",
    }


@pytest.fixture
def site(environment: dict[str, str]) -> dict[str, str]:
    """The environment for a whole site, at a free address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # The supervisor finds the site well by its own address, whatever its public name is.
    return environment | {"MMSITE_ADDRESS": f"127.0.0.1:{port}", "MMSITE_HOSTS": "photos.example"}
