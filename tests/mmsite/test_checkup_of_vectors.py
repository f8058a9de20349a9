"""What the doctor says of the vector server."""

from typing import Any

import pytest

from mmsite.checkup import check_index, check_vector_server
from search import index, pushing
from search.backends.retries import Retries
from search.models import ModelVersion
from search.versions import model_version_ensure
from tests.faults.qdrant_server import Answer, QdrantServer


@pytest.fixture
def server(settings: Any, db: None) -> Any:
    with QdrantServer() as server:
        settings.VECTOR_FALLBACK = settings.VECTOR_INDEX
        options = {"url": server.url, "retries": Retries(attempts=1)}
        settings.VECTOR_INDEX = {"BACKEND": "search.backends.qdrant.QdrantIndex", "OPTIONS": options}
        index.reset()
        pushing.reset()
        model_version_ensure()
        pushing.push()
        yield server
    index.reset()
    pushing.reset()


def test_one_that_is_well(server: QdrantServer, make_image: Any) -> None:
    finding = check_vector_server()
    assert finding.is_well
    assert finding.sentence.startswith(f"0 points at {server.url} mmsite-")


def test_one_that_is_down_is_told_with_what_to_do(server: QdrantServer, settings: Any) -> None:
    server.fault = Answer(503)
    finding = check_vector_server()
    assert not finding.is_well
    assert "503" in finding.sentence
    assert "MMSITE_QDRANT_URL" in finding.advice
    assert check_index().is_well  # this process's own answers
    settings.VECTOR_FALLBACK = None
    index.reset()
    assert not check_index().is_well


def test_one_that_is_far_behind(server: QdrantServer) -> None:
    ModelVersion.objects.update(last_seq=5_000)
    finding = check_vector_server()
    assert "5,000 changes behind" in finding.sentence
    assert finding.advice.startswith("Wait")
