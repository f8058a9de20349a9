"""One instance of each model in a process, whoever asks and whenever."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import ml
from ml import registry
from ml.encoders.fake import FakeEncoder
from ml.errors import ModelCorrupt, ModelError, ModelNotFound, ModelUnsupported
from ml.registry import Registry, Status


def registry_of(**named: Callable[[], FakeEncoder]) -> Registry[FakeEncoder]:
    return Registry("encoder", named=named, families={})


def test_a_model_is_loaded_on_first_use_and_shared_from_then_on() -> None:
    loads: list[FakeEncoder] = []

    def load() -> FakeEncoder:
        loads.append(FakeEncoder())
        return loads[-1]

    models = registry_of(slow=load)

    assert loads == []
    assert models.get("slow") is models.get("slow") is loads[0]
    assert len(loads) == 1


def test_threads_that_ask_at_once_load_once() -> None:
    asked = threading.Barrier(8)
    loads: list[FakeEncoder] = []
    finish = threading.Event()

    def load() -> FakeEncoder:
        finish.wait(10)
        loads.append(FakeEncoder())
        return loads[-1]

    models = registry_of(slow=load)

    def ask(_: int) -> FakeEncoder:
        if asked.wait(10) == 0:
            finish.set()
        return models.get("slow")

    with ThreadPoolExecutor(8) as threads:
        got = list(threads.map(ask, range(8)))

    assert len(loads) == 1
    assert all(model is loads[0] for model in got)


def test_a_model_that_loads_holds_up_no_other() -> None:
    started, finish = threading.Event(), threading.Event()

    def load() -> FakeEncoder:
        started.set()
        assert finish.wait(10)
        return FakeEncoder()

    models = registry_of(slow=load, quick=FakeEncoder)

    with ThreadPoolExecutor(1) as thread:
        slow = thread.submit(models.get, "slow")
        assert started.wait(10)
        quick = models.get("quick")
        assert not slow.done()
        finish.set()

    assert quick is models.get("quick")
    assert slow.result() is models.get("slow")


def test_a_failed_load_is_tried_again() -> None:
    outcomes: Iterator[ModelError | FakeEncoder] = iter([ModelCorrupt("It is broken."), FakeEncoder()])

    def load() -> FakeEncoder:
        outcome = next(outcomes)
        if isinstance(outcome, ModelError):
            raise outcome
        return outcome

    models = registry_of(mended=load)

    with pytest.raises(ModelCorrupt, match=r"It is broken\."):
        models.get("mended")
    assert isinstance(models.get("mended"), FakeEncoder)


def test_unload_forgets_one_model_or_all() -> None:
    models = registry_of(one=FakeEncoder, two=FakeEncoder)
    one, two = models.get("one"), models.get("two")

    models.unload("one")
    assert models.get("one") is not one
    assert models.get("two") is two

    models.unload()
    assert models.get("two") is not two
    models.unload("never loaded")


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (ModelNotFound("Fetch it."), "missing"),
        (ModelCorrupt("Fetch it again."), "corrupt"),
        (ModelUnsupported("It is a pickle."), "unsupported"),
        (ModelError("It failed."), "broken"),
    ],
)
def test_describe_says_what_is_wrong(error: ModelError, state: str) -> None:
    def load() -> FakeEncoder:
        raise error

    assert registry_of(bad=load).describe("bad") == Status("bad", state, str(error), None)  # type: ignore[arg-type]


def test_describe_tries_the_model_and_keeps_only_what_was_loaded() -> None:
    loads: list[FakeEncoder] = []

    def load() -> FakeEncoder:
        loads.append(FakeEncoder())
        return loads[-1]

    models = registry_of(good=load)

    assert models.describe("good") == Status("good", "available", "", FakeEncoder.info)
    assert models.get("good") is loads[1]
    models.describe("good")
    assert len(loads) == 2


def test_the_front_door_shares_the_models_of_the_process() -> None:
    assert ml.load_encoder("fake") is registry.encoders.get("fake")
    assert ml.load_captioner("fake") is registry.captioners.get("fake")


def test_an_unknown_name_says_how_to_get_it() -> None:
    with pytest.raises(ModelNotFound, match="python -m ml pull openai/clip-vit-base-patch32"):
        ml.load_encoder("openai/clip-vit-base-patch32")


def test_a_model_of_the_other_role_is_refused(written_checkpoint: Any) -> None:
    folder = str(written_checkpoint("vit_bert"))

    with pytest.raises(ModelUnsupported, match=r"a vision-encoder-decoder model, which is no encoder of a kind known"):
        ml.load_encoder(folder)
    assert registry.encoders.describe(folder).state == "unsupported"
    assert registry.captioners.describe(folder).state == "available"


def test_a_folder_that_is_mended_works_without_a_restart(checkpoint: Any) -> None:
    weights = checkpoint("clip") / "model.safetensors"
    good = weights.read_bytes()
    weights.write_bytes(good[:500])
    with pytest.raises(ModelCorrupt):
        ml.load_encoder(str(weights.parent))

    weights.write_bytes(good)

    assert ml.load_encoder(str(weights.parent)).dimension == 8
