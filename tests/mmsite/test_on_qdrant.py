"""A whole site, web and worker, on a vector server that comes and goes."""

import http.client
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest

from gallery import services as gallery_services
from gallery.models import Image
from mmsite.supervisor import is_healthy
from search import factory
from search.models import ModelVersion
from tests.faults.qdrant_server import Answer, CutShort, Fault, QdrantServer, Refused, Slow
from tests.mmsite.processes import nothing_open, running, wait_for

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True)]

FAULTS: list[Fault] = [Refused(), Slow(5.0), Answer(500), CutShort()]
FLAPS = 20


def page(address: str, path: str) -> str:
    link = http.client.HTTPConnection(address, timeout=60)
    try:
        link.request("GET", path)
        answer = link.getresponse()
        assert answer.status == 200
        return answer.read().decode()
    finally:
        link.close()


def test_flapping_costs_no_search_and_leaves_no_drift(site: dict[str, str], make_image: Callable[..., Image]) -> None:
    """Twenty times down and up while pictures come, change and go, and people search."""
    address = site["MMSITE_ADDRESS"]

    def found(color: str) -> bool:
        return str(public.uuid) in page(address, f"/search/?q={quote(color)}")

    with QdrantServer() as server, running(site | {"MMSITE_QDRANT_URL": server.url}, "run"):
        public = make_image("red", visibility="public")
        wait_for(lambda: is_healthy(address), "web answers")
        wait_for(lambda: nothing_open() and found("red"), "the first picture is found")
        wait_for(lambda: held(server) == {public.pk}, "the server holds it")
        for turn in range(FLAPS):
            server.fault = FAULTS[turn % len(FAULTS)]
            image = make_image((turn * 12, 40, 80), visibility="public")
            assert found("red")
            time.sleep(0.2)
            if turn % 3 == 0:
                gallery_services.images_delete(images=[image])
            server.fault = None
            assert found("red")
        wait_for(lambda: nothing_open() and held(server) == pictures(), "the server is level again")
        assert found("red")


def pictures() -> set[int]:
    return set(Image.objects.values_list("pk", flat=True))


def held(server: QdrantServer) -> set[int]:
    """The pictures that the server holds."""
    name = f"mmsite-{factory.create(ModelVersion.objects.get()).name}"
    if not server.local.collection_exists(name):
        return set()
    return {record.id for record in server.local.scroll(name, limit=1_000)[0]}
