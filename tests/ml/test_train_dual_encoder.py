"""Training the heads: the lessons are right, and they are learnt."""

import random
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from PIL import Image as PILImage
from safetensors.torch import load_file
from torch.nn.functional import normalize

import ml
from ml.__main__ import main
from ml.backbones.efficientnet_lite import CHANNELS, Classifier
from ml.backbones.shared import shared_image_tower
from ml.encoders.builtin import CLASSES, Ensemble
from ml.errors import DatasetError, UsageError
from ml.training.class_lessons import ClassPictures, ranking_loss
from ml.training.dual_encoder import (
    Captions,
    Lessons,
    Member,
    Options,
    class_batch,
    dev_figures,
    match_floor,
    photo_batches,
    put_together,
    shorten,
    strangers_above,
    task,
    train,
    write,
)
from ml.training.options import to_json
from ml.training.run import Run, curve, read_json
from ml.training.text_vectors import sentence_vectors
from ml.training.views import PIECES, views
from tests.ml import pairs

pytestmark = pytest.mark.training

PHOTOS = 24
OPTIONS = Options(
    data="", cache="", members=2, dimension=32, steps=25, rounds=1, batch=PHOTOS, prompts=40, class_pictures=40
)


def random_classifier() -> Classifier:
    """Classes in random directions of the feature space."""
    generator = torch.Generator().manual_seed(1)
    return Classifier(torch.randn(CLASSES, CHANNELS, generator=generator) / 8, torch.zeros(CLASSES))


def vectors_of(groups: int, each: int, seed: int) -> Captions:
    """The same random sentence vector for every text of a group."""
    generator = torch.Generator().manual_seed(seed)
    vectors = normalize(torch.randn(groups, 384, generator=generator), dim=-1).repeat_interleave(each, dim=0)
    return Captions(vectors, vectors, torch.arange(groups) * each, torch.full((groups,), each))


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    """A small world of random photos and captions, and of classes; dev is what is trained on."""
    generator = torch.Generator().manual_seed(0)
    pieces = torch.rand(PHOTOS, PIECES**2, CHANNELS, generator=generator) * torch.rand(
        PHOTOS, 1, CHANNELS, generator=generator
    )
    photos, classifier = pieces.mean(dim=1), random_classifier()
    captions = vectors_of(PHOTOS, 5, seed=2)
    return Lessons(
        photos=photos[:, None].expand(-1, 3, -1).half(),
        captions=captions,
        prompts=vectors_of(CLASSES, 2, seed=3),
        class_pictures=ClassPictures.learn(photos, pieces.flatten(0, 1).half(), classifier),
        classifier=classifier,
        dev_photos=photos,
        dev_captions=captions,
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pairs.shapes(tmp_path_factory.mktemp("shapes"), train=1)


def learnt(lessons: Lessons) -> Ensemble:
    """Heads after the steps of OPTIONS."""
    lesson = task(lessons, OPTIONS)
    lesson.network.train()
    torch.manual_seed(0)
    for batch in lesson.batches(1, torch.Generator().manual_seed(0)):
        lesson.optimiser.zero_grad()
        lesson.step(batch)
        lesson.optimiser.step()
        lesson.schedule.step()
    return put_together(list(lesson.network.eval()), lessons, OPTIONS)


def test_heads_learn_which_photo_a_caption_belongs_to_and_do_it_alike_each_time(lessons: Lessons) -> None:
    heads = [learnt(lessons) for _ in range(2)]
    first, second = (list(each.state_dict().values()) for each in heads)
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert dev_figures(heads[0], lessons)["image_to_text_r1"] > 0.9


def test_a_step_that_resuming_skips_does_not_change_the_next(lessons: Lessons) -> None:
    lesson = task(lessons, OPTIONS)
    whole, rest = (lesson.batches(1, torch.Generator().manual_seed(5)) for _ in range(2))
    for (rows, dice), (same_rows, same_dice) in zip(
        list(islice(whole, 3))[-1], next(islice(rest, 2, None)), strict=True
    ):
        assert torch.equal(rows, same_rows)
        assert dice.initial_seed() == same_dice.initial_seed()


def test_one_picture_is_too_few(lessons: Lessons) -> None:
    with pytest.raises(UsageError, match="more"):
        task(replace(lessons, photos=lessons.photos[:1]), OPTIONS)


def test_class_pictures_show_their_class_and_look_like_features(lessons: Lessons) -> None:
    classes = torch.arange(CLASSES)
    drawn = lessons.class_pictures.draw(classes, torch.Generator().manual_seed(0))
    assert drawn.shape == (CLASSES, CHANNELS)
    assert (drawn >= 0).all()
    shown, chance = lessons.classifier(drawn)[classes, classes].mean(), 1 / CLASSES
    assert shown > 20 * chance


def test_the_ranking_loss_is_least_where_heads_rank_as_the_classifier_does() -> None:
    beliefs = torch.softmax(torch.randn(30, 12, generator=torch.Generator().manual_seed(0)), dim=1)
    agreeing = ranking_loss(beliefs.log(), beliefs)
    assert agreeing < ranking_loss(torch.zeros(30, 12), beliefs) < ranking_loss(-beliefs.log(), beliefs)


def test_pictures_of_none_of_the_classes_do_not_spoil_the_loss() -> None:
    beliefs = torch.zeros(4, 3)
    beliefs[0, 0] = 1.0
    loss = ranking_loss(torch.zeros(4, 3, requires_grad=True), beliefs)
    assert torch.isfinite(loss)


def test_each_epoch_shows_every_photo_once() -> None:
    batches = photo_batches(10, 5, torch.Generator().manual_seed(0))
    first, second = (torch.cat([next(batches), next(batches)]).tolist() for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second


def test_every_class_shown_is_asked_for_too() -> None:
    asked, shown = class_batch(CLASSES, OPTIONS, torch.Generator().manual_seed(0))
    assert len(set(asked.tolist())) == OPTIONS.prompts
    assert len(shown) == OPTIONS.class_pictures
    assert set(shown.tolist()) <= set(asked.tolist())


def test_a_shortened_caption_keeps_some_of_its_words_in_order() -> None:
    words = ["a", "brown", "dog", "runs", "along", "the", "beach"]
    for seed in range(20):
        kept = shorten("a brown dog runs along the beach .", random.Random(seed)).split()
        rest = iter(words)
        assert kept
        assert all(word in rest for word in kept)
    assert shorten("dog", random.Random(0)) == "dog"


def test_the_floor_is_what_nineteen_of_twenty_true_pairs_exceed() -> None:
    cosines = torch.linspace(0.0, 1.0, 101)
    texts = torch.stack([cosines, (1 - cosines.square()).sqrt()], dim=1)
    floor = match_floor(torch.tensor([[1.0, 0.0]]), texts, torch.zeros(101, dtype=torch.long))
    assert floor == pytest.approx(0.05, abs=1e-6)


def test_strangers_are_counted_without_true_pairs() -> None:
    images = torch.eye(2)
    texts = torch.tensor([[1.0, 0.0], [0.8, 0.6]])
    assert strangers_above(0.5, images, texts, torch.tensor([0, 1])) == pytest.approx(50.0)


class CountingTower:
    """A text tower that counts what it is given."""

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, texts: list[str]) -> torch.Tensor:
        self.encoded += len(texts)
        return torch.tensor([[float(len(text))] for text in texts])


def test_sentence_vectors_are_computed_once_and_anew_for_other_texts(tmp_path: Path) -> None:
    tower = CountingTower()
    for texts in (["a", "bb"], ["a", "bb"], ["a", "ccc"]):
        vectors = sentence_vectors(texts, tmp_path, "captions", tower)
        assert vectors[:, 0].tolist() == [float(len(text)) for text in texts]
    assert tower.encoded == 4


@pytest.mark.models
def test_views_show_a_picture_whole_first_and_are_kept(data: Path, tmp_path: Path) -> None:
    tower = shared_image_tower()
    whole = views(data, "dev", tmp_path, tower=tower, side=64, crops=0)
    seen = views(data, "dev", tmp_path, tower=tower, side=64, crops=1)
    assert whole.shape == (36, 1, CHANNELS)
    assert seen.shape == (36, 2 + 1 + PIECES**2, CHANNELS)
    assert torch.allclose(seen[:, 0].float(), whole[:, 0].float(), atol=0.1)
    (kept,) = tmp_path.glob("*-64-1-*.npy")
    before = kept.stat().st_mtime_ns
    assert torch.equal(views(data, "dev", tmp_path, tower=tower, side=64, crops=1), seen)
    assert kept.stat().st_mtime_ns == before
    assert not list(tmp_path.glob("*.partial"))


@pytest.mark.models
def test_a_picture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    pairs.write(tmp_path, "dev", [(PILImage.new("RGB", (9, 9)), ("black",))])
    (picture,) = (path for path in (tmp_path / "dev").iterdir() if path.suffix != ".jsonl")
    picture.write_bytes(b"not a picture")
    with pytest.raises(DatasetError, match=picture.name):
        views(tmp_path, "dev", tmp_path / "cache", tower=shared_image_tower(), side=64, crops=0)


@pytest.mark.models
def test_a_run_ends_in_a_folder_that_serves(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lessons: Lessons
) -> None:
    options = replace(OPTIONS, data=str(data), cache=str(tmp_path), steps=2, rounds=2, crops=0)
    monkeypatch.setattr(Lessons, "read", lambda options: lessons)  # 47,000 prompts take minutes to encode
    run = Run.start(tmp_path / "run", family="encoder", options=to_json(options), data={})
    train(run)
    assert [line["epoch"] for line in curve(run.folder) if "epoch" in line] == [1, 2]
    metrics = read_json(run.folder, "metrics.json")
    assert metrics["pictures"] == PHOTOS
    encoder = ml.load_encoder(str(run.model))
    texts, pictures = encoder.encode_texts(["a red bar"]), encoder.encode_images([PILImage.new("RGB", (40, 30))])
    assert texts.shape == pictures.shape == (1, encoder.dimension)
    assert encoder.info.name == "model"
    assert encoder.match_floor == pytest.approx(read_json(run.model, "config.json")["match_floor"])


def members(count: int) -> list[Member]:
    torch.manual_seed(0)
    return [Member(scale=16.0, class_scale=24.0).eval() for _ in range(count)]


def test_written_heads_are_the_heads(lessons: Lessons, tmp_path: Path) -> None:
    (member,) = members(1)
    write(put_together([member], lessons, OPTIONS), lessons, OPTIONS, tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    assert torch.allclose(tensors["heads.0.image.kind.weight"].float(), member.image.kind.weight, atol=1e-3)
    assert (tmp_path / "model.safetensors").stat().st_size < 15_000_000
    assert not any(name.endswith("scale") for name in tensors)


def test_together_the_heads_say_what_they_say_on_average(lessons: Lessons) -> None:
    pair = members(2)
    together = put_together(pair, lessons, replace(OPTIONS, dimension=2 * 512))
    beliefs, captions = lessons.classifier(lessons.photos[:, 0].float()), lessons.captions.vectors
    with torch.inference_mode():
        alone = [member.image(lessons.photos[:, 0].float(), beliefs) @ member.text(captions).T for member in pair]
        cosines = together.image(lessons.photos[:, 0].float(), beliefs) @ together.text(captions).T
    assert torch.allclose(cosines, (alone[0] + alone[1]) / 2, atol=1e-4)


def test_a_folder_of_something_else_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "encoder", "--data", str(tmp_path), "--output", str(tmp_path / "run")]) == 1
    assert "no image folder" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
