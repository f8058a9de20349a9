"""Training the heads: the lessons are right, and they are learnt."""

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ml.backbones.efficientnet_lite import CHANNELS, Classifier
from ml.encoders.builtin import CLASSES, load_heads
from ml.errors import DatasetError
from ml.evaluation.retrieval import RetrievalScores
from ml.training.class_lessons import ClassPictures, ranking_loss
from ml.training.dual_encoder import (
    DualHeads,
    Lessons,
    Recipe,
    class_batch,
    embed,
    fit,
    match_floor,
    photo_batches,
    pooled,
    save,
    shorten,
    strangers_above,
    train,
)
from ml.training.text_vectors import sentence_vectors

PHOTOS = 24
RECIPE = replace(Recipe(), steps=25, batch=PHOTOS, prompts=40, class_pictures=40)


def random_classifier() -> Classifier:
    """Classes in random directions of the feature space."""
    generator = torch.Generator().manual_seed(1)
    return Classifier(torch.randn(CLASSES, CHANNELS, generator=generator) / 8, torch.zeros(CLASSES))


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    """A small world of random photos and captions, and of classes."""
    random_ = np.random.default_rng(0)
    maps = random_.uniform(0, 2, (PHOTOS, 49, CHANNELS)).astype(np.float16) * random_.uniform(
        0, 1, (PHOTOS, 1, CHANNELS)
    ).astype(np.float16)
    photos = pooled(maps)
    captions = torch.nn.functional.normalize(torch.randn(PHOTOS, 5, 384, generator=torch.manual_seed(2)), dim=-1)
    classifier = random_classifier()
    return Lessons(
        photos=photos,
        mirrored=photos,
        captions=captions[:, :1].expand(-1, 5, -1),
        shortened=captions[:, :1].expand(-1, 5, -1),
        prompts=tuple(torch.nn.functional.normalize(torch.randn(CLASSES, 2, 384), dim=-1)),
        class_pictures=ClassPictures.learn(maps, photos, classifier),
        classifier=classifier,
    )


def test_heads_learn_which_photo_a_caption_belongs_to_and_do_it_alike_each_time(lessons: Lessons) -> None:
    heads = []
    for _ in range(2):
        torch.manual_seed(0)
        heads.append(fit(lessons, RECIPE, seed=0))
    first, second = (list(head.state_dict().values()) for head in heads)
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    images, texts, owner = embed(heads[0], lessons.photos, lessons.captions.flatten(0, 1), lessons.classifier)
    assert ((texts @ images.T).argmax(dim=1) == owner).float().mean() > 0.9


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
    asked, shown = class_batch(CLASSES, RECIPE, torch.Generator().manual_seed(0))
    assert len(set(asked.tolist())) == RECIPE.prompts
    assert len(shown) == RECIPE.class_pictures
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


def test_saved_heads_are_read_back_as_the_encoder_reads_them(tmp_path: Path) -> None:
    torch.manual_seed(0)
    heads = DualHeads(scale=16.0, class_scale=24.0).eval()
    none = (0.0, 0.0, 0.0)
    scores = RetrievalScores(images=1, captions=5, text_to_image=none, image_to_text=none)
    path = tmp_path / "new" / "heads.safetensors"
    save(heads, path, recipe=Recipe(), floor=0.123456, scores=scores)
    image_head, text_head, header = load_heads(path)
    sentences = torch.randn(3, 384)
    assert torch.allclose(text_head.eval()(sentences), heads.text(sentences), atol=2e-3)
    pictures, beliefs = torch.rand(3, CHANNELS), torch.full((3, CLASSES), 1 / CLASSES)
    assert torch.allclose(image_head.eval()(pictures, beliefs), heads.image(pictures, beliefs), atol=2e-3)
    assert float(header["match_floor"]) == 0.1235
    assert path.stat().st_size < 15_000_000


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
def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not Flickr8k"):
        train(data=tmp_path, cache=tmp_path, output=tmp_path / "heads.safetensors")
