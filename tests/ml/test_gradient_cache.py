"""Gradients in chunks are those of the whole batch."""

import copy

import pytest
import torch
from torch import nn

from ml.training.contrastive import info_nce
from ml.training.gradient_cache import Side, backward


class Dual(nn.Module):
    """Two small towers and a temperature."""

    def __init__(self, dropout: float = 0.0) -> None:
        super().__init__()
        self.image = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 5))
        self.text = nn.Sequential(nn.Linear(7, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 5))
        self.log_scale = nn.Parameter(torch.tensor(2.0))

    def loss(self, images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
        return info_nce(nn.functional.normalize(images), nn.functional.normalize(texts), self.log_scale)


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """11 pairs, which 4 does not divide."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(11, 6, generator=generator), torch.randn(11, 7, generator=generator)


def gradients(network: Dual) -> list[torch.Tensor | None]:
    return [parameter.grad for parameter in network.parameters()]


def assert_same(one: Dual, other: Dual) -> None:
    for mine, theirs in zip(gradients(one), gradients(other), strict=True):
        assert mine is not None
        assert mine.abs().max() > 0
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("chunk", [1, 4, 11])
def test_chunks_give_the_gradients_of_the_whole_batch(chunk: int, batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    torch.manual_seed(1)
    whole = Dual()
    chunked = copy.deepcopy(whole)
    expected = whole.loss(whole.image(batch[0]), whole.text(batch[1]))
    expected.backward()

    sides = [
        Side(tower, torch.split(rows, chunk)) for tower, rows in zip((chunked.image, chunked.text), batch, strict=True)
    ]
    value = backward(sides, chunked.loss)

    torch.testing.assert_close(value, expected.detach())
    assert_same(chunked, whole)


def test_the_second_pass_draws_what_the_first_drew(batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    torch.manual_seed(1)
    whole = Dual(dropout=0.5)
    chunked = copy.deepcopy(whole)
    chunks = [torch.split(rows, 4) for rows in batch]
    torch.manual_seed(2)
    images, texts = (
        torch.cat([tower(chunk) for chunk in side])
        for tower, side in zip((whole.image, whole.text), chunks, strict=True)
    )
    whole.loss(images, texts).backward()
    after = torch.get_rng_state()

    torch.manual_seed(2)
    backward([Side(chunked.image, chunks[0]), Side(chunked.text, chunks[1])], chunked.loss)

    assert_same(chunked, whole)
    assert torch.equal(torch.get_rng_state(), after)


def test_a_frozen_side_is_left_alone(batch: tuple[torch.Tensor, torch.Tensor]) -> None:
    torch.manual_seed(1)
    network = Dual()
    network.image.requires_grad_(False)

    backward(
        [Side(network.image, torch.split(batch[0], 4)), Side(network.text, torch.split(batch[1], 4))], network.loss
    )

    assert all(parameter.grad is None for parameter in network.image.parameters())
    assert all(parameter.grad is not None for parameter in network.text.parameters())
    assert network.log_scale.grad is not None
