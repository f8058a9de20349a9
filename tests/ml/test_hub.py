"""Models are found by folder or hub id on this machine, and fetched only when asked."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ml
from ml import hub, registry
from ml.errors import ModelCorrupt, ModelNotFound, ModelUnsupported
from ml.files import sha256
from tests.ml.hub_server import COMMIT, HubServer, serve

REPO = "someone/tiny-clip"


def put_in_cache(folder: Path, cache: Path, *, ref: str = "main") -> Path:
    """Lay a model out as the hub's client does: content in blobs, a snapshot of links, a ref that names it."""
    repo = cache / f"models--{REPO.replace('/', '--')}"
    snapshot = repo / "snapshots" / COMMIT
    for directory in (repo / "blobs", repo / "refs", snapshot):
        directory.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        blob = repo / "blobs" / sha256(file)
        blob.write_bytes(file.read_bytes())
        (snapshot / file.name).symlink_to(os.path.relpath(blob, snapshot))
    (repo / "refs" / ref).write_text(COMMIT)
    return snapshot


def run_ml(*arguments: str, home: Path, endpoint: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0"}
    environment.pop("HF_HUB_CACHE", None)
    command = [sys.executable, "-m", "ml", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture
def hub_server(checkpoint: Any) -> Iterator[HubServer]:
    with serve(REPO, checkpoint("clip")) as server:
        yield server


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "hub"  # see conftest


def test_a_folder_is_found(written_checkpoint: Any) -> None:
    found = hub.locate(str(written_checkpoint("clip")))

    assert (found.name, found.revision, found.model_type) == ("clip", "local", "clip")
    assert found.weights_hash() == sha256(found.folder / "model.safetensors")


def test_a_hub_id_is_loaded_from_the_cache(written_checkpoint: Any, cache: Path, pictures: Any) -> None:
    folder = written_checkpoint("clip")
    put_in_cache(folder, cache)

    encoder = ml.load_encoder(REPO)

    expected = ml.load_encoder(str(folder)).encode_images(pictures)
    np.testing.assert_array_equal(encoder.encode_images(pictures), expected)
    assert (encoder.info.name, encoder.info.revision) == (REPO, COMMIT[:12])
    assert encoder.info.key == f"{REPO}@{COMMIT[:12]}-{sha256(folder / 'model.safetensors')[:12]}"


def test_a_revision_is_found_by_its_own_name_only(written_checkpoint: Any, cache: Path) -> None:
    snapshot = put_in_cache(written_checkpoint("clip"), cache, ref="v1")

    assert hub.locate(f"{REPO}@v1").folder == hub.locate(f"{REPO}@{COMMIT}").folder == snapshot
    with pytest.raises(ModelNotFound, match=f"{REPO} is not on this machine; fetch it with `python -m ml pull {REPO}`"):
        hub.locate(REPO)


@pytest.mark.parametrize(
    "name", ["", "nonsense", "a/b/c", "../../no-where", "a/..", "a/b@../../x", "a/b@", "/no/where"]
)
def test_a_name_that_is_no_hub_id_is_refused(name: str) -> None:
    for function in (hub.locate, hub.pull):
        with pytest.raises(ModelNotFound, match=" is neither a folder nor the id of a model"):
            function(name)


@pytest.mark.parametrize("name", ["~nobody-here/x", "x" * 5_000, "-a/b", "a/b--c", "a/.b", "a/b.git"])
def test_a_name_that_nobody_can_have_is_not_found(name: str) -> None:
    with pytest.raises(ModelNotFound, match=r"neither a folder nor the id of a model|cannot be the id of a model"):
        hub.locate(name)


def test_damage_in_the_cache_is_noticed(written_checkpoint: Any, cache: Path) -> None:
    weights = put_in_cache(written_checkpoint("clip"), cache) / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.resolve().write_bytes(content)

    with pytest.raises(ModelCorrupt, match="SHA-256 is not the hub's"):
        ml.load_encoder(REPO)


def test_pickled_weights_are_refused(checkpoint: Any) -> None:
    folder = checkpoint("clip")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(ModelUnsupported, match="pickled ones are never read"):
        ml.load_encoder(str(folder))


def test_a_folder_without_weights_or_configuration_is_missing_them(checkpoint: Any, tmp_path: Path) -> None:
    folder = checkpoint("clip")
    (folder / "model.safetensors").unlink()

    with pytest.raises(ModelNotFound, match=r"model\.safetensors is missing"):
        ml.load_encoder(str(folder))
    with pytest.raises(ModelNotFound, match=r"it has no config\.json"):
        ml.load_encoder(str(tmp_path))


def test_weights_in_several_files_are_read(checkpoint: Any, pictures: Any) -> None:
    from transformers import CLIPModel

    folder = checkpoint("clip")
    expected = ml.load_encoder(str(folder)).encode_images(pictures)
    parts = folder.rename(folder.with_name("parts"))
    model = CLIPModel.from_pretrained(parts)
    (parts / "model.safetensors").unlink()
    model.save_pretrained(parts, max_shard_size="20KB")

    encoder = ml.load_encoder(str(parts))
    np.testing.assert_allclose(encoder.encode_images(pictures), expected, atol=1e-6)
    assert len(hub.locate(str(parts)).weights()) > 1

    hub.locate(str(parts)).weights()[0].unlink()
    with pytest.raises(ModelNotFound, match="a part of its weights is missing"):
        hub.locate(str(parts)).weights()


def test_models_of_the_cache_are_listed_by_role(written_checkpoint: Any, cache: Path) -> None:
    assert registry.encoders.names() == ["builtin", "fake"]

    put_in_cache(written_checkpoint("clip"), cache, ref="v1")

    assert registry.encoders.names() == ["builtin", "fake", f"{REPO}@v1"]
    assert registry.captioners.names() == ["builtin", "fake"]


def test_pull_fetches_what_a_model_needs_and_no_pickle(hub_server: HubServer, cache: Path, pictures: Any) -> None:
    folder = hub_server.folder
    expected = ml.load_encoder(str(folder)).encode_images(pictures)
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    (folder / "modeling_evil.py").write_text("raise SystemExit")

    result = run_ml("pull", REPO, home=cache.parent, endpoint=hub_server.url)

    assert (result.returncode, result.stdout.partition(" is in ")[0]) == (0, f"{REPO} at {COMMIT[:12]}")
    needed = {"config.json", "model.safetensors", "preprocessor_config.json", "tokenizer.json", "tokenizer_config.json"}
    assert hub_server.fetched == {path.name for path in hub.locate(REPO).folder.iterdir()} == needed
    np.testing.assert_array_equal(ml.load_encoder(REPO).encode_images(pictures), expected)


def test_what_was_pulled_works_by_its_id_without_a_hub(
    hub_server: HubServer, cache: Path, pictures: Any, tmp_path: Path
) -> None:
    pictures[0].save(tmp_path / "picture.png")
    match = ("match", "a red dog", str(tmp_path / "picture.png"), "--model", REPO)

    before = run_ml(*match, home=cache.parent, endpoint=hub_server.url)
    run_ml("pull", REPO, home=cache.parent, endpoint=hub_server.url)
    after = run_ml(*match, home=cache.parent, endpoint="http://127.0.0.1:9")

    assert (before.returncode, before.stdout) == (1, "")
    assert f"python -m ml pull {REPO}" in before.stderr
    assert (after.returncode, after.stderr) == (0, "")
    assert after.stdout.endswith(f"  {tmp_path / 'picture.png'}\n")


def test_pull_of_a_revision(hub_server: HubServer, cache: Path) -> None:
    result = run_ml("pull", f"{REPO}@v1", home=cache.parent, endpoint=hub_server.url)

    assert result.returncode == 0, result.stderr
    assert hub.locate(f"{REPO}@v1").revision == COMMIT[:12]


def test_pull_of_a_model_with_pickles_only_is_refused(hub_server: HubServer, cache: Path) -> None:
    (hub_server.folder / "model.safetensors").rename(hub_server.folder / "pytorch_model.bin")

    result = run_ml("pull", REPO, home=cache.parent, endpoint=hub_server.url)

    assert result.returncode == 1
    assert "has no safetensors weights on the hub" in result.stderr
    assert "pytorch_model.bin" not in hub_server.fetched


def test_pull_of_a_model_that_the_hub_does_not_have(hub_server: HubServer, cache: Path) -> None:
    result = run_ml("pull", "someone/else", home=cache.parent, endpoint=hub_server.url)

    assert (result.returncode, result.stderr) == (1, "The hub has no model someone/else.\n")


def test_pull_that_breaks_off_leaves_nothing_that_looks_whole(hub_server: HubServer, cache: Path) -> None:
    hub_server.breaks_off = True
    broken = run_ml("pull", REPO, home=cache.parent, endpoint=hub_server.url)

    assert (broken.returncode, broken.stdout) == (1, "")
    assert f"{REPO} could not be fetched: " in broken.stderr
    with pytest.raises(ModelNotFound, match="fetch it with"):
        ml.load_encoder(REPO)

    hub_server.breaks_off = False
    assert run_ml("pull", REPO, home=cache.parent, endpoint=hub_server.url).returncode == 0
    assert ml.load_encoder(REPO).dimension == 8


def test_pull_where_no_hub_can_be_reached(cache: Path) -> None:
    result = run_ml("pull", REPO, home=cache.parent, endpoint="http://127.0.0.1:9")

    assert result.returncode == 1
    assert result.stderr.startswith(f"{REPO} could not be fetched: ")
    assert result.stderr.count("\n") == 1
