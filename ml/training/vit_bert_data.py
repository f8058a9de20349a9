"""What a ViT-BERT learns from: pictures as its encoder takes them, and their captions as tokens."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from ml.captioners.vision_encoder_decoder import tidy
from ml.datasets.examples import Example
from ml.evaluation.pictures import load
from ml.huggingface import pixels
from ml.training.features import FeatureMaps

READERS = 4  #: pictures decoded at once

Rows = Sequence[int]


class Batch(NamedTuple):
    """Pictures of a step, by their rows, and which of them are seen in the mirror."""

    rows: list[int]
    mirrored: list[bool]


class Pictures(Protocol):
    """Pictures of a split by their rows."""

    def __len__(self) -> int: ...

    def look(self, rows: Rows, mirrored: Sequence[bool]) -> torch.Tensor:
        """What the encoder takes as `pixel_values`, one row a picture."""


@dataclass(frozen=True)
class Photos:
    """Pictures that are read from their files each time."""

    paths: Sequence[Path]
    image_processor: Any

    def __len__(self) -> int:
        return len(self.paths)

    def look(self, rows: Rows, mirrored: Sequence[bool]) -> torch.Tensor:
        """(n, 3, height, width) float32. Raises DatasetError for a file that is no picture."""
        with ThreadPoolExecutor(READERS) as pool:
            images = list(pool.map(lambda row, side: load(self.paths[row], mirrored=side), rows, mirrored))
        return pixels(self.image_processor, images)["pixel_values"]


@dataclass(frozen=True)
class Maps:
    """The built-in tower's feature maps of pictures, and of their mirror images where there are any."""

    sides: Sequence[FeatureMaps]

    def __len__(self) -> int:
        return len(self.sides[0])

    def look(self, rows: Rows, mirrored: Sequence[bool]) -> torch.Tensor:
        """(n, cells, channels) float32."""
        chosen = [self.sides[mirror and len(self.sides) - 1][row] for row, mirror in zip(rows, mirrored, strict=True)]
        return torch.from_numpy(np.stack(chosen).astype(np.float32))


@dataclass(frozen=True)
class Captions:
    """The captions of n pictures as tokens, from the token that starts one to the token that ends it."""

    numbers: Sequence[Sequence[Sequence[int]]]
    padding: int

    @classmethod
    def of(cls, examples: Sequence[Example], tokenizer: Any, *, start: int, end: int, longest: int) -> "Captions":
        """Cut captions into tokens; of a longer one than `longest` (with start and end) the tail is not learned."""
        flat = [tidy(caption) for example in examples for caption in example.captions]
        pieces = tokenizer(flat, add_special_tokens=False).input_ids
        each = iter([[start, *ids[: longest - 2], end] for ids in pieces])
        return cls([[next(each) for _ in example.captions] for example in examples], tokenizer.pad_token_id)

    def batch(self, rows: Rows) -> "Texts":
        """All captions of these pictures."""
        lengths = [[len(ids) for ids in self.numbers[row]] for row in rows]
        longest = max(map(sum, lengths))
        tokens = torch.full((len(rows), longest), self.padding)
        caption = torch.full((len(rows), longest), -1)
        places = torch.zeros(len(rows), longest, dtype=torch.int64)
        for place, row in enumerate(rows):
            ids = [number for text in self.numbers[row] for number in text]
            tokens[place, : len(ids)] = torch.tensor(ids)
            caption[place, : len(ids)] = torch.arange(len(lengths[place])).repeat_interleave(
                torch.tensor(lengths[place])
            )
            places[place, : len(ids)] = torch.cat([torch.arange(length) for length in lengths[place]])
        return Texts(tokens, caption, places)


class Texts(NamedTuple):
    """The captions of n pictures, those of a picture one behind the other, t tokens at most.

    So a picture's patches are prepared once for all its captions, and little is padding.
    """

    tokens: torch.Tensor  #: (n, t) int64
    caption: torch.Tensor  #: (n, t) int64, the caption that a token belongs to; -1 where there is only padding
    places: torch.Tensor  #: (n, t) int64, a token's place in its caption

    def to(self, device: torch.device) -> "Texts":
        """The same on a device."""
        return Texts(*(part.to(device) for part in self))

    @property
    def reach(self) -> torch.Tensor:
        """What a token may read, (n, 1, t, t) bool: its caption up to itself."""
        same = self.caption[:, :, None] == self.caption[:, None, :]
        return same.tril()[:, None]

    @property
    def foretold(self) -> torch.Tensor:
        """Where a token is followed by another of its caption, which it has to foretell, (n, t - 1) bool."""
        return (self.caption[:, 1:] == self.caption[:, :-1]) & (self.caption[:, 1:] >= 0)


def batches(
    pictures: int, size: int, *, mirror: bool, ready: Callable[[], None]
) -> Callable[[int, torch.Generator], Iterator[Batch]]:
    """Every epoch all pictures once in random order, mirrored or not by chance; `ready` is called before each batch."""

    def epoch(_: int, generator: torch.Generator) -> Iterator[Batch]:
        order = torch.randperm(pictures, generator=generator)
        flipped = torch.rand(pictures, generator=generator) < (0.5 if mirror else 0.0)
        for rows in torch.tensor_split(order, -(-pictures // size)):
            ready()
            yield Batch(rows.tolist(), flipped[rows].tolist())

    return epoch
