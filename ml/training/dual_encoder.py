"""Trains the heads of the built-in dual encoder on Flickr8k and on the classes of its image tower.

Both towers are frozen, so features are computed once (`ml.training.features`, `ml.training.text_vectors`) and an
epoch takes seconds. The recipe is CLIP's (Radford et al. 2021, https://arxiv.org/abs/2103.00020): symmetric
cross-entropy over the similarities of a batch; plus class lessons (`ml.training.class_lessons`). The weights of the
last steps are averaged (Izmailov et al. 2018, https://arxiv.org/abs/1803.05407).
"""

import json
import math
import random
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel
from tqdm import tqdm

from ml.backbones.efficientnet_lite import Classifier
from ml.backbones.minilm import MiniLM
from ml.backbones.shared import shared_image_tower
from ml.datasets import imagenet
from ml.datasets.examples import read
from ml.encoders.builtin import ImageHead, TextHead, kind_of
from ml.evaluation.retrieval import RetrievalScores, score
from ml.files import sha256
from ml.training.class_lessons import ClassPictures, ranking_loss
from ml.training.features import FeatureMaps, feature_maps
from ml.training.text_vectors import sentence_vectors

REVISION = "1"
CAPTIONS = 5  #: of each photo of Flickr8k


@dataclass(frozen=True)
class Recipe:
    """What was chosen on the dev split."""

    steps: int = 320
    batch: int = 1000  #: photos, each with one of its captions
    prompts: int = 600  #: classes asked for in each step
    class_pictures: int = 300  #: pictures of these classes in each step, beside the photos
    class_weight: float = 0.7
    label_smoothing: float = 0.1
    learning_rate: float = 2.5e-3
    weight_decay: float = 0.05
    scale: float = 16.0  #: of cosines before the softmax, at the start; learnt
    class_scale: float = 24.0  #: likewise, of cosines of pictures and class prompts
    shortened: float = 0.15  #: share of captions that lose words, so that a query may be two words
    average_from: float = 0.6  #: share of the steps after which weights are averaged


class DualHeads(nn.Module):
    """Both heads and the two scales of their similarities."""

    def __init__(self, *, scale: float, class_scale: float) -> None:
        super().__init__()
        self.image = ImageHead()
        self.text = TextHead()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.log_class_scale = nn.Parameter(torch.tensor(math.log(class_scale)))


@dataclass(frozen=True)
class Lessons:
    """Everything that training reads, as vectors."""

    photos: torch.Tensor  #: (n, 1280)
    mirrored: torch.Tensor  #: (n, 1280), the same photos flipped
    captions: torch.Tensor  #: (n, 5, 384)
    shortened: torch.Tensor  #: (n, 5, 384), the same captions with words left out
    prompts: tuple[torch.Tensor, ...]  #: of each class, (templates x names, 384)
    class_pictures: ClassPictures
    classifier: Classifier

    @classmethod
    def read(cls, data: Path, cache: Path, seed: int) -> "Lessons":
        """Compute or load them. Raises DatasetError where `data` is not Flickr8k."""
        tower = MiniLM.load()
        classifier = shared_image_tower().classifier()
        maps = feature_maps(data, "train", cache)
        photos = pooled(maps)
        captions = [caption for example in read(data, "train") for caption in example.captions]
        dice = random.Random(seed)  # noqa: S311
        names = imagenet.class_names()
        prompts = sentence_vectors(
            [prompt for class_ in names for prompt in imagenet.prompts(class_)], cache, "imagenet-prompts", tower
        )
        return cls(
            photos=photos,
            mirrored=pooled(feature_maps(data, "train", cache, mirrored=True)),
            captions=sentence_vectors(captions, cache, "flickr8k-train-text", tower).view(len(photos), CAPTIONS, -1),
            shortened=sentence_vectors(
                [shorten(caption, dice) for caption in captions], cache, "flickr8k-train-shortened", tower
            ).view(len(photos), CAPTIONS, -1),
            prompts=torch.split(prompts, [len(class_) * len(imagenet.TEMPLATES) for class_ in names]),
            class_pictures=ClassPictures.learn(maps, photos, classifier),
            classifier=classifier,
        )


def train(*, data: Path, cache: Path, output: Path, seed: int = 0) -> None:
    """Train the heads on Flickr8k in `data` and write them to `output` (safetensors, float16).

    Features are kept in `cache`. Same seed, same machine, same number of threads: same weights. Raises DatasetError
    where `data` is not Flickr8k.
    """
    torch.manual_seed(seed)
    recipe = Recipe()
    lessons = Lessons.read(data, cache, seed)
    heads = fit(lessons, recipe, seed=seed)
    photos, captions = dev_vectors(data, cache)
    images, texts, owner = embed(heads, photos, captions, lessons.classifier)
    scores = score(images.numpy(), texts.numpy(), owner.numpy())
    floor = match_floor(images, texts, owner)
    strangers = strangers_above(floor, images, texts, owner)
    save(heads, output, recipe=recipe, floor=floor, scores=scores)
    tqdm.write(f"Flickr8k dev:\n{scores.table()}\nmatch floor {floor:.3f}, exceeded by {strangers:.1f} % of strangers")
    tqdm.write(f"{output} has SHA-256 {sha256(output)}: pin it in ml/encoders/builtin.py.")


def fit(lessons: Lessons, recipe: Recipe, *, seed: int) -> DualHeads:
    """Train new heads: AdamW on one cycle, the weights of the last steps averaged."""
    generator = torch.Generator().manual_seed(seed)
    heads = DualHeads(scale=recipe.scale, class_scale=recipe.class_scale)
    heads.image.scene.standardise_by(lessons.photos)
    for projection in (heads.text.scene, heads.text.kind):
        projection.standardise_by(lessons.captions.flatten(0, 1))
    optimizer = torch.optim.AdamW(
        heads.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.steps, pct_start=0.1
    )
    averaged = AveragedModel(heads)
    batches = photo_batches(len(lessons.photos), recipe.batch, generator)
    for step in (progress := tqdm(range(recipe.steps), desc="heads", unit="step")):
        loss = batch_loss(heads, lessons, next(batches), recipe, generator)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        progress.set_postfix(loss=f"{loss.item():.3f}")
        if step >= recipe.average_from * recipe.steps:
            averaged.update_parameters(heads)
    heads.load_state_dict(averaged.module.state_dict())
    return heads.eval()


def photo_batches(photos: int, batch: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Row numbers of full batches, shuffled anew for each epoch, without end."""
    while True:
        order = torch.randperm(photos, generator=generator)
        yield from (rows for rows in torch.split(order, batch) if len(rows) == batch)


def class_batch(classes: int, recipe: Recipe, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Which classes a step asks for, and which of these it also shows: a picture without its prompt is no lesson."""
    asked = torch.randperm(classes, generator=generator)[: recipe.prompts]
    return asked, asked[: recipe.class_pictures]


def batch_loss(
    heads: DualHeads, lessons: Lessons, rows: torch.Tensor, recipe: Recipe, generator: torch.Generator
) -> torch.Tensor:
    """Contrast photos with their captions, and teach all pictures the classes."""
    count = len(rows)
    flip = torch.rand(count, 1, generator=generator) < 0.5
    photos = torch.where(flip, lessons.mirrored[rows], lessons.photos[rows])
    choice = torch.randint(0, CAPTIONS, (count,), generator=generator)
    short = torch.rand(count, 1, generator=generator) < recipe.shortened
    captions = torch.where(short, lessons.shortened[rows, choice], lessons.captions[rows, choice])
    asked, shown = class_batch(len(lessons.prompts), recipe, generator)
    prompts = torch.stack([draw(lessons.prompts[number], generator) for number in asked.tolist()])

    pictures = torch.cat([photos, lessons.class_pictures.draw(shown, generator)])
    beliefs = lessons.classifier(pictures)
    with torch.autocast("cpu", torch.bfloat16):
        images = heads.image(pictures, beliefs)
        texts = heads.text(torch.cat([captions, prompts]))
    contrast = texts[:count] @ images[:count].T * heads.log_scale.exp()
    truth = torch.arange(count)
    smoothing = recipe.label_smoothing
    caption_loss = cross_entropy(contrast, truth, label_smoothing=smoothing)
    photo_loss = cross_entropy(contrast.T, truth, label_smoothing=smoothing)
    class_loss = sum(
        ranking_loss(some_images @ some_texts.T * heads.log_class_scale.exp(), beliefs[:, asked])
        for some_images, some_texts in ((images, texts[count:]), (kind_of(images), kind_of(texts[count:])))
    )
    return (caption_loss + photo_loss) / 2 + recipe.class_weight * class_loss


def draw(rows: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A random row."""
    return rows[torch.randint(0, len(rows), (), generator=generator)]


def shorten(caption: str, dice: random.Random) -> str:
    """Leave out 10 to 60 % of a caption's words, but not all."""
    words = caption.rstrip(" .").split()
    share = dice.uniform(0.4, 0.9)
    return " ".join([word for word in words if dice.random() < share] or [dice.choice(words)])


def pooled(maps: FeatureMaps) -> torch.Tensor:
    """Mean over the cells of (n, 49, 1280) maps: (n, 1280) float32."""
    return torch.from_numpy(np.concatenate([rows.mean(axis=0, dtype=np.float32)[None] for rows in maps]))


def dev_vectors(data: Path, cache: Path) -> tuple[torch.Tensor, torch.Tensor]:
    """Pooled features (1000, 1280) and sentence vectors (5000, 384) of the dev split."""
    captions = [caption for example in read(data, "dev") for caption in example.captions]
    photos = pooled(feature_maps(data, "dev", cache))
    return photos, sentence_vectors(captions, cache, "flickr8k-dev-text", MiniLM.load())


@torch.inference_mode()
def embed(
    heads: DualHeads, photos: torch.Tensor, captions: torch.Tensor, classifier: Classifier
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Embeddings of photos (n, 512) and captions (5 n, 512), and the row of each caption's photo (5 n,)."""
    owner = torch.arange(len(photos)).repeat_interleave(CAPTIONS)
    return heads.image(photos, classifier(photos)), heads.text(captions), owner


def match_floor(images: torch.Tensor, texts: torch.Tensor, owner: torch.Tensor) -> float:
    """The cosine that 95 % of true pairs exceed."""
    return float((images[owner] * texts).sum(dim=1).quantile(0.05))


def strangers_above(floor: float, images: torch.Tensor, texts: torch.Tensor, owner: torch.Tensor) -> float:
    """Per cent of pairs of a text and somebody else's picture whose cosine exceeds the floor."""
    strange = owner[:, None] != torch.arange(len(images))
    return 100 * float((texts @ images.T > floor)[strange].float().mean())


def save(heads: DualHeads, output: Path, *, recipe: Recipe, floor: float, scores: RetrievalScores) -> None:
    """Write both heads in float16, with what `ml.encoders.builtin` needs to know of them in the header."""
    tensors = {
        f"{name}.{key}": tensor.half().contiguous()
        for name, head in (("image", heads.image), ("text", heads.text))
        for key, tensor in head.state_dict().items()
    }
    header = {
        "revision": REVISION,
        "match_floor": round(floor, 4),
        "recipe": asdict(recipe),
        "dev": asdict(scores),
    }
    output.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, output, metadata={"builtin_encoder": json.dumps(header)})
