"""What the environment makes of the settings: each in a process of its own, since settings are read once."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

NAMES = ("VECTOR_INDEX", "VECTOR_FALLBACK", "METRICS_TOKEN", "Q_CLUSTER", "STORAGES", "QUEUES", "WEB_WORKERS")
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
    assert (options["on_disk"], options["replicas"]) == (None, None), "for the index or the server to choose"
    assert served["VECTOR_FALLBACK"] == FAISS


def test_the_fallback_can_be_left_out(tmp_path: Path) -> None:
    lean = settings_of(
        tmp_path, QDRANT_URL="https://qdrant:6333", QDRANT_FALLBACK="0", QDRANT_CA_FILE="/ca.pem", QDRANT_ON_DISK="0"
    )
    assert lean["VECTOR_FALLBACK"] is None
    options = lean["VECTOR_INDEX"]["OPTIONS"]
    assert (options["verify"], options["on_disk"]) == ("/ca.pem", False)


def test_wake_ups_go_through_the_database_unless_there_is_a_redis_server(tmp_path: Path) -> None:
    assert settings_of(tmp_path)["Q_CLUSTER"]["orm"] == "default"
    wakes = settings_of(tmp_path, REDIS_URL="redis://redis:6379/1")["Q_CLUSTER"]
    assert (wakes["broker_class"], "orm" in wakes) == ("mmsite.broker.RedisBroker", False)


def test_pictures_lie_in_a_folder_unless_there_is_a_bucket(tmp_path: Path) -> None:
    assert settings_of(tmp_path)["STORAGES"]["default"] == {"BACKEND": "gallery.storage.DurableFileSystemStorage"}
    there = settings_of(tmp_path, S3_BUCKET="pictures", S3_ENDPOINT="http://store:9000", S3_ADDRESSING="path")
    assert there["STORAGES"]["default"] == {
        "BACKEND": "gallery.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": "pictures",
            "endpoint_url": "http://store:9000",
            "region_name": None,
            "addressing_style": "path",
            "location": "",
        },
    }


def test_a_machine_works_on_every_queue_unless_told_which(tmp_path: Path) -> None:
    assert settings_of(tmp_path)["QUEUES"] == ["default"]
    assert settings_of(tmp_path, GPU_QUEUE="1")["QUEUES"] == ["default", "models"]
    assert settings_of(tmp_path, GPU_QUEUE="1", QUEUES="models")["QUEUES"] == ["models"]
    with pytest.raises(subprocess.CalledProcessError) as error_info:
        settings_of(tmp_path, QUEUES="models")
    assert "MMSITE_QUEUES='models' is not a comma-separated choice from default." in error_info.value.stderr


def checked(tmp_path: Path, **environment: str) -> str:
    """What `manage.py check --deploy` finds."""
    variables = {f"MMSITE_{name}": value for name, value in environment.items()}
    run = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy"],
        cwd=django_settings.BASE_DIR,
        env={"PATH": os.environ["PATH"], "MMSITE_DATA_DIR": str(tmp_path)} | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout + run.stderr


def test_a_site_behind_https_is_well_deployed(tmp_path: Path) -> None:
    assert "no issues" in checked(tmp_path, HTTPS="1", HOSTS="gallery.example.com")
    found = checked(tmp_path, HTTPS="1", HOSTS="gallery.example.com", HTTPS_REDIRECT="0", HSTS_SECONDS="0")
    assert "security.W004" in found
    assert "security.W008" in found


def test_at_home_nobody_is_sent_to_https(db: None, client: Client, settings: Any) -> None:
    assert not settings.SECURE_SSL_REDIRECT
    assert settings.SECURE_HSTS_SECONDS == 0
    assert client.get("/healthz").status_code == 200


def test_behind_https_all_but_machines_from_within_are_sent_there(db: None, client: Client, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_HSTS_SECONDS = True, 3_600
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    sent_on = client.get("/public/")
    assert (sent_on.status_code, sent_on["Location"]) == (301, "https://testserver/public/")
    there = client.get("/public/", headers={"X-Forwarded-Proto": "https"})
    assert (there.status_code, there["Strict-Transport-Security"]) == (200, "max-age=3600")
    assert client.get("/healthz").status_code == 200  # which the supervisor asks for
    assert client.get("/metrics").status_code != 301
