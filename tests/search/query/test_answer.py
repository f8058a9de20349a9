"""Searches find the right pictures, say honestly how good they are, and never show what is not the viewer's to see."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from PIL import Image as PILImage

from gallery import services as gallery_services
from gallery.models import Image, User
from search import services, versions
from search.backends.base import Hit
from search.live import Answer, LiveIndex
from search.models import Embedding, ModelVersion
from search.query.answer import SPARE_HITS, SearchResult, images_like_picture, search_images
from search.vectors import unpack
from tests.search.conftest import OtherEncoder

MakeImage = Callable[..., Image]
Embedded = Callable[..., Image]


def shown(result: SearchResult) -> list[Image]:
    return [hit.image for hit in result.hits]


class TestFinding:
    def test_the_right_picture_comes_first(self, embedded: Embedded, user: User) -> None:
        images = {color: embedded(color) for color in ("red", "green", "blue")}
        for color, image in images.items():
            result = search_images(viewer=user, query=f"a {color} thing")
            assert result.state == "ok"
            assert shown(result)[0] == image
            assert set(shown(result)) == set(images.values())

    def test_scores_are_cosines_best_first(self, embedded: Embedded, user: User) -> None:
        for color in ("red", "green", "blue"):
            embedded(color)
        scores = [hit.score for hit in search_images(viewer=user, query="red").hits]
        assert scores == sorted(scores, reverse=True)
        assert scores[0] == pytest.approx(1.0, abs=0.01)
        assert all(-1.0 <= score <= 1.0 for score in scores)

    def test_no_more_than_asked_for(self, embedded: Embedded, user: User) -> None:
        for color in ("red", "green", "blue"):
            embedded(color)
        assert len(search_images(viewer=user, query="red", limit=2).hits) == 2

    def test_spaces_do_not_matter(self, embedded: Embedded, user: User) -> None:
        embedded("red")
        assert search_images(viewer=user, query="  red \n sky ") == search_images(viewer=user, query="red sky")

    def test_a_picture_finds_those_like_it(self, embedded: Embedded, user: User) -> None:
        embedded("red")
        blue = embedded("blue")
        result = images_like_picture(viewer=user, picture=PILImage.new("RGB", (9, 9), "blue"), limit=1)
        assert result.state == "ok"
        assert shown(result) == [blue]

    def test_hits_carry_what_cards_show(self, embedded: Embedded, user: User, django_assert_num_queries: Any) -> None:
        image = embedded("red")
        gallery_services.renditions_create(image=image, picture=PILImage.new("RGB", (64, 48), "red"))
        (hit,) = search_images(viewer=user, query="red").hits
        with django_assert_num_queries(0):
            assert hit.image.thumbnail is not None
            assert list(hit.image.stages.all())

    @pytest.mark.parametrize(
        ("query", "statements"),
        [
            # the version, what others share, words, what may be listed, the pictures, their renditions, their work
            ("red", 7),
            # what is let through instead of what others share, and how many hold each word
            ("red dog -cat by:me", 8),
            # who holds "cat" as well as what others share
            ("red dog -cat", 9),
            # and who holds "picture"
            ('"picture" -cat dog', 10),
        ],
    )
    def test_the_number_of_statements_does_not_grow(
        self, embedded: Embedded, user: User, django_assert_num_queries: Any, query: str, statements: int
    ) -> None:
        embedded("red")
        search_images(viewer=user, query=query)
        with django_assert_num_queries(statements):
            search_images(viewer=user, query=query)
        for shade in range(0, 200, 20):
            embedded((shade, 0, 0))
        search_images(viewer=user, query=query)
        with django_assert_num_queries(statements):
            assert len(search_images(viewer=user, query=query).hits) == 11


class TestStates:
    def test_an_empty_library(self, version: ModelVersion, user: User) -> None:
        assert search_images(viewer=user, query="red").state == "empty_library"

    def test_a_library_that_is_empty_for_this_viewer(self, embedded: Embedded, other_user: User, user: User) -> None:
        embedded("red", owner=other_user)
        assert search_images(viewer=user, query="red").state == "empty_library"
        assert search_images(viewer=AnonymousUser(), query="red").state == "empty_library"

    def test_no_match_lists_the_nearest_all_the_same(self, embedded: Embedded, user: User) -> None:
        image = embedded("red")
        result = search_images(viewer=user, query="blue")
        assert result.state == "no_match"
        assert shown(result) == [image]

    def test_a_picture_always_has_a_nearest(self, embedded: Embedded, user: User) -> None:
        embedded("red")
        result = images_like_picture(viewer=user, picture=PILImage.new("RGB", (9, 9), "blue"))
        assert result.state == "ok"

    def test_an_encoder_without_a_floor_calls_nothing_a_mismatch(
        self, embedded: Embedded, user: User, encoders: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        embedded("red")
        assert search_images(viewer=user, query="blue").is_judged
        monkeypatch.setattr(encoders["fake"], "match_floor", None, raising=False)
        result = search_images(viewer=user, query="blue")
        assert (result.state, result.is_judged) == ("ok", False)

    @pytest.mark.parametrize("query", ["", "  \n "])
    def test_no_words_match_nothing(self, version: ModelVersion, user: User, query: str) -> None:
        assert search_images(viewer=user, query=query) == SearchResult("no_match")

    def test_before_the_worker_has_set_a_model_up(self, user: User) -> None:
        result = search_images(viewer=user, query="red")
        assert (result.state, result.hits) == ("not_ready", [])
        assert "model" in result.sentence

    def test_pictures_that_wait_for_their_vectors(
        self, version: ModelVersion, make_image: MakeImage, user: User
    ) -> None:
        make_image("red")
        result = search_images(viewer=user, query="red")
        assert (result.state, result.hits) == ("not_ready", [])
        assert "(1)" in result.sentence

    def test_a_model_that_is_missing(self, embedded: Embedded, user: User) -> None:
        embedded("red")
        ModelVersion.objects.update(name="nobody/has-this")
        result = search_images(viewer=user, query="red")
        assert result.state == "not_ready"
        assert "nobody/has-this" in result.sentence
        for_strangers = search_images(viewer=AnonymousUser(), query="red")
        assert (for_strangers.state, for_strangers.sentence) == ("not_ready", "The search model can't be used.")

    def test_a_model_that_was_replaced(self, embedded: Embedded, user: User, encoders: dict[str, Any]) -> None:
        images = [embedded("red"), embedded("blue")]
        encoders["fake"] = OtherEncoder()
        result = search_images(viewer=user, query="red")
        assert result.state == "not_ready"
        assert "model changed" in result.sentence

        new = versions.model_version_ensure()
        services.embeddings_write(version=new, image_ids=[images[0].pk], pictures=[PILImage.new("RGB", (8, 8), "red")])
        assert "(50% done)" in search_images(viewer=user, query="red").sentence

        services.embeddings_write(version=new, image_ids=[images[1].pk], pictures=[PILImage.new("RGB", (8, 8), "blue")])
        versions.model_version_activate_when_covered()
        assert shown(search_images(viewer=user, query="red"))[0] == images[0]

    def test_another_model_never_empties_search(
        self, embedded: Embedded, user: User, encoders: dict[str, Any], settings: Any
    ) -> None:
        image = embedded("red")
        settings.ENCODER = "other"
        versions.model_version_ensure()
        assert shown(search_images(viewer=user, query="red")) == [image]


class TestPrivacy:
    @pytest.mark.parametrize("visibility", ["private", "link"])
    def test_what_others_do_not_list_never_turns_up(
        self, embedded: Embedded, user: User, other_user: User, visibility: str
    ) -> None:
        mine = embedded("blue")
        theirs = embedded("red", owner=other_user, visibility=visibility)
        picture = PILImage.new("RGB", (8, 8), "red")
        assert shown(search_images(viewer=user, query="red")) == [mine]
        assert shown(images_like_picture(viewer=user, picture=picture)) == [mine]
        assert search_images(viewer=AnonymousUser(), query="red").hits == []
        assert shown(search_images(viewer=other_user, query="red")) == [theirs]

    def test_public_pictures_are_everybodys(self, embedded: Embedded, user: User, other_user: User) -> None:
        theirs = embedded("red", owner=other_user, visibility="public")
        for viewer in (user, other_user, AnonymousUser()):
            assert shown(search_images(viewer=viewer, query="red")) == [theirs]

    def test_right_after_it_was_made_private(self, embedded: Embedded, user: User, other_user: User) -> None:
        image = embedded("red", owner=other_user, visibility="public")
        assert shown(search_images(viewer=user, query="red")) == [image]
        gallery_services.image_set_visibility(image=image, visibility="private")
        assert shown(search_images(viewer=user, query="red")) == []
        gallery_services.image_set_visibility(image=image, visibility="public")
        assert shown(search_images(viewer=user, query="red")) == [image]

    def test_even_where_the_index_was_not_told(self, embedded: Embedded, user: User, other_user: User) -> None:
        image = embedded("red", owner=other_user, visibility="public")
        assert shown(search_images(viewer=user, query="red")) == [image]
        Image.objects.filter(pk=image.pk).update(visibility="private")  # past the service
        assert shown(search_images(viewer=user, query="red")) == []

    def test_right_after_it_was_deleted(self, embedded: Embedded, user: User) -> None:
        gone, kept = embedded("red"), embedded("blue")
        assert len(search_images(viewer=user, query="red").hits) == 2
        gallery_services.images_delete(images=[gone])
        assert shown(search_images(viewer=user, query="red")) == [kept]

    def test_an_index_that_lies_neither_leaks_nor_shortens_the_list(
        self, embedded: Embedded, user: User, other_user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        secrets = [embedded((shade, 0, 0), owner=other_user) for shade in range(0, 200, 20)]
        mine = [embedded((0, 0, shade)) for shade in range(0, 200, 20)]
        lies = [Hit(image.pk, 1.0) for image in secrets] + [Hit(404_404, 0.9)] + [Hit(image.pk, 0.5) for image in mine]
        monkeypatch.setattr(LiveIndex, "search", lambda self, vector, *, limit, where: Answer(lies[:limit]))
        assert shown(search_images(viewer=user, query="red", limit=8)) == mine[:8]

    def test_the_filter_runs_before_the_limit(self, embedded: Embedded, user: User, other_user: User) -> None:
        """Any number of better pictures that aren't theirs must not crowd out the viewer's own."""
        mine = embedded("blue")
        version = ModelVersion.objects.get()
        others = Image.objects.bulk_create(
            [
                Image(owner=other_user, sha256=str(number), byte_size=1, width=1, height=1, sort_date=mine.sort_date)
                for number in range(SPARE_HITS + 60)
            ]
        )
        vector = unpack(embedding_of(embedded("red", owner=other_user)), dimension=64)
        services.embeddings_record(version=version, vectors={image.pk: vector for image in others})
        assert shown(search_images(viewer=user, query="red", limit=1)) == [mine]


def embedding_of(image: Image) -> bytes:
    stored = Embedding.objects.get(image=image).vector
    assert stored is not None
    return bytes(stored)
