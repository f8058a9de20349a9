"""What people said of a picture finds it by what it means, not by its words alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from gallery import services as gallery_services
from gallery.models import Image, User
from ml.encoders.fake import FakeEncoder
from search import captions, engine
from search.query.answer import SearchHit, search_images
from search.query.cutoff import Background
from search.query.legs import MEANING

Embedded = Callable[..., Image]


@pytest.fixture
def described(embedded: Embedded) -> Callable[..., Image]:
    """A picture, ready for search, of which a person said something: `described("red", "a blue boat", owner=…)`."""

    def make(color: str, text: str, **kwargs: Any) -> Image:
        image = embedded(color, **kwargs)
        gallery_services.image_describe(image_id=image.pk, text=text, unsure=False, by_person=True)
        captions.embed_due()
        return image

    return make


@pytest.fixture
def background(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts that are about as near to a color as any."""
    vectors = np.random.default_rng(0).normal(size=(40, 64)).astype(np.float32)
    texts = Background.of(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    monkeypatch.setattr(engine, "background", lambda version: texts)


def hit_of(image: Image, user: User, query: str, **more: Any) -> SearchHit:
    (hit,) = [hit for hit in search_images(viewer=user, query=query, **more).hits if hit.image == image]
    return hit


def test_a_caption_counts_for_what_it_means(described: Any, embedded: Embedded, user: User) -> None:
    said = described("red", "a blue boat")
    embedded("green")
    hit = hit_of(said, user, "blue ship")
    assert hit.ranks[MEANING] == 1
    assert ("meaning", 1) in [(leg.label, rank) for leg, rank in hit.why]
    first, *_ = search_images(viewer=user, query="blue ship").hits
    assert first.image == said


@pytest.mark.usefixtures("background")
def test_one_that_means_the_same_is_a_match(described: Any, user: User) -> None:
    said, other = described("red", "a blue boat"), described("green", "a yellow car")
    assert hit_of(said, user, "blue ship").is_match
    assert not hit_of(other, user, "blue ship").is_match


def test_without_a_background_it_only_ranks(described: Any, user: User) -> None:
    said = described("red", "a blue boat")
    assert not hit_of(said, user, "blue ship").is_match


def test_what_a_model_says_counts_by_its_words_alone(described: Any, user: User) -> None:
    said = described("red", "a blue boat")
    gallery_services.image_describe(image_id=said.pk, text="a blue boat", unsure=False, by_person=False)
    captions.embed_due()
    assert MEANING not in hit_of(said, user, "blue ship").ranks


def test_others_private_pictures_stay_unfound(described: Any, user: User, other_user: User) -> None:
    theirs = described("red", "a blue boat", owner=other_user)
    mine = described("green", "a blue car")
    assert [hit.image for hit in search_images(viewer=user, query="blue").hits] == [mine]
    assert hit_of(theirs, other_user, "blue").ranks[MEANING] == 1


def test_pictures_and_filters_narrow_it(described: Any, user: User) -> None:
    said, other = described("red", "a blue boat"), described("green", "a blue car")
    assert MEANING not in hit_of(said, user, "", picture=PILImage.new("RGB", (8, 8), "blue")).ranks
    assert MEANING not in hit_of(said, user, f"~{other.uuid}").ranks
    assert MEANING in hit_of(said, user, f"blue ~{other.uuid}").ranks
    assert [hit.image for hit in search_images(viewer=user, query="blue -car").hits] == [said]


def test_it_asks_the_encoder_and_the_database_no_more(
    described: Any, embedded: Embedded, user: User, django_assert_max_num_queries: Any, encoders: dict[str, Any]
) -> None:
    encoded: list[list[str]] = []

    class Counting(FakeEncoder):
        def encode_texts(self, texts: Any) -> Any:
            encoded.append(list(texts))
            return super().encode_texts(texts)

    embedded("red")
    encoders["fake"] = Counting()
    search_images(viewer=user, query="red")
    with django_assert_max_num_queries(20) as without:
        search_images(viewer=user, query="green")
    described("red", "a blue boat")
    search_images(viewer=user, query="red")
    encoded.clear()
    with django_assert_max_num_queries(len(without)):
        search_images(viewer=user, query="blue")
    assert encoded == [["blue"]]


def test_pictures_that_nobody_described_keep_their_place(described: Any, embedded: Embedded, user: User) -> None:
    plain, said = embedded((250, 0, 0)), described("red", "a yellow car")
    assert [hit.image for hit in search_images(viewer=user, query="red").hits] == [plain, said]
