"""Beam search over the tokens of a decoder of transformers, for several pictures at once.

What is found is what `generate` of transformers finds with the same beams, its usual length penalty of 1 and its usual
early stopping (its `_beam_search`; Wu et al. 2016, https://arxiv.org/abs/1609.08144, for the division by the length).
But the keys and values of a picture are computed and kept once, not once a beam, the first step reads one beam instead
of all, which are still alike, and a picture leaves the batch as soon as it has its captions.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch.nn import functional
from transformers import DynamicCache, EncoderDecoderCache
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask
from transformers.modeling_utils import AttentionInterface

from ml.captioners.attention_gru import forbid_repeats

SHARED = "mmsite-shared"  #: the name of `_attend` among transformers' kinds of attention


def _attend(
    module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None, **keywords: Any
) -> tuple[torch.Tensor, None]:
    """Scaled dot-product attention, in which several rows of queries, one each, may look at one row of keys.

    query (n * beams, heads, t, d), with t = 1 where there are more of them than of key and value, (n, heads, cells, d).
    """
    rows, n = len(query), len(key)
    if rows == n:
        return sdpa_attention_forward(module, query, key, value, mask, **keywords)  # type: ignore[no-any-return]
    beams = query.view(n, rows // n, *query.shape[1::2]).transpose(1, 2)
    keywords["is_causal"] = False  # beams stand side by side
    context, _ = sdpa_attention_forward(module, beams, key, value, None, **keywords)
    return context.reshape(rows, 1, *context.shape[2:]), None


AttentionInterface.register(SHARED, _attend)
AttentionMaskInterface.register(SHARED, sdpa_mask)


class _Reader:
    """A decoder that has read the beams of n pictures so far."""

    def __init__(self, decoder: Any, states: torch.Tensor) -> None:
        if decoder.config._attn_implementation != SHARED:
            decoder.set_attn_implementation(SHARED)
        self._decoder = decoder
        self._states = states
        self._cache = EncoderDecoderCache(DynamicCache(), DynamicCache())

    def read(self, tokens: torch.Tensor) -> torch.Tensor:
        """Read on, tokens (n, k, t): the log-probabilities of the next token, (n, k, tokens) float32."""
        n, k, _ = tokens.shape
        output = self._decoder(
            input_ids=tokens.flatten(0, 1),
            encoder_hidden_states=self._states,
            past_key_values=self._cache,
            use_cache=True,
        )
        return output.logits[:, -1].float().log_softmax(dim=-1).view(n, k, -1)  # type: ignore[no-any-return]

    def follow(self, pictures: torch.Tensor, parents: torch.Tensor, k: int) -> None:
        """Go on from the beams `parents`, (m, beams) among k, of the pictures numbered (m,) among those so far."""
        rows = (pictures[:, None] * k + parents).flatten()
        self._cache.self_attention_cache.reorder_cache(rows)
        if len(pictures) < len(self._states) // k:
            self._cache.cross_attention_cache.batch_select_indices(pictures)
        self._states = self._states[:1].expand(len(rows), -1, -1)  # for their shape alone: their keys are in the cache


class Found(NamedTuple):
    """The best captions of each of n pictures, the best first."""

    tokens: torch.Tensor  #: (n, beams, longest) int64, with the end; padding behind it
    score: torch.Tensor  #: (n, beams) float32, the mean log-probability of the tokens; -inf where there are fewer

    def take(self, rows: torch.Tensor) -> "Found":
        """Those of some of the pictures."""
        return Found(self.tokens[rows], self.score[rows])

    def merge(self, others: "Found") -> "Found":
        """The best of both, as many as there are here."""
        score = torch.cat([self.score, others.score], dim=1)
        best = score.topk(self.score.shape[1], dim=1).indices
        tokens = torch.cat([self.tokens, others.tokens], dim=1)
        return Found(tokens.take_along_dim(best[..., None], dim=1), score.take_along_dim(best, dim=1))


@torch.inference_mode()
def search(
    decoder: Any,
    states: torch.Tensor,
    *,
    first: Sequence[int],
    beams: int,
    longest: int,
    ends: Sequence[int],
    padding: int,
    block: int,
) -> Found:
    """The captions of n pictures, (n, cells, hidden), with the highest mean log-probability of their tokens.

    They begin with the tokens `first`, which don't count, and have up to `longest` more, the end included. None says
    `block` tokens in a row twice.
    """
    n, device = len(states), states.device
    reader, rows = _Reader(decoder, states), torch.arange(n, device=device)
    best = Found(
        torch.full((n, beams, longest), padding, device=device),
        torch.full((n, beams), -torch.inf, device=device),
    )
    told, stops = best, torch.tensor(ends, device=device)
    words = unread = torch.tensor(first, device=device).expand(n, 1, -1)
    total = torch.zeros(n, 1, device=device)
    for length in range(1, longest + 1):
        scores = reader.read(unread)
        forbid_repeats(scores, words, block)
        k, vocabulary = scores.shape[1:]
        # as many as can end, and `beams` more that go on
        totals, places = (total[..., None] + scores).flatten(1).topk((1 + len(ends)) * beams, dim=1)
        parents, tokens = places // vocabulary, places % vocabulary
        grown = torch.cat([words.take_along_dim(parents[..., None], dim=1), tokens[..., None]], dim=2)
        ended = torch.isin(tokens, stops) | (length == longest)
        whole = functional.pad(grown[:, :beams, len(first) :], (0, longest - length), value=padding)
        best = best.merge(Found(whole, (totals / length).masked_fill(~ended, -torch.inf)[:, :beams]))
        total, chosen = totals.masked_fill(ended, -torch.inf).topk(beams, dim=1)
        going = (total[:, 0] / length > best.score[:, -1]).nonzero()[:, 0]
        if len(going) < len(rows):
            told = Found(*(all_.index_copy(0, rows, part) for all_, part in zip(told, best, strict=True)))
            if not len(going):
                break
            best, rows = best.take(going), rows[going]
        chosen, total = chosen[going], total[going]
        words = grown[going].take_along_dim(chosen[..., None], dim=1)
        unread = words[..., -1:]
        reader.follow(going, parents[going].take_along_dim(chosen, dim=1), k)
    return told
