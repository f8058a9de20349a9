"""What every training of a dual encoder shares: pairs, augmentation, losses, learning rates, and the score on dev.

The losses: symmetric cross-entropy over the similarities of a batch (Radford et al. 2021,
https://arxiv.org/abs/2103.00020), and SigLIP's, which judges each pair by itself (Zhai et al. 2023,
https://arxiv.org/abs/2303.15343).
"""

import hashlib
import math
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as PILImage
from PIL import ImageOps
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from ml.datasets.examples import Example, Split, read
from ml.errors import DatasetError, UsageError
from ml.evaluation.retrieval import score
from ml.training.gradient_cache import Side, backward

Squares = npt.NDArray[np.uint8]
"""Pictures, (n, side, side, 3), memory-mapped."""

FIGURE = "text_to_image_r1"  #: what decides on dev which epoch is best
HOTTEST = math.log(100.0)  #: the logarithm of the largest scale of similarities, as in CLIP
MARGIN = 8 / 7  #: of pictures that crops are taken from, over the side that a network sees
PICTURES_A_PASS, TEXTS_A_PASS = 64, 256  #: where nothing is learnt


@dataclass(frozen=True)
class Tokens:
    """Texts as a network reads them."""

    ids: torch.Tensor  #: (m, t) int64
    mask: torch.Tensor  #: (m, t) bool, where there is a token

    def __getitem__(self, rows: torch.Tensor) -> "Tokens":
        """Some texts, as long as the longest of them."""
        longest = max(1, int(self.mask[rows].sum(dim=1).max()))
        return Tokens(self.ids[rows, :longest], self.mask[rows, :longest])

    def whole(self, rows: torch.Tensor) -> "Tokens":
        """Some texts at the length of all: for networks that were trained on padded texts."""
        return Tokens(self.ids[rows], self.mask[rows])


@dataclass(frozen=True)
class Pairs:
    """Pictures, each with one or more captions."""

    squares: Squares
    owner: npt.NDArray[np.int64]  #: (m,) for each caption the row of its picture, in rising order

    @classmethod
    def read(cls, data: Path, split: Split, cache: Path, prepare: "Prepare") -> tuple["Pairs", list[str]]:
        """The pairs of a split of any data set, and their captions. Raises DatasetError."""
        examples = list(read(data, split))
        owner = np.repeat(np.arange(len(examples)), [len(example.captions) for example in examples])
        captions = [caption for example in examples for caption in example.captions]
        return cls(squares(examples, cache, prepare), owner), captions

    def __len__(self) -> int:
        return len(self.squares)

    def batches(self, size: int, generator: torch.Generator) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Full batches of all pictures in random order: rows of pictures, and of one caption of each, by chance."""
        first = torch.from_numpy(np.searchsorted(self.owner, np.arange(len(self))))
        many = torch.from_numpy(np.bincount(self.owner, minlength=len(self)))
        for rows in torch.split(torch.randperm(len(self), generator=generator), size):
            if len(rows) == size:
                chosen = torch.rand(size, generator=generator) * many[rows]
                yield rows, first[rows] + chosen.long().clamp_max(many[rows] - 1)


@dataclass(frozen=True)
class Prepare:
    """How a picture of any size becomes a square, as the network's own encoder does it."""

    side: int
    middle: bool
    """Keep the middle square, as CLIP does, or press the whole picture into one, as SigLIP does."""

    def __call__(self, image: PILImage.Image) -> PILImage.Image:
        if not self.middle:
            return image.resize((self.side, self.side), PILImage.Resampling.BICUBIC)
        # the steps, and the rounding, of Hugging Face's CLIPImageProcessor
        image = _without_ends(image)
        width, height = (int(self.side * length / min(image.size)) for length in image.size)
        left, top = (width - self.side) // 2, (height - self.side) // 2
        larger = image.resize((width, height), PILImage.Resampling.BICUBIC)
        return larger.crop((left, top, left + self.side, top + self.side))


def _without_ends(image: PILImage.Image) -> PILImage.Image:
    """Of a long strip, a part around the middle: the whole would be huge where its shorter side is enlarged."""
    longest = 8 * min(image.size)
    margins = [max(0, length - longest) // 2 for length in image.size]
    return ImageOps.crop(image, (*margins, *margins)) if any(margins) else image


def squares(examples: Sequence[Example], cache: Path, prepare: Prepare) -> Squares:
    """Decoded pictures, (n, side, side, 3) uint8, memory-mapped from a file in `cache`: trainings see them often.

    Made on the first call; an interrupted one leaves only a temporary file. Raises DatasetError for a file that is no
    picture.
    """
    digest = hashlib.sha256(repr(prepare).encode())
    for example in examples:
        try:
            stat = example.path.stat()
        except OSError as error:
            raise DatasetError(f"{example.path} is missing: the data set is not complete.") from error
        digest.update(f"{example.path} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    path = cache / f"squares-{prepare.side}-{digest.hexdigest()[:16]}.npy"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        try:
            shape = (len(examples), prepare.side, prepare.side, 3)
            made = np.lib.format.open_memmap(partial, mode="w+", dtype=np.uint8, shape=shape)
            with partial.open("r+b") as file:  # a full disk is an error here, and a crash when memory is written out
                os.posix_fallocate(file.fileno(), 0, partial.stat().st_size)
            starts = range(0, len(examples), 256)
            with ThreadPoolExecutor() as threads:
                for start in tqdm(starts, desc="pictures", unit="batch"):
                    some = examples[start : start + 256]
                    decoded = threads.map(lambda example: _decode(example.path, prepare), some)
                    made[start : start + len(some)] = np.stack([*decoded])
            made.flush()
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)
    loaded: Squares = np.load(path, mmap_mode="r")
    return loaded


def _decode(path: Path, prepare: Prepare) -> Squares:
    try:
        with PILImage.open(path) as file:
            file.draft("RGB", (2 * prepare.side, 2 * prepare.side))  # large JPEGs are decoded at a fraction
            return np.asarray(prepare(ImageOps.exif_transpose(file).convert("RGB")))
    except (OSError, ValueError, SyntaxError, PILImage.DecompressionBombError) as error:  # the third of a broken PNG
        raise DatasetError(f"{path} cannot be read as a picture; `data clean` drops such files.") from error


@dataclass(frozen=True)
class Augment:
    """Random crops, mirror images and light, so that a picture is never seen twice alike."""

    side: int  #: of what comes out
    smallest: float = 0.5  #: share of the area that a crop keeps at least
    mirror: bool = True
    light: float = 0.0  #: by how much brightness and contrast may change, as a share

    def __call__(self, pictures: torch.Tensor) -> torch.Tensor:
        """Change (n, 3, s, s) in [0, 1] to (n, 3, side, side); draws from torch's global generator."""
        n = len(pictures)
        scale = (self.smallest + (1 - self.smallest) * torch.rand(n)).sqrt()
        shift = (1 - scale)[:, None] * (2 * torch.rand(n, 2) - 1)
        flip = torch.where(torch.rand(n) < 0.5, -1.0, 1.0) if self.mirror else torch.ones(n)
        grid = torch.zeros(n, 2, 3)
        grid[:, 0, 0], grid[:, 1, 1], grid[:, :, 2] = scale * flip, scale, shift
        places = functional.affine_grid(grid.to(pictures.device), [n, 3, self.side, self.side], align_corners=False)
        crops = functional.grid_sample(pictures, places, padding_mode="border", align_corners=False)
        if self.light:
            gain, offset = 1 + self.light * (2 * torch.rand(2, n, 1, 1, 1, device="cpu") - 1).to(pictures.device)
            mean = crops.mean(dim=(1, 2, 3), keepdim=True)
            crops = ((crops - mean) * gain + mean * offset).clamp(0, 1)
        return crops


@dataclass(frozen=True)
class Step:
    """A batch forward and backward, in chunks where memory is short."""

    images: Callable[[torch.Tensor], torch.Tensor]  #: rows of pictures -> embeddings (c, d), L2-normalised
    texts: Callable[[torch.Tensor], torch.Tensor]  #: rows of captions -> embeddings (c, d), L2-normalised
    loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    log_scale: nn.Parameter
    chunk: int  #: pairs in one pass; 0 takes the whole batch
    hottest: float = HOTTEST  #: the temperature is kept at or below it

    def __call__(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        with torch.no_grad():
            self.log_scale.clamp_(max=self.hottest)  # before the pass: clamping within it would end its gradient
        images, texts = (torch.split(rows, self.chunk or len(rows)) for rows in batch)
        return backward([Side(self.images, images), Side(self.texts, texts)], self.loss)


def info_nce(
    images: torch.Tensor, texts: torch.Tensor, log_scale: torch.Tensor, label_smoothing: float = 0.0
) -> torch.Tensor:
    """Symmetric cross-entropy of matching n pictures and n texts, (n, d) each, L2-normalised."""
    similarities = log_scale.exp() * images @ texts.T
    truth = torch.arange(len(images), device=images.device)
    losses = (
        functional.cross_entropy(rows, truth, label_smoothing=label_smoothing)
        for rows in (similarities, similarities.T)
    )
    return torch.stack([*losses]).mean()


def sigmoid_loss(
    images: torch.Tensor, texts: torch.Tensor, log_scale: torch.Tensor, bias: torch.Tensor
) -> torch.Tensor:
    """SigLIP's: every picture with every text is a question of its own, yes on the diagonal. (n, d) each."""
    similarities = log_scale.exp() * images @ texts.T + bias
    signs = 2 * torch.eye(len(images), device=images.device) - 1
    return -functional.logsigmoid(signs * similarities).sum() / len(images)


def figures(images: torch.Tensor, texts: torch.Tensor, owner: npt.NDArray[np.int64]) -> dict[str, float]:
    """Recall@1, @5 and @10 in both directions, each in [0, 1]."""
    scores = score(images.cpu().numpy(), texts.cpu().numpy(), owner)
    both = {"text_to_image": scores.text_to_image, "image_to_text": scores.image_to_text}
    return {
        f"{name}_r{depth}": recall
        for name, recalls in both.items()
        for depth, recall in zip((1, 5, 10), recalls, strict=True)
    }


@torch.no_grad()
def embed(encode: Callable[[torch.Tensor], torch.Tensor], rows: int, batch: int, what: str = "") -> torch.Tensor:
    """What `encode` makes of rows 0 to `rows`, taken `batch` at a time."""
    parts = torch.split(torch.arange(rows), batch)
    return torch.cat([encode(part).float() for part in tqdm(parts, desc=what, unit="batch", disable=not what)])


def device() -> torch.device:
    """Where to compute: on a GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def parameter_groups(rates: Iterable[tuple[nn.Module, float]], weight_decay: float) -> list[dict[str, Any]]:
    """What AdamW takes: the trainable parameters of each module at its rate; vectors and the temperature don't decay.

    A parameter belongs to the first module that holds it.
    """
    groups, seen = [], set()
    for module, rate in rates:
        mine = [each for each in module.parameters() if each.requires_grad and each not in seen]
        seen.update(mine)
        for decays in (True, False):
            chosen = [each for each in mine if (each.dim() > 1) == decays]
            if chosen:
                groups.append({"params": chosen, "lr": rate, "weight_decay": weight_decay if decays else 0.0})
    return groups


def warmup_cosine(optimiser: torch.optim.Optimizer, steps: int, warmup: float) -> torch.optim.lr_scheduler.LambdaLR:
    """Each group's rate rises from near 0 during that share of the steps, then falls to 0 along a cosine."""
    rising = max(1, round(warmup * steps))

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / rising
        return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))

    return torch.optim.lr_scheduler.LambdaLR(optimiser, factor)


def batch_size(options: Any, pairs: int) -> int:
    """The size of batches: as the options have it, or all pairs where there are fewer.

    Raises UsageError for options that cannot be, DatasetError for fewer than two pairs.
    """
    if options.batch < 2 or options.chunk < 0 or options.epochs < 1:
        raise UsageError("--batch must be at least 2, --epochs at least 1, and --chunk at least 0 (the whole batch).")
    if pairs < 2:
        raise DatasetError("To contrast pictures takes at least two, and the train split holds one.")
    return int(min(options.batch, pairs))
