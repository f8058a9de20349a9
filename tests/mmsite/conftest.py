"""What the tests of whole processes, of buckets and of Redis start from."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.conf import settings as django_settings
from django.db import connection
from django_q.conf import Conf

from mmsite import broker, queues
from search import versions
from tests.mmsite.processes import redis_answers

UseRedis = Callable[[str], dict[str, str]]

# `make test` sets it.
REDIS_URL = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/0")


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


@pytest.fixture
def site_name() -> str:
    """The site's name in the keys of Redis, so that tests don't hear each other."""
    return f"test-{uuid4().hex}"


@pytest.fixture
def use_redis(settings: Any, monkeypatch: pytest.MonkeyPatch, site_name: str) -> Iterator[UseRedis]:
    """Makes a server the broker of this process; gives what makes it that of child processes."""

    def use(url: str) -> dict[str, str]:
        settings.REDIS_URL = url
        broker.client.cache_clear()
        return {"MMSITE_REDIS_URL": url, "MMSITE_TEST_SITE": site_name}

    monkeypatch.setattr(queues, "_quiet_until", 0.0)
    monkeypatch.setattr(queues, "QUIET_SECONDS", 0.0)
    settings.Q_CLUSTER = settings.Q_CLUSTER | {"name": site_name}
    for variable in ("PREFIX", "CLUSTER_NAME"):
        monkeypatch.setattr(Conf, variable, site_name)
    monkeypatch.setattr(Conf, "BROKER_CLASS", "mmsite.broker.RedisBroker")
    broker.client.cache_clear()
    yield use
    broker.client().close()
    broker.client.cache_clear()


@pytest.fixture
def redis_site(use_redis: UseRedis, environment: dict[str, str], site_name: str) -> Iterator[dict[str, str]]:
    """The environment of processes on the server that all tests share."""
    if not redis_answers(REDIS_URL):
        pytest.skip(f"No Redis server answers at {REDIS_URL}: `make test-services` installs one")
    yield environment | use_redis(REDIS_URL)
    with redis.Redis.from_url(REDIS_URL) as client:
        for key in client.scan_iter(f"django_q:{site_name}*"):
            client.delete(key)
