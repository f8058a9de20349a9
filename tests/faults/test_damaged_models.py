"""Files of models that are missing, cut short, or differ in one bit: they are refused by their hash, what they would
have done waits, everything else goes on, and once they are mended so does that."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

import ml
from captioning.models import Caption
from gallery.models import Image, Stage
from ml import devices, registry
from ml.backbones import efficientnet_lite, minilm
from ml.captioners import builtin as captioner
from ml.encoders import builtin as encoder
from ml.errors import ModelCorrupt, ModelNotFound
from mmsite import pipeline, worker
from search import engine, index
from search.models import Embedding
from search.query.answer import WORDS_ALONE, search_images
from tests.faults.doors import Doors
from tests.gallery.queueing import let_time_pass

pytestmark = [pytest.mark.models]


def missing(path: Path) -> None:
    path.unlink()


def truncated(path: Path) -> None:
    with path.open("rb+") as file:
        file.truncate(path.stat().st_size // 2)


def flipped(path: Path) -> None:
    """One bit, in the middle."""
    with path.open("rb+") as file:
        file.seek(path.stat().st_size // 2)
        (byte,) = file.read(1)
        file.seek(-1, 1)
        file.write(bytes([byte ^ 1]))


DAMAGES = [missing, truncated, flipped]
CONSEQUENCES = {missing: ModelNotFound, truncated: ModelCorrupt, flipped: ModelCorrupt}


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Path]]:
    """Copies of all files of the built-in models, which are loaded from there; by what they are."""

    def copy(path: Path) -> Path:
        return Path(shutil.copy(path, tmp_path / path.name))

    towers = tmp_path / "minilm"
    towers.mkdir()
    text = {name: Path(shutil.copy(minilm.model_folder() / name, towers)) for name in minilm.SHA256}
    image = copy(efficientnet_lite.weights_path())
    copied = {
        "heads": copy(encoder.WEIGHTS),
        "heads' configuration": copy(encoder.CONFIG),
        "text tower": text["model.safetensors"],
        "words": text["tokenizer.json"],
        "image tower": image,
    }
    folder = Path(shutil.copytree(captioner.FOLDER, tmp_path / "captioner"))
    copied |= {f"captioner's {name}": folder / name for name in captioner.SHA256}
    monkeypatch.setattr(encoder, "WEIGHTS", copied["heads"])
    monkeypatch.setattr(encoder, "CONFIG", copied["heads' configuration"])
    monkeypatch.setattr(captioner, "FOLDER", folder)
    monkeypatch.setattr(minilm, "model_folder", lambda: towers)
    monkeypatch.setattr(efficientnet_lite, "weights_path", lambda: image)
    _forget()
    yield copied
    _forget()


def _forget() -> None:
    """As after a start: no model is loaded, and no vector of a query is remembered."""
    registry.encoders.unload()
    registry.captioners.unload()
    engine.forget_queries()
    index.reset()


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_file_is_checked(files: dict[str, Path], damage: Callable[[Path], None]) -> None:
    for name, path in files.items():
        whole = path.read_bytes()
        damage(path)
        load = ml.load_captioner if name.startswith("captioner") else ml.load_encoder
        if name == "image tower":
            with pytest.raises(CONSEQUENCES[damage], match=path.name):
                efficientnet_lite.EfficientNetLite2.load(devices.device())
        else:
            with pytest.raises(CONSEQUENCES[damage], match=path.name):
                load("builtin")
        path.write_bytes(whole)


@pytest.mark.django_db
def test_all_else_goes_on_meanwhile_and_the_rest_afterwards(
    files: dict[str, Path],
    doors: Doors,
    signed_in: Client,
    make_image: Callable[..., Image],
    settings: Any,
) -> None:
    settings.CAPTIONER = settings.ENCODER = "builtin"
    pipeline.sweep()
    old = make_image("blue", name="harbour.jpg")
    worker.work_until_idle()
    assert search_images(viewer=old.owner, query="harbour").notice == ""
    caption = Caption.objects.get(image=old).text
    hurt = [files["heads"], files["captioner's model.safetensors"]]
    whole = {path: path.read_bytes() for path in hurt}
    assert doors.api().status_code == 201
    for damage in DAMAGES:
        for path in hurt:
            path.write_bytes(whole[path])
            damage(path)
        _forget()
        let_time_pass()
        pipeline.sweep()
        worker.work_until_idle()
        waiting = Stage.objects.filter(step__in=["caption", "embedding"]).exclude(image=old)
        assert set(waiting.values_list("state", "attempts")) == {("pending", 0)}
        assert all(path.name in " ".join(waiting.values_list("error", flat=True)) for path in hurt)
        assert Stage.objects.get(image=Image.objects.last(), step="renditions").state == "done"
        for words in ("harbour", caption):
            found = search_images(viewer=old.owner, query=words)
            assert found.matches[0].image == old
            assert str(WORDS_ALONE) in found.notice
        page = signed_in.get(reverse("search"), {"q": "harbour"}).content.decode()
        assert str(WORDS_ALONE) in page
        assert "harbour.jpg" in page or old.get_absolute_url() in page
    for path in hurt:
        path.write_bytes(whole[path])
    let_time_pass()
    worker.work_until_idle()
    assert set(Stage.objects.values_list("state", flat=True)) == {"done"}
    assert Caption.objects.count() == Embedding.objects.count() == 2
    assert search_images(viewer=old.owner, query="harbour").notice == ""
