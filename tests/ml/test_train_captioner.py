"""Training the captioner, on a data set small enough to learn by heart."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

from ml.backbones.shared import shared_image_tower
from ml.captioners.attention_gru import AttentionGRU
from ml.captioners.builtin import Manner, name_confidence, read
from ml.captioners.naming import noun
from ml.captioners.vocabulary import END, Vocabulary
from ml.datasets.examples import Example
from ml.datasets.imagenet import everyday_kinds
from ml.errors import DatasetError
from ml.training.captioner import Averaged, Captions, Dev, Pictures, Recipe, calibrate_names, fit, loss_of, train

TEXTS = [("a dog runs", "a dog is running on grass"), ("two men ride bikes", "men ride"), ("a boat", "a red boat is")]
RECIPE = Recipe(epochs=40, pictures=1, learning_rate=0.01, average=0.5, word_dropout=0.0, bfloat16=False)


@pytest.fixture
def examples() -> list[Example]:
    return [Example(Path(f"{number}.jpg"), texts) for number, texts in enumerate(TEXTS)]


@pytest.fixture
def vocabulary() -> Vocabulary:
    return Vocabulary.of((text for texts in TEXTS for text in texts), seen=1)


@pytest.fixture
def maps() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(3, 4, 6)).astype(np.float16)


def small(words: int) -> AttentionGRU:
    torch.manual_seed(0)
    return AttentionGRU(
        words, channels=6, cells=4, hidden=32, embedding=16, attention=8, dropout=0.0, output_dropout=0.0
    )


@pytest.fixture
def tiny_flickr8k(tmp_path: Path) -> Path:
    """Flickr8k's layout with three pictures a split."""
    root = tmp_path / "flickr8k"
    (root / "Flicker8k_Dataset").mkdir(parents=True)
    lines = []
    for split in ("train", "dev"):
        names = [f"{split}{number}.jpg" for number in range(len(TEXTS))]
        (root / f"Flickr_8k.{split}Images.txt").write_text("\n".join(names))
        for name, texts, colour in zip(names, TEXTS, ("brown", "grey", "blue"), strict=True):
            PILImage.new("RGB", (40, 30), colour).save(root / "Flicker8k_Dataset" / name)
            lines.extend(f"{name}#{number}\t{text} ." for number, text in enumerate(texts))
    (root / "Flickr8k.token.txt").write_text("\n".join(lines))
    return root


def test_captions_are_sorted_cut_and_ended(examples: list[Example], vocabulary: Vocabulary) -> None:
    captions = Captions.of(examples, vocabulary, longest=4)
    assert captions.lengths.tolist() == [[5, 4], [5, 3], [5, 3]]
    assert vocabulary.decode(captions.words[0, 0].tolist()) == "a dog is running on"
    assert captions.words[0, 1].tolist() == [*vocabulary.encode("a dog runs"), END, END]


def test_the_loss_is_the_mean_over_words_whatever_the_padding(
    examples: list[Example], vocabulary: Vocabulary, maps: np.ndarray
) -> None:
    network = small(len(vocabulary))
    pictures = torch.from_numpy(maps).float()
    losses, counts = [], []
    for row, texts in enumerate(TEXTS):
        for text in texts:
            alone = Captions.of([Example(Path(), (text,))], vocabulary, longest=10)
            losses.append(loss_of(network, pictures[row : row + 1], alone, RECIPE).item())
            counts.append(len(vocabulary.encode(text)) + 1)
    together = loss_of(network, pictures, Captions.of(examples, vocabulary, longest=10), RECIPE)
    assert together.item() == pytest.approx(np.average(losses, weights=counts), abs=1e-5)


def test_learns_a_small_data_set_by_heart_and_repeatably(
    examples: list[Example], vocabulary: Vocabulary, maps: np.ndarray
) -> None:
    dev = Dev(examples, maps, vocabulary)
    captions = Captions.of(examples, vocabulary, longest=10)

    def trained() -> AttentionGRU:
        network = small(len(vocabulary))
        *_, best = fit(network, Pictures([maps]), captions, dev, recipe=RECIPE, generator=np.random.default_rng(0))
        return best

    network = trained()
    assert dev.score(network, Manner()).rouge_l_best > 0.9
    again = trained().state_dict()
    assert all(torch.equal(weights, again[name]) for name, weights in network.state_dict().items())


def test_mirrored_maps_take_the_place_of_about_half(maps: np.ndarray) -> None:
    many = np.repeat(maps, 200, axis=0)
    pictures = Pictures([many, np.full_like(many, 9.0)])
    seen = list(pictures.batches(50, np.random.default_rng(0)))
    assert sorted(row for rows, _ in seen for row in rows) == list(range(600))
    mirrored = np.mean([float((one == 9.0).all()) for _, batch in seen for one in batch])
    assert 0.4 < mirrored < 0.6


def test_the_average_follows_the_weights() -> None:
    network = small(5)
    averaged = Averaged(network, 0.5)
    with torch.no_grad():
        network.bias.fill_(1.0)
    for _ in range(20):
        averaged.update(network)
    torch.testing.assert_close(averaged.network.bias, network.bias, atol=1e-3, rtol=0)


@pytest.mark.models
def test_a_name_is_as_sure_as_people_often_mention_the_thing() -> None:
    weight = shared_image_tower().classifier().weight.numpy()
    zebra = np.maximum(weight[340] - weight.mean(axis=0), 0.0)
    maps = np.stack([np.tile(strength * zebra, (49, 1)) for strength in np.linspace(5.0, 20.0, 20)]).astype(np.float16)
    kinds = ", ".join(noun(kind) for kind in everyday_kinds())

    def told(texts: tuple[str, ...]) -> float:
        manner = calibrate_names(Manner(), [Example(Path(), texts)] * len(maps), maps)
        return name_confidence(0.95, manner)

    silent, telling = told(("nothing to see",)), told(("nothing to see", kinds))
    assert silent < 0.2
    assert telling > 0.8


@pytest.mark.models
def test_trains_from_pictures_to_a_file_that_loads(tiny_flickr8k: Path, tmp_path: Path) -> None:
    output = tmp_path / "captioner.safetensors"
    recipe = Recipe(epochs=1, pictures=2, seen=1)
    train(data=tiny_flickr8k, cache=tmp_path / "features", output=output, recipe=recipe)
    _, vocabulary, manner = read(output)
    assert "dog" in vocabulary.words
    assert np.isfinite([manner.slope, manner.offset, manner.name_slope, manner.name_offset]).all()


def test_says_that_the_data_set_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="not Flickr8k"):
        train(data=tmp_path, cache=tmp_path, output=tmp_path / "captioner.safetensors")
