"""Gradients of a loss over a large batch, in the memory of a small one.

A contrastive loss needs all embeddings of a batch at once, but not all activations. Gao et al. 2021, "Scaling Deep
Contrastive Learning Batch Size under Memory Limited Setup", https://arxiv.org/abs/2101.06983: embed the batch chunk by
chunk without a graph; take the gradient of the loss in the embeddings; embed each chunk again, now with a graph, and
send its embeddings' gradient through it. The sum is the gradient of the whole batch, for one more forward pass.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch


@dataclass(frozen=True)
class Side:
    """One side of a batch: pictures, or texts."""

    encode: Callable[[Any], torch.Tensor]
    """Embeddings (c, d) of a chunk; what it draws at random, it draws from torch's own generators."""
    chunks: Sequence[Any]


@dataclass(frozen=True)
class _Dice:
    """Where torch's random generators stood."""

    processor: torch.Tensor
    devices: list[torch.Tensor]

    @classmethod
    def now(cls) -> "_Dice":
        return cls(torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [])

    def set(self) -> None:
        torch.set_rng_state(self.processor)
        if self.devices:
            torch.cuda.set_rng_state_all(self.devices)


def backward(sides: Sequence[Side], loss: Callable[..., torch.Tensor]) -> torch.Tensor:
    """Leave the gradients of `loss(embeddings of each side …)` in all that it depends on; returns its value.

    With a chunk a side there is nothing to save, and the pass is the usual one. Gradients are those of the whole batch
    to rounding, dropout and augmentation included: a chunk's second pass draws what its first drew. Layers that mix
    the rows of a batch, such as batch norm, see chunks.
    """
    if all(len(side.chunks) == 1 for side in sides):
        value = loss(*(side.encode(side.chunks[0]) for side in sides))
        torch.autograd.backward(value)
        return value.detach()
    first = [[_first_pass(side, chunk) for chunk in side.chunks] for side in sides]
    leaves = [torch.cat([embeddings for embeddings, _ in parts]).requires_grad_() for parts in first]
    value = loss(*leaves)
    torch.autograd.backward(value)
    with _kept_dice():
        for side, parts, leaf in zip(sides, first, leaves, strict=True):
            if leaf.grad is None:  # the loss does not look at this side
                continue
            gradients = torch.split(leaf.grad, [len(embeddings) for embeddings, _ in parts])
            for chunk, (_, dice), gradient in zip(side.chunks, parts, gradients, strict=True):
                dice.set()
                embeddings = side.encode(chunk)
                if not embeddings.requires_grad:  # a frozen tower
                    break
                torch.autograd.backward(embeddings, gradient)
    return value.detach()


@torch.no_grad()
def _first_pass(side: Side, chunk: Any) -> tuple[torch.Tensor, _Dice]:
    dice = _Dice.now()
    return side.encode(chunk), dice


@contextmanager
def _kept_dice() -> Iterator[None]:
    """Go on from where the generators stand, whatever is drawn in between."""
    dice = _Dice.now()
    try:
        yield
    finally:
        dice.set()
