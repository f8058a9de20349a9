"""What the tests of whole processes, and of other places for pictures, start from."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

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


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of moto's server: a stand-in for S3, but one that speaks HTTP and that boto3 takes for the real."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3_server: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bucket of this test's own, where pictures go from now on; boto3's own view of it."""
    import boto3

    for name, value in {"ACCESS_KEY_ID": "ada", "SECRET_ACCESS_KEY": "engine", "EC2_METADATA_DISABLED": "true"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    made = boto3.resource("s3", endpoint_url=s3_server, region_name="us-east-1").Bucket(f"pictures-{uuid4().hex}")
    made.create()
    options = {
        "bucket_name": made.name,
        "endpoint_url": s3_server,
        "region_name": "us-east-1",
        "addressing_style": "path",
        "location": "site",
    }
    settings.S3_BUCKET = made.name
    settings.STORAGES = settings.STORAGES | {"default": {"BACKEND": "gallery.s3.S3Storage", "OPTIONS": options}}
    yield made
    made.objects.all().delete()
    made.delete()
    made.meta.client.close()
