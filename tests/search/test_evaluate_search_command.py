"""`manage.py evaluate_search`: what it says, to people and to programs."""

import io
import json
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command

from gallery.models import Image, User
from ml.encoders.fake import FakeEncoder
from mmsite import worker
from search import engine
from search.golden import judgement_set
from search.models import Embedding, ModelVersion
from search.versions import model_version_build
from tests.search.conftest import OtherEncoder


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("evaluate_search", *arguments, stdout=out, no_color=True)
    return out.getvalue()


@pytest.fixture
def judged(library: list[Image], user: User) -> list[Image]:
    """Red, green and blue; two golden queries, one of them mistaken."""
    red, green, blue = library
    judgement_set(owner=user, query="red", image=red, is_right=True)
    judgement_set(owner=user, query="green sky", image=blue, is_right=True)
    judgement_set(owner=user, query="green sky", image=green, is_right=False)
    return library


def test_before_anything_is_marked(version: ModelVersion) -> None:
    assert "No search has a picture marked as right yet" in run()
    assert json.loads(run("--json")) == []


def test_the_figures_and_the_hardest(judged: list[Image]) -> None:
    told = run()
    assert "2 golden queries" in told
    assert "fake@1-000000000000 (active), whole answers" in told
    assert "fake@1-000000000000 (active), looks alone" in told
    assert "Recall@1                 0.500  [0.000 to 1.000]" in told
    hardest = told.partition("Hardest for")[2]
    assert hardest.index("green sky") < hardest.index("red")


def test_as_json(judged: list[Image]) -> None:
    answers, looks = json.loads(run("--json"))
    assert (answers["what"], looks["what"]) == ("answer", "looks")
    assert looks["figures"]["recall_1"]["value"] == 0.5
    assert {each["query"]: each["ranks"] for each in looks["outcomes"]}["red"] == [1]
    assert looks["outcomes"][0]["owner"] == "ada"


def test_a_version_before_it_is_activated(judged: list[Image], other: ModelVersion) -> None:
    model_version_build(version=other)
    worker.work_until_idle()
    told = run()
    assert f"{other.pk}  other@2-111111111111 (building), looks alone" in told
    assert "+0.000 against the active one" in told
    alone = run("--version", str(other.pk))
    assert "other@2" in alone
    assert "fake@1" not in alone
    both = json.loads(run("--version", "fake", "--version", "other", "--json"))
    assert [each["key"].partition("@")[0] for each in both] == ["fake", "fake", "other"]


def test_a_version_that_is_not_there(judged: list[Image]) -> None:
    with pytest.raises(CommandError, match="no model version “nobody”"):
        run("--version", "nobody")


def test_what_is_missing_is_told(judged: list[Image], other: ModelVersion, embed: Callable[..., None]) -> None:
    embed(judged[0], "red", other)
    told = run("--version", "other")
    assert "It has the vectors of 1 of 3 pictures" in told
    assert "Left out: 1 queries" in told
    Embedding.objects.all().delete()
    assert "No model version has the vectors" in run()


def test_a_model_that_is_gone(judged: list[Image], encoders: dict[str, FakeEncoder]) -> None:
    engine.forget_queries()
    encoders["fake"] = OtherEncoder()
    assert "Its model can't be used here: The model fake is now other" in run()
