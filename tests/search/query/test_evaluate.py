"""Ranks on golden queries are exact, and the figures are what they are called."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gallery import services as gallery_services
from gallery.models import Image, User, Visibility
from ml.encoders.fake import FakeEncoder
from ml.errors import ModelNotFound
from search import engine
from search.golden import judgement_set
from search.models import Embedding, ModelVersion
from search.query import exact
from search.query.evaluate import Evaluation, GoldenQuery, Outcome, evaluate, golden_queries, versions_to_evaluate
from search.vectors import pack, unpack

Embedded = Callable[..., Image]


def run(owner: User | None = None) -> list[Evaluation]:
    queries = golden_queries(owner=owner)
    return evaluate(queries, versions_to_evaluate(queries))


def by_looks(found: list[Evaluation]) -> Evaluation:
    return next(each for each in found if each.what == "looks")


def ranks(evaluation: Evaluation) -> dict[str, tuple[int | None, ...]]:
    return {outcome.query.text: outcome.ranks for outcome in evaluation.outcomes}


def outcome(*found: int | None) -> Outcome:
    query = GoldenQuery(User(), "red", frozenset(range(len(found))), frozenset())
    return Outcome(query, tuple(found))


class TestOutcome:
    def test_recall_is_the_share_of_what_fits(self) -> None:
        assert outcome(1).recall(1) == 1.0
        assert outcome(2).recall(1) == 0.0
        assert outcome(1, 7).recall(1) == 1.0
        assert outcome(1, 7).recall(5) == 0.5
        assert outcome(1, 2, 3, None).recall(10) == 0.75

    def test_the_reciprocal_is_that_of_the_best(self) -> None:
        assert outcome(4, 9).reciprocal == 0.25
        assert outcome(None).reciprocal == 0.0


class TestGoldenQueries:
    def test_one_a_person_and_text_newest_first(self, embedded: Embedded, user: User, other_user: User) -> None:
        images = [embedded(color, visibility=Visibility.PUBLIC) for color in ("red", "green", "blue")]
        judgement_set(owner=user, query="red", image=images[0], is_right=True)
        judgement_set(owner=user, query="red", image=images[1], is_right=False)
        judgement_set(owner=other_user, query="red", image=images[2], is_right=True)
        judgement_set(owner=other_user, query="no right one", image=images[2], is_right=False)
        found = golden_queries()
        assert [(each.owner, each.text) for each in found] == [(other_user, "red"), (user, "red")]
        assert found[1].right == {images[0].pk}
        assert found[1].wrong == {images[1].pk}
        assert golden_queries(owner=user) == found[1:]

    def test_statements_do_not_grow(self, embedded: Embedded, user: User, django_assert_num_queries: Any) -> None:
        for color in ("red", "green", "blue"):
            judgement_set(owner=user, query=color, image=embedded(color), is_right=True)
        with django_assert_num_queries(1):
            assert len(golden_queries()) == 3


class TestRanksByLooks:
    def test_against_numpy(self, embedded: Embedded, user: User, version: ModelVersion) -> None:
        """Every rank of every picture, as sorting all the cosines gives it."""
        generator = np.random.default_rng(0)
        images = [embedded(tuple(int(part) for part in generator.integers(256, size=3))) for _ in range(23)]
        queries = ["red sky", "a green thing left", "blue", "gray or white"]
        for number, text in enumerate(queries):
            for image in images[number :: len(queries)]:
                judgement_set(owner=user, query=text, image=image, is_right=True)
        found = ranks(by_looks(run()))
        vectors = {
            each.image_id: unpack(each.vector or b"", dimension=version.dimension).astype(np.float64)
            for each in Embedding.objects.all()
        }
        for number, text in enumerate(queries):
            vector = engine.encode_query([text], version=version)[0].astype(np.float64)
            order = sorted(vectors, key=lambda pk, vector=vector: (-round(float(vectors[pk] @ vector), 9), -pk))
            expected = sorted(order.index(image.pk) + 1 for image in images[number :: len(queries)])
            assert found[text] == tuple(expected)

    def test_reading_in_pieces_changes_nothing(
        self, embedded: Embedded, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for shade in range(0, 250, 25):
            judgement_set(owner=user, query="red", image=embedded((shade, 0, 40)), is_right=True)
        whole = ranks(by_looks(run()))
        assert whole == {"red": tuple(range(1, 11))}
        monkeypatch.setattr(exact, "CHUNK", 3)
        assert ranks(by_looks(run())) == whole

    def test_of_equals_the_newer_comes_first(self, embedded: Embedded, user: User, other_user: User) -> None:
        older = embedded("red")
        newer = embedded("red", owner=other_user, visibility=Visibility.PUBLIC)
        judgement_set(owner=user, query="red", image=older, is_right=True)
        judgement_set(owner=user, query="red thing", image=newer, is_right=True)
        assert ranks(by_looks(run())) == {"red": (2,), "red thing": (1,)}

    def test_only_what_is_listed_for_the_person_competes(
        self, embedded: Embedded, user: User, other_user: User
    ) -> None:
        image = embedded("purple", visibility=Visibility.PUBLIC)
        embedded("red")  # nearer, and user's own
        for person in (user, other_user):
            judgement_set(owner=person, query="red", image=image, is_right=True)
        found = {each.query.owner.username: each.ranks for each in by_looks(run()).outcomes}
        assert found == {"ada": (2,), "grace": (1,)}

    def test_filters_and_excluded_words_hold(self, embedded: Embedded, user: User) -> None:
        image = embedded("purple", name="mine.jpg")
        embedded("red", name="boat.jpg")
        judgement_set(owner=user, query="red -boat", image=image, is_right=True)
        judgement_set(owner=user, query="red camera:fuji", image=image, is_right=True)
        judgement_set(owner=user, query="red", image=image, is_right=True)
        assert ranks(by_looks(run())) == {"red -boat": (1,), "red camera:fuji": (None,), "red": (2,)}

    def test_damaged_vectors_and_deleted_pictures_do_not_compete(
        self, embedded: Embedded, user: User, version: ModelVersion
    ) -> None:
        image, damaged, gone = (
            embedded("purple"),
            embedded("red"),
            embedded("red", owner=User.objects.create(username="x"), visibility="public"),
        )
        Embedding.objects.filter(image=damaged).update(vector=b"too short")
        gallery_services.images_delete(images=[gone])
        judgement_set(owner=user, query="red", image=image, is_right=True)
        assert ranks(by_looks(run())) == {"red": (1,)}

    def test_like_a_picture(self, embedded: Embedded, user: User, other_user: User) -> None:
        """What may not be opened means nothing by looks."""
        red, purple = embedded("red"), embedded("purple")
        theirs = embedded("blue", owner=other_user)
        judgement_set(owner=user, query=f"~{red.uuid}", image=purple, is_right=True)
        judgement_set(owner=user, query=f"~{theirs.uuid}", image=purple, is_right=True)
        looks = by_looks(run())
        assert ranks(looks) == {f"~{red.uuid}": (2,)}
        assert looks.left_out == 1


class TestFigures:
    @pytest.fixture
    def judged(self, embedded: Embedded, user: User) -> dict[str, Image]:
        images = {color: embedded(color) for color in ("red", "green", "blue")}
        judgement_set(owner=user, query="red", image=images["red"], is_right=True)
        judgement_set(owner=user, query="green", image=images["green"], is_right=True)
        judgement_set(owner=user, query="blue", image=images["red"], is_right=True)  # mistaken
        judgement_set(owner=user, query="blue", image=images["blue"], is_right=False)
        return images

    def test_each_measure(self, judged: dict[str, Image]) -> None:
        for evaluation in run():
            place = next(each.ranks[0] for each in evaluation.outcomes if each.query.text == "blue") or 0
            assert place > 1
            figures = evaluation.figures
            assert figures["recall_1"].value == pytest.approx(2 / 3)
            assert figures["recall_10"].value == 1.0
            assert figures["mrr"].value == pytest.approx((2 + 1 / place) / 3)
            # Kept: red and green, both right; blue, which was called wrong.
            assert figures["precision"].value == pytest.approx(2 / 3)
            for figure in figures.values():
                assert 0.0 <= figure.low <= figure.value <= figure.high <= 1.0
            assert figures["recall_1"].low < figures["recall_1"].high

    def test_without_a_cutoff_it_has_no_precision(
        self, judged: dict[str, Image], encoders: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(encoders["fake"], "match_floor", None, raising=False)
        assert "precision" not in by_looks(run()).figures

    def test_the_cutoff_is_that_of_searches(
        self, embedded: Embedded, user: User, encoders: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(encoders["fake"], "match_floor", -1.0, raising=False)
        images = [embedded("red"), embedded("blue")]
        judgement_set(owner=user, query="red", image=images[0], is_right=True)
        judgement_set(owner=user, query="red", image=images[1], is_right=False)
        judgement_set(owner=user, query="submarine", image=images[0], is_right=True)
        for evaluation in run():
            assert {each.query.text: each.kept for each in evaluation.outcomes} == {"red": (1, 0), "submarine": (0, 0)}

    def test_nothing_judged(self, version: ModelVersion) -> None:
        assert run() == []

    def test_before_any_version_is_active(self, judged: dict[str, Image]) -> None:
        ModelVersion.objects.update(state=ModelVersion.State.RETIRED)
        assert [each.what for each in run()] == ["looks"]


class TestVersions:
    @pytest.fixture
    def both(self, embedded: Embedded, embed: Callable[..., None], other: ModelVersion, user: User) -> dict[str, Image]:
        """By the other version, red looks green and green red."""
        images = {color: embedded(color) for color in ("red", "green", "blue")}
        embed(images["red"], "green", other)
        embed(images["green"], "red", other)
        embed(images["blue"], "blue", other)
        for color, image in images.items():
            judgement_set(owner=user, query=color, image=image, is_right=True)
        return images

    def test_each_is_asked_with_its_own_encoder(self, both: dict[str, Image], other: ModelVersion) -> None:
        answers, active, new = run()
        assert [(each.version, each.what) for each in (answers, active, new)] == [
            (active.version, "answer"),
            (active.version, "looks"),
            (other, "looks"),
        ]
        assert ranks(active) == {"red": (1,), "green": (1,), "blue": (1,)}
        assert ranks(new)["blue"] == (1,)
        assert (ranks(new)["red"][0] or 0) > 1
        assert new.against_active["recall_1"].value == pytest.approx(-2 / 3)
        assert not active.against_active

    def test_a_version_that_lacks_pictures_says_so(self, both: dict[str, Image], other: ModelVersion) -> None:
        Embedding.objects.filter(model_version=other, image=both["red"]).delete()
        _, active, new = run()
        assert set(ranks(new)) == {"green", "blue"}
        assert (new.left_out, new.embedded, new.pictures) == (1, 2, 3)
        assert len(new.notes) == 2
        assert active.notes == []
        # compared on what both can answer
        assert new.against_active["recall_1"].value == pytest.approx(-1 / 2)

    def test_a_version_whose_encoder_is_gone_is_told(
        self, both: dict[str, Image], other: ModelVersion, encoders: dict[str, FakeEncoder], monkeypatch: Any
    ) -> None:
        def load(name: str) -> FakeEncoder:
            if name == "other":
                raise ModelNotFound("No model other here.")
            return encoders[name]

        monkeypatch.setattr("ml.load_encoder", load)
        _, active, new = run()
        assert "No model other here." in new.problem
        assert (new.figures, new.outcomes) == ({}, ())
        assert len(active.outcomes) == 3

    def test_a_version_without_any_of_the_right_pictures_is_not_listed(
        self, embedded: Embedded, user: User, other: ModelVersion, version: ModelVersion
    ) -> None:
        judgement_set(owner=user, query="red", image=embedded("red"), is_right=True)
        assert versions_to_evaluate(golden_queries()) == [version]


def test_vectors_of_one_version_alone_are_read(
    embedded: Embedded, other: ModelVersion, version: ModelVersion, user: User
) -> None:
    image = embedded("red")
    vector = np.ones(other.dimension, np.float32)
    Embedding.objects.create(image=image, model_version=other, vector=pack(vector, dimension=other.dimension), seq=1)
    asked = exact.Asked(vector / np.linalg.norm(vector), frozenset([image.pk, 10_000]), np.array([image.pk]))
    (found,) = exact.find(other, [asked], best=3)
    assert found.places.keys() == {image.pk}
    assert found.places[image.pk].score == pytest.approx(1.0, abs=1e-3)
    assert [hit.key for hit in found.best] == [image.pk]
    assert exact.find(version, [asked], best=3)[0].places[image.pk].score < 0.9
    assert exact.find(version, [], best=3) == []
