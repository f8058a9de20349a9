"""Each thing that can be wrong with vectors is made so on purpose; tests/search/test_drift.py does so with indexes."""

from collections.abc import Callable
from typing import Any

import pytest

from captioning.services import caption_write_by_person
from gallery import trash
from gallery.findings import Finding, Scope
from gallery.models import Image, User
from mmsite import worker
from search import fsck, versions
from search.models import CaptionEmbedding, Embedding, ModelVersion
from tests.search.conftest import FakeEncoder, OtherEncoder

DAMAGED = [b"short", b"\xff\x7f" * 64]  # not so many numbers; none of them finite


def check(**scope: Any) -> list[Finding]:
    return list(fsck.check_vectors(Scope(**scope)))


def kinds(**scope: Any) -> list[tuple[str, bool]]:
    return [(finding.kind, finding.repaired) for finding in check(**scope)]


@pytest.fixture
def described(library: list[Image], user: User) -> list[Image]:
    """The library, of whose first picture a person said something."""
    caption_write_by_person(image_id=library[0].pk, author=user, text="a red wall")
    worker.work_until_idle()
    return library


def test_vectors_that_are_well(described: list[Image], make_image: Callable[..., Image], user: User) -> None:
    trash.images_trash(images=[described[1]], by=user)
    make_image("yellow")  # which is still to be embedded
    caption_write_by_person(image_id=described[2].pk, author=user, text="a wall")  # so is this
    seen: list[int] = []
    assert check(progress=seen.append) == []
    assert sum(seen) == fsck.CHECKS[0].total() == 4  # type: ignore[misc]  it has one


def test_one_that_is_missing_is_made_again(library: list[Image]) -> None:
    Embedding.objects.filter(image_id=library[0].pk).delete()
    [finding] = check()
    assert (finding.kind, finding.subject) == ("vector-missing", f"picture {library[0].uuid}")
    assert kinds(repair=True) == [("vector-missing", True)]
    assert kinds() == [], "it is being made"
    worker.work_until_idle()
    assert Embedding.objects.filter(image_id=library[0].pk, vector__isnull=False).exists()
    assert kinds() == []


@pytest.mark.parametrize("vector", DAMAGED)
def test_one_that_is_damaged_is_made_again(library: list[Image], vector: bytes) -> None:
    Embedding.objects.filter(image_id=library[1].pk).update(vector=vector)
    assert kinds() == [("vector-damaged", False)]
    assert kinds(repair=True) == [("vector-damaged", True)]
    assert kinds() == [], "it is being made"
    worker.work_until_idle()
    assert kinds() == []


def test_one_of_a_model_that_is_here_no_longer_is_told_of(
    library: list[Image], encoders: dict[str, FakeEncoder]
) -> None:
    """Its name is another one's, whose vectors are still being made."""
    encoders["fake"] = OtherEncoder()
    versions.model_version_ensure()
    Embedding.objects.filter(image_id=library[0].pk).delete()
    [finding] = check(repair=True)
    assert (finding.kind, finding.repaired) == ("vector-missing", False)
    assert "another one has taken the place of" in finding.detail


def test_of_a_picture_that_is_gone_nothing_is_left(described: list[Image]) -> None:
    Image.objects.filter(pk=described[0].pk).delete()
    assert kinds() == [("vector-orphaned", False)] * 2
    assert kinds(repair=True) == [("vector-orphaned", True)] * 2
    assert kinds() == []
    assert Embedding.objects.get(image_id=described[0].pk).vector is None
    said = CaptionEmbedding.objects.get(image_id=described[0].pk)
    assert (said.vector, said.text) == (None, "")


class TestCaptions:
    def test_one_that_is_missing_is_made_again(self, described: list[Image], version: ModelVersion) -> None:
        CaptionEmbedding.objects.all().delete()
        self.is_repaired("caption-vector-missing")
        assert CaptionEmbedding.objects.get().text == "a red wall"

    def test_one_that_is_damaged_is_made_again(self, described: list[Image], version: ModelVersion) -> None:
        CaptionEmbedding.objects.update(vector=DAMAGED[1])
        self.is_repaired("caption-vector-damaged")

    def test_one_of_what_nobody_says_any_more_goes(self, described: list[Image], version: ModelVersion) -> None:
        Image.objects.update(description_by_person=False)
        self.is_repaired("caption-vector-outdated")
        assert CaptionEmbedding.objects.get().vector is None

    def is_repaired(self, kind: str) -> None:
        assert kinds() == [(kind, False)]
        assert kinds(repair=True) == [(kind, True)]
        assert kinds() == [], "it is being made"
        worker.work_until_idle()
        assert kinds() == []
