"""Trains the heads of the built-in dual encoder on a data set and on the classes of its image tower.

Both towers are frozen, so features are computed once (`ml.training.views`, `ml.training.text_vectors`) and a step takes
half a second. The recipe is CLIP's (Radford et al. 2021, https://arxiv.org/abs/2103.00020): symmetric cross-entropy
over the similarities of a batch; plus class lessons (`ml.training.class_lessons`). A running average of the weights is
kept (Tarvainen and Valpola 2017, https://arxiv.org/abs/1703.01780). Several pairs of heads are trained side by side,
each on batches of its own, and put together by their principal directions.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from ml.backbones.efficientnet_lite import Classifier
from ml.backbones.minilm import MiniLM
from ml.backbones.shared import shared_image_tower
from ml.datasets import imagenet
from ml.datasets.examples import Split, read
from ml.encoders.builtin import MODEL_TYPE, SIDE, Ensemble, Heads, kind_of
from ml.errors import UsageError
from ml.evaluation.retrieval import score
from ml.serving import save_model
from ml.training.class_lessons import ClassPictures, ranking_loss
from ml.training.finish import finish
from ml.training.loop import Task, fit
from ml.training.options import CACHE, from_json, option, to_json
from ml.training.run import Run
from ml.training.text_vectors import sentence_vectors
from ml.training.views import PIECES, views

DESCRIPTION = "Train the built-in encoder: two heads over frozen towers, from pictures with captions."
SPLITS: tuple[Split, ...] = ("train", "dev")
REVISION = "3"
FIGURE = "text_to_image_r5"

Batch = tuple[torch.Tensor, torch.Generator]
"""Rows of pictures, and the dice for all that is drawn of them."""


@dataclass(frozen=True)
class Options:
    """What a training turns on; the defaults were chosen on Flickr8k's dev split."""

    data: str = option(help="folder of the data set, with splits train and dev")
    cache: str = option(CACHE, help="folder of features, kept between runs")
    seed: int = option(0, help="of all that is random")
    members: int = option(4, help="pairs of heads that are trained side by side and put together", least=1)
    dimension: int = option(384, help="of an embedding", least=1)
    steps: int = option(40, help="between two looks at dev", least=1)
    rounds: int = option(8, help="looks at dev; the best is kept", least=1)
    batch: int = option(1000, help="pictures in a step, each with one of its captions")
    crops: int = option(6, help="random crops of each picture, beside the whole one and its mirror image")
    prompts: int = option(600, help="classes asked for in a step, by a sentence each")
    class_pictures: int = option(300, help="pictures of these classes in a step, beside the set's")
    class_weight: float = option(0.7, help="of what the classes teach")
    label_smoothing: float = option(0.1, help="of the cross-entropy", most=1)
    learning_rate: float = option(2.5e-3, help="at its highest")
    weight_decay: float = option(0.05, help="of AdamW")
    scale: float = option(16.0, help="of cosines before the softmax, at the start; learnt")
    class_scale: float = option(24.0, help="likewise, of cosines of pictures and class prompts")
    shortened: float = option(0.15, help="share of captions that lose words, so that a query may be two words", most=1)
    average: float = option(0.98, help="decay of the running average of the weights", most=0.99999)


class Member(Heads):
    """A pair of heads and the two scales of their similarities."""

    def __init__(self, *, scale: float, class_scale: float) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.log_class_scale = nn.Parameter(torch.tensor(math.log(class_scale)))


@dataclass(frozen=True)
class Captions:
    """Sentence vectors of the captions of a split, in order."""

    vectors: torch.Tensor  #: (m, 384)
    shortened: torch.Tensor  #: (m, 384), the same captions with words left out; the same vectors on dev
    first: torch.Tensor  #: (n,), the row of each picture's first caption
    count: torch.Tensor  #: (n,), how many it has

    @classmethod
    def read(cls, data: Path, split: Split, cache: Path, tower: MiniLM, *, seed: int | None = None) -> "Captions":
        """Compute or load them; without a `seed` none are shortened. Raises DatasetError."""
        each = [example.captions for example in read(data, split)]
        captions = [caption for some in each for caption in some]
        vectors = shortened = sentence_vectors(captions, cache, f"captions-{split}", tower)
        if seed is not None:
            dice = random.Random(seed)  # noqa: S311
            shorter = [shorten(caption, dice) for caption in captions]
            shortened = sentence_vectors(shorter, cache, f"shortened-{split}", tower)
        count = torch.tensor([len(some) for some in each])
        return cls(vectors, shortened, count.cumsum(dim=0) - count, count)

    @property
    def owner(self) -> torch.Tensor:
        """The row of each caption's picture, (m,)."""
        return torch.arange(len(self.count)).repeat_interleave(self.count)

    def draw(self, rows: torch.Tensor, shortened: float, generator: torch.Generator) -> torch.Tensor:
        """One caption of each of these pictures, (len(rows), 384); a share of them shortened."""
        chosen = self.first[rows] + draw_below(self.count[rows], generator)
        short = torch.rand(len(rows), 1, generator=generator) < shortened
        return torch.where(short, self.shortened[chosen], self.vectors[chosen])


@dataclass(frozen=True)
class Lessons:
    """Everything that training reads, as vectors."""

    photos: torch.Tensor  #: (n, views, 1280) float16
    captions: Captions
    prompts: Captions  #: of each class
    class_pictures: ClassPictures
    classifier: Classifier
    dev_photos: torch.Tensor  #: (n, 1280)
    dev_captions: Captions

    @classmethod
    def read(cls, options: Options) -> "Lessons":
        """Compute or load them. Raises DatasetError, and UsageError for no crops at all."""
        if options.crops < 1:
            raise UsageError(
                "--crops must be at least 1: without them the pieces that teach single things are not cut."
            )
        data, cache = Path(options.data), Path(options.cache)
        image_tower, text_tower = shared_image_tower(), MiniLM.load()
        classifier = image_tower.classifier()
        seen = views(data, "train", cache, tower=image_tower, side=SIDE, crops=options.crops)
        photos, pieces = seen[:, : -(PIECES**2)], seen[:, -(PIECES**2) :].flatten(0, 1)
        names = imagenet.class_names()
        sentences = [prompt for class_ in names for prompt in imagenet.prompts(class_)]
        vectors = sentence_vectors(sentences, cache, "imagenet-prompts", text_tower)
        count = torch.tensor([len(class_) * len(imagenet.TEMPLATES) for class_ in names])
        return cls(
            photos=photos,
            captions=Captions.read(data, "train", cache, text_tower, seed=options.seed),
            prompts=Captions(vectors, vectors, count.cumsum(dim=0) - count, count),
            class_pictures=ClassPictures.learn(photos[:, 0].float(), pieces, classifier),
            classifier=classifier,
            dev_photos=views(data, "dev", cache, tower=image_tower, side=SIDE, crops=0)[:, 0].float(),
            dev_captions=Captions.read(data, "dev", cache, text_tower),
        )


def train(run: Run) -> None:
    """Train, or go on, and finish the run. Raises an error of ml.errors."""
    options = from_json(Options, run.options)
    lessons = Lessons.read(options)
    best = fit(run, task(lessons, options))
    metrics = {**best, "pictures": len(lessons.photos), "captions": len(lessons.captions.vectors)}
    text = "EfficientNet-Lite2 and MiniLM-L6, both frozen, with heads that place pictures beside captions."
    finish(run, metrics, title="Dual encoder over frozen towers", text=text, dev=best)


def task(lessons: Lessons, options: Options) -> Task:
    """What the loop needs: AdamW on one cycle. Raises UsageError where the set is too small to learn from."""
    photos = len(lessons.photos)
    if photos < 2:
        raise UsageError("One picture cannot be told from others: train on more.")
    torch.manual_seed(options.seed)
    scales = {"scale": options.scale, "class_scale": options.class_scale}
    members = nn.ModuleList(standardised(Member(**scales), lessons) for _ in range(options.members))
    optimiser = torch.optim.AdamW(
        members.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay, fused=True
    )
    total = options.steps * options.rounds
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, options.learning_rate, total_steps=total, pct_start=min(0.5, max(0.1, 2 / total))
    )

    def batches(epoch: int, generator: torch.Generator) -> Iterator[list[Batch]]:
        rows = photo_batches(photos, min(options.batch, photos), generator)
        return ([(next(rows), seeded(generator)) for _ in members] for _ in range(options.steps))

    def step(batch: list[Batch]) -> torch.Tensor:
        losses = [
            batch_loss(cast(Member, member), lessons, *mine, options)
            for member, mine in zip(members, batch, strict=True)
        ]
        torch.autograd.backward(losses)
        return torch.stack(losses).mean()

    def together(network: nn.Module) -> Ensemble:
        return put_together([cast(Member, member) for member in cast(nn.ModuleList, network)], lessons, options)

    return Task(
        network=members,
        optimiser=optimiser,
        schedule=schedule,
        steps_per_epoch=options.steps,
        epochs=options.rounds,
        batches=batches,
        step=step,
        score=lambda network: dev_figures(together(network), lessons),
        figure=FIGURE,
        save=lambda network, folder: write(together(network), lessons, options, folder),
        seed=options.seed,
        gradient_norm=None,
        average=options.average,
    )


def standardised(member: Member, lessons: Lessons) -> Member:
    """The member, knowing mean and deviation of what it will see."""
    member.image.scene.standardise_by(lessons.photos[:, ::2].flatten(0, 1).float())
    for projection in (member.text.scene, member.text.kind):
        projection.standardise_by(lessons.captions.vectors)
    return member


@torch.inference_mode()
def put_together(members: Sequence[Member], lessons: Lessons, options: Options) -> Ensemble:
    """The members as one, by the principal directions of what they make of the training pictures and captions."""
    photos, captions = lessons.photos[:, 0].float(), lessons.captions.vectors[lessons.captions.first]
    beliefs = lessons.classifier(photos)
    images = torch.cat([member.image(photos, beliefs) for member in members], dim=-1)
    texts = torch.cat([member.text(captions) for member in members], dim=-1)
    _, directions = torch.linalg.eigh(images.T @ images / len(images) + texts.T @ texts / len(texts))
    return Ensemble(members, directions[:, -options.dimension :].clone()).eval()


def photo_batches(photos: int, batch: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
    """Row numbers of full batches, shuffled anew for each pass, without end."""
    while True:
        order = torch.randperm(photos, generator=generator)
        yield from (rows for rows in torch.split(order, batch) if len(rows) == batch)


def seeded(generator: torch.Generator) -> torch.Generator:
    """A generator of a step's own: a step that is skipped on resuming draws nothing else."""
    return torch.Generator().manual_seed(int(torch.randint(0, 2**62, (), generator=generator)))


def draw_below(limits: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """A random whole number below each limit."""
    return (torch.rand(len(limits), generator=generator, dtype=torch.float64) * limits).long()


def class_batch(classes: int, options: Options, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Which classes a step asks for, and which of these it also shows: a picture without its prompt is no lesson."""
    asked = torch.randperm(classes, generator=generator)[: options.prompts]
    return asked, asked[: options.class_pictures]


def batch_loss(
    heads: Member, lessons: Lessons, rows: torch.Tensor, generator: torch.Generator, options: Options
) -> torch.Tensor:
    """Contrast photos with their captions, and teach all pictures the classes."""
    count = len(rows)
    view = torch.randint(0, lessons.photos.shape[1], (count,), generator=generator)
    photos = lessons.photos[rows, view].float()
    captions = lessons.captions.draw(rows, options.shortened, generator)
    asked, shown = class_batch(len(lessons.prompts.count), options, generator)
    prompts = lessons.prompts.draw(asked, 0.0, generator)

    pictures = torch.cat([photos, lessons.class_pictures.draw(shown, generator)])
    beliefs = lessons.classifier(pictures)
    with torch.autocast("cpu", torch.bfloat16):
        images = heads.image(pictures, beliefs)
        texts = heads.text(torch.cat([captions, prompts]))
    contrast = texts[:count] @ images[:count].T * heads.log_scale.exp()
    truth = torch.arange(count)
    smoothing = options.label_smoothing
    caption_loss = cross_entropy(contrast, truth, label_smoothing=smoothing)
    photo_loss = cross_entropy(contrast.T, truth, label_smoothing=smoothing)
    class_loss = sum(
        ranking_loss(some_images @ some_texts.T * heads.log_class_scale.exp(), beliefs[:, asked])
        for some_images, some_texts in ((images, texts[count:]), (kind_of(images), kind_of(texts[count:])))
    )
    return (caption_loss + photo_loss) / 2 + options.class_weight * class_loss


def shorten(caption: str, dice: random.Random) -> str:
    """Leave out 10 to 60 % of a caption's words, but not all."""
    words = caption.rstrip(" .").split()
    share = dice.uniform(0.4, 0.9)
    return " ".join([word for word in words if dice.random() < share] or [dice.choice(words or [""])])


@torch.inference_mode()
def embed(ensemble: Ensemble, lessons: Lessons) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings of dev's photos (n, d) and captions (m, d)."""
    images = ensemble.image(lessons.dev_photos, lessons.classifier(lessons.dev_photos))
    return images, ensemble.text(lessons.dev_captions.vectors)


def dev_figures(ensemble: Ensemble, lessons: Lessons) -> dict[str, float]:
    """Recall on dev, in [0, 1], both ways."""
    images, texts = embed(ensemble, lessons)
    found = score(images.numpy(), texts.numpy(), lessons.dev_captions.owner.numpy())
    return {
        f"{name}_r{depth}": recall
        for name, recalls in (("text_to_image", found.text_to_image), ("image_to_text", found.image_to_text))
        for depth, recall in zip((1, 5, 10), recalls, strict=True)
    }


def match_floor(images: torch.Tensor, texts: torch.Tensor, owner: torch.Tensor) -> float:
    """The cosine that 95 % of true pairs exceed."""
    return float((images[owner] * texts).sum(dim=1).quantile(0.05))


def strangers_above(floor: float, images: torch.Tensor, texts: torch.Tensor, owner: torch.Tensor) -> float:
    """Per cent of pairs of a text and somebody else's picture whose cosine exceeds the floor."""
    strange = owner[:, None] != torch.arange(len(images))
    return 100 * float((texts @ images.T > floor)[strange].float().mean())


def write(ensemble: Ensemble, lessons: Lessons, options: Options, folder: Path) -> None:
    """Write the heads as a model folder, with what `ml.encoders.builtin` needs to know of them."""
    images, texts = embed(ensemble, lessons)
    floor = match_floor(images, texts, lessons.dev_captions.owner)
    config = {
        "revision": REVISION,
        "match_floor": round(floor, 4),
        "strangers_above_floor": round(strangers_above(floor, images, texts, lessons.dev_captions.owner), 1),
        "recipe": {name: value for name, value in to_json(options).items() if name not in {"data", "cache"}},
        "dev": dev_figures(ensemble, lessons),
    }
    scales = ("log_scale", "log_class_scale")  # only training needs them
    tensors = {name: tensor for name, tensor in ensemble.state_dict().items() if not name.endswith(scales)}
    save_model(folder, model_type=MODEL_TYPE, config=config, tensors=tensors)
