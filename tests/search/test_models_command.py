"""`manage.py models`: what it says, and that it says why not."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from gallery.models import Image, Stage
from mmsite import worker
from search import selectors, versions
from search.management.commands import models as command
from search.models import Embedding, ModelVersion
from tests.search.lifecycle import go_missing, record, states

MakeImage = Callable[..., Image]
FAKE, OTHER = "fake@1-000000000000", "other@2-111111111111"


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("models", *arguments, stdout=out, no_color=True)
    return out.getvalue()


@pytest.fixture
def worker_between(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A worker does a batch each time that the command waits; how many pictures were covered then."""
    covered: list[int] = []

    def work(_seconds: float) -> None:
        worker.work_batch()
        covered.append(Embedding.objects.filter(model_version__name="other").count())

    monkeypatch.setattr(command.time, "sleep", work)
    return covered


class TestList:
    def test_before_there_is_one(self, db: None) -> None:
        assert "no model version yet" in run("list")
        assert json.loads(run("list", "--json")) == []

    def test_the_table(self, library: list[Image], other: ModelVersion) -> None:
        record(other, library[:2])
        lines = run("list").splitlines()
        assert lines[0].split() == [
            *("id", "key", "name", "state", "dim", "with", "vectors", "failed", "time", "left", "last", "activated")
        ]
        assert f"{FAKE}   fake   active   64        3 of 3       0" in lines[1]
        assert f"{OTHER}  other  added    64        2 of 3       0" in lines[2]

    def test_what_takes_over_is_marked_and_the_time_left_told(self, library: list[Image], other: ModelVersion) -> None:
        versions.model_version_build(version=other, activates_itself=True)
        record(other, library[:2])
        for embedding, ago in zip(Embedding.objects.filter(model_version=other).order_by("seq"), (60, 30), strict=True):
            Embedding.objects.filter(pk=embedding.pk).update(updated_at=timezone.now() - timedelta(seconds=ago))
        said = run("list")
        assert "building*" in said
        assert "about 2 min" in said
        assert "* searches use it once it is built" in said
        record(other, library)
        assert "built*" in run("list")

    def test_for_programs(self, library: list[Image], other: ModelVersion) -> None:
        Stage.objects.create(image=library[0], step="embedding", model=other.key, state=Stage.State.FAILED)
        fake, added = json.loads(run("list", "--json"))
        assert (fake["key"], fake["state"], fake["embedded"], fake["pictures"]) == (FAKE, "active", 3, 3)
        assert (fake["covered"], added["covered"]) == (True, False)
        assert fake["activated_at"].startswith("20")
        assert (added["embedded"], added["failed"], added["seconds_left"]) == (0, 1, None)
        assert added["activated_at"] is None

    def test_long_names_are_cut_in_the_middle(self, version: ModelVersion) -> None:
        ModelVersion.objects.update(name="/models/" + "x" * 200 + "/final-version")
        said = run("list")
        assert "…" in said
        assert "inal-version" in said
        assert max(map(len, said.splitlines())) < 200


def test_the_whole_life(library: list[Image], encoders: dict[str, Any], settings: Any) -> None:
    number = run("add", "other").partition(" is number ")[2].partition(".")[0]
    assert states() == {"fake": "active", "other": "added"}
    assert f"Version {OTHER} was there already: number {number}, added." in run("add", "other")
    assert run("build", number) == f"Version {OTHER}: the worker embeds 3 of 3 pictures.\n"
    worker.work_until_idle()
    assert run("activate", "other") == f"Searches use {OTHER} now.\n"
    assert run("rollback") == f"Searches use {FAKE} again.\n"
    assert run("remove", "other@2") == f"Version {OTHER} and its vectors are gone.\n"
    assert states() == {"fake": "active"}


def test_a_forced_activation_says_what_is_missing(library: list[Image], other: ModelVersion) -> None:
    with pytest.raises(CommandError, match="the vectors of 0 of 3 pictures"):
        run("activate", "other")
    assert "3 of 3 pictures have no vectors of it yet" in run("activate", "other", "--force")


def test_a_rollback_says_what_came_since(library: list[Image], other: ModelVersion, make_image: MakeImage) -> None:
    record(other, library)
    run("activate", "other")
    make_image("yellow")
    worker.work_until_idle()
    assert "1 of 4 pictures have no vectors of it yet" in run("rollback")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["build", "nothing"], "There is no model version “nothing”"),
        (["build", "fake"], "already"),
        (["activate", "fake"], "already"),
        (["rollback"], "nothing to roll back to"),
        (["remove", "fake"], "activate another version before"),
    ],
)
def test_refusals_are_sentences(library: list[Image], other: ModelVersion, arguments: list[str], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        run(*arguments)


def test_a_model_that_is_not_there(version: ModelVersion) -> None:
    with pytest.raises(CommandError, match=r"nobody/has-this is not on this machine; fetch it with .*pull"):
        run("add", "nobody/has-this")
    assert states() == {"fake": "active"}


class TestWait:
    def test_until_it_is_built(self, library: list[Image], other: ModelVersion, worker_between: list[int]) -> None:
        assert f"Version {OTHER} is built. Next: `manage.py models activate {other.pk}`.\n" in run(
            "build", "other", "--wait"
        )
        assert worker_between == [3]
        assert states() == {"fake": "active", "other": "building"}

    def test_and_taken_over(self, library: list[Image], other: ModelVersion, worker_between: list[int]) -> None:
        said = run("build", "other", "--activate", "--wait")
        assert "searches use it as soon as it is built" in said
        assert f"Version {OTHER} is built and active." in said
        assert states() == {"fake": "retired", "other": "active"}

    def test_ctrl_c_leaves_it_going_on(
        self, library: list[Image], other: ModelVersion, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupt(_seconds: float) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(command.time, "sleep", interrupt)
            with pytest.raises(CommandError, match="the worker goes on") as stopped:
                run("build", "other", "--wait")
        assert stopped.value.returncode == command.INTERRUPTED
        worker.work_until_idle()
        assert selectors.coverage(version=other).is_complete

    @pytest.mark.parametrize("state", ["retired", None])
    def test_until_somebody_stops_it(
        self, library: list[Image], other: ModelVersion, monkeypatch: pytest.MonkeyPatch, state: str | None
    ) -> None:
        def stop(_seconds: float) -> None:
            found = ModelVersion.objects.filter(pk=other.pk)
            found.update(state=state) if state else found.delete()

        monkeypatch.setattr(command.time, "sleep", stop)
        with pytest.raises(CommandError, match="not being built any more"):
            run("build", "other", "--wait")

    def test_where_too_many_fail(self, library: list[Image], other: ModelVersion) -> None:
        for image in library:
            Stage.objects.create(image=image, step="embedding", model=other.key, state=Stage.State.FAILED)
        with pytest.raises(CommandError, match="failed on 3 pictures"):
            run("build", "other", "--activate", "--wait")
        assert states() == {"fake": "active", "other": "building"}

    def test_a_model_that_vanishes_at_the_end_does_not_take_over(
        self, library: list[Image], other: ModelVersion, encoders: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def work_and_lose(_seconds: float) -> None:
            worker.work_batch()
            go_missing(encoders, "other")

        monkeypatch.setattr(command.time, "sleep", work_and_lose)
        assert f"Version {OTHER} is built. Next" in run("build", "other", "--activate", "--wait")
        assert states() == {"fake": "active", "other": "building"}


def test_listing_loads_no_model() -> None:
    code = (
        "import django, sys; django.setup(); from search.management.commands import models; "
        "print({'torch', 'transformers', 'faiss'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
