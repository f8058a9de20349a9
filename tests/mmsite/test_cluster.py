"""Several hosts of one site, each a supervisor with a data folder of its own, over real HTTP: what they share is the
database, Redis, and a bucket (of moto, which speaks S3's protocol)."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from bench.client import Client
from bench.installation import ADMIN, PASSWORD
from gallery.models import Image, Stage, User
from mmsite.supervisor import is_healthy
from tests.conftest import MakeJpeg
from tests.mmsite.processes import child_groups, nothing_open, running, wait_for

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def cluster(redis_site: dict[str, str], site: dict[str, str], bucket: Any, s3_server: str) -> dict[str, str]:
    """What all hosts are told."""
    return (
        site
        | redis_site
        | {
            "MMSITE_GPU_QUEUE": "1",
            "MMSITE_S3_BUCKET": bucket.name,
            "MMSITE_S3_ENDPOINT": s3_server,
            "MMSITE_S3_REGION": "us-east-1",
            "MMSITE_S3_ADDRESSING": "path",
            "AWS_ACCESS_KEY_ID": "ada",
            "AWS_SECRET_ACCESS_KEY": "engine",
        }
    )


def host(cluster: dict[str, str], folder: Path, **own: str) -> dict[str, str]:
    folder.mkdir()
    return cluster | {"MMSITE_DATA_DIR": str(folder)} | {f"MMSITE_{name}": value for name, value in own.items()}


def test_a_picture_goes_from_one_host_to_the_next(
    cluster: dict[str, str], bucket: Any, make_jpeg: MakeJpeg, tmp_path: Path
) -> None:
    User.objects.create_superuser(ADMIN, password=PASSWORD)
    address = cluster["MMSITE_ADDRESS"]
    with ExitStack() as hosts:
        web = hosts.enter_context(running(host(cluster, tmp_path / "web", WEB_WORKERS="2"), "run", "--only", "web"))
        for queue in ("default", "models"):
            own = host(cluster, tmp_path / queue, QUEUES=queue)
            worker = hosts.enter_context(running(own, "run", "--only", "worker"))
            wait_for(lambda worker=worker: len(child_groups(worker.pid)) == 1, "there is one worker")
        wait_for(lambda: is_healthy(address), "the site answers")
        assert len(child_groups(web.pid)) == 1

        client = Client(f"http://{address}")
        for colour in ("red", "blue"):
            client.upload(f"{colour}.jpg", make_jpeg(colour))
        wait_for(lambda: Stage.objects.count() == 6 and nothing_open(), "all work is done")
        assert set(Stage.objects.values_list("state", flat=True)) == {"done"}
        assert len(list(bucket.objects.all())) == 6
        assert not any((tmp_path / folder / "media").exists() for folder in ("web", "default", "models"))

        page = client.search("a mostly red picture")
        red = Image.objects.get(description="a mostly red picture")
        assert str(red.uuid) in page
