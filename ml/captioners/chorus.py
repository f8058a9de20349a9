"""Several networks that say one caption: each hears the words so far, and the mean of what they expect counts."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import nn

from ml.captioners.attention_gru import AttentionGRU, Scene


class Chorus(nn.Module):
    """Voices of one size and one vocabulary, in the form of a single one; their states stand side by side."""

    def __init__(self, voices: Sequence[AttentionGRU]) -> None:
        super().__init__()
        self.voices = nn.ModuleList(voices)
        self.size = voices[0].size

    def look(self, maps: torch.Tensor) -> Scene:
        """Project feature maps, (n, cells, channels) float32."""
        scenes = [voice.look(maps) for voice in self._voices]
        values, keys, gists, states = zip(*scenes, strict=True)
        return Scene(
            torch.cat(values, dim=-1), torch.cat(keys, dim=1), torch.cat(gists, dim=-1), torch.cat(states, dim=-1)
        )

    def read(self, words: torch.Tensor, state: torch.Tensor, gist: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Read words, (r, t) int64: what was read and the states after each word, of all voices side by side."""
        parts = zip(self._voices, self._split(state), self._split(gist), strict=True)
        inputs, states = zip(*(voice.read(words, own, of) for voice, own, of in parts), strict=True)
        return torch.cat(inputs, dim=-1), torch.cat(states, dim=-1)

    def attend(self, states: torch.Tensor, scene: Scene) -> tuple[torch.Tensor, torch.Tensor]:
        """Look at the pictures: the contexts of all voices side by side, and the mean of where they looked."""
        parts_of = (self._split(scene.values), self._split(scene.keys, 1), *map(self._split, (scene.gist, scene.state)))
        scenes = map(Scene, *parts_of)
        parts = zip(self._voices, self._split(states), scenes, strict=True)
        contexts, attention = zip(*(voice.attend(own, seen) for voice, own, seen in parts), strict=True)
        return torch.cat(contexts, dim=-1), torch.stack(attention).mean(dim=0)

    def logits(self, inputs: torch.Tensor, states: torch.Tensor, contexts: torch.Tensor) -> torch.Tensor:
        """The logarithm of the mean probability of the next word, (..., words)."""
        parts = zip(self._voices, *(self._split(part) for part in (inputs, states, contexts)), strict=True)
        expected = [voice.logits(*own).float().softmax(dim=-1) for voice, *own in parts]
        return torch.stack(expected).mean(dim=0).log()

    @property
    def mean(self) -> torch.Tensor:
        """That of the first voice: the mean of each channel, (channels,)."""
        return self._voices[0].mean

    @property
    def _voices(self) -> list[AttentionGRU]:
        return [cast(AttentionGRU, voice) for voice in self.voices]

    def _split(self, together: torch.Tensor, dim: int = -1) -> tuple[torch.Tensor, ...]:
        return together.chunk(len(self.voices), dim=dim)
