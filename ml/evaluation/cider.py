"""CIDEr-D: how much of what people agree to say of a picture a caption says.

Vedantam, Zitnick and Parikh 2015, https://arxiv.org/abs/1411.5726, as the COCO evaluation code computes it (the tests
compare the two): n-grams of 1 to 4 words, weighted by their rarity among the pictures, clipped to the reference's own
count, a Gaussian penalty on the difference in length. There it reads text from the Penn Treebank tokenizer; here,
`ml.evaluation.text.plain` text, as every other measure of this package does.

References are prepared once and scoring is vectorised, so that it can be the reward of a self-critical training.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from ml.evaluation.text import plain

Scores = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Keys = npt.NDArray[np.uint64]

ORDERS = 4  #: words of the longest n-gram
SIGMA = 6.0  #: words; deviation of the length penalty
SCALE = 10.0
_JOIN = np.uint64(0x9E3779B97F4A7C15)  #: odd, so that no bit of the words before is lost when one joins them


@dataclass(frozen=True)
class _Grams:
    """The different n-grams of each of several texts, in parallel arrays."""

    text: Rows  #: the row of the text
    order: Rows  #: words - 1
    key: Keys  #: 64-bit hash of the words: among a million n-grams, two share one with a chance of 3e-8
    count: Scores  #: how often the text says it
    length: Rows  #: of the text, in pairs of words, as the COCO code counts


class CiderD:
    """Scores captions of pictures whose references it holds.

    >>> scorer = CiderD([["a dog runs", "the dog is running"], ["two men on a bench"]])
    >>> scorer.score(["a dog", "a man sits"])  # one caption for each picture: (2,)
    >>> scorer.score(["a dog", "a dog runs", "a cat"], [0, 0, 0])  # as many as one likes: (3,)
    """

    def __init__(self, references: Sequence[Sequence[str]], background: Sequence[Sequence[str]] | None = None) -> None:
        """Prepare the references of n pictures, one or more each.

        How rare an n-gram is, is counted among these pictures, or among `background`, the references of others. With
        fewer than two pictures nothing is rare and every score is 0.
        """
        self._pictures = len(references)
        self._words: dict[str, int] = {}
        owner, grams = self._read(references)
        documents = self._pictures if background is None else len(background)
        said_by, said = (owner, grams) if background is None else self._read(background)
        self._keys = np.unique(np.concatenate([grams.key, said.key]))
        pairs = np.unique(said_by[said.text] * len(self._keys) + np.searchsorted(self._keys, said.key))
        times = np.bincount(pairs % max(1, len(self._keys)), minlength=len(self._keys))
        self._unheard = float(np.log(max(1, documents)))  #: the rarity of what nobody said
        self._rarity: Scores = self._unheard - np.log(np.maximum(1, times))

        column = np.searchsorted(self._keys, grams.key)
        weight = grams.count * self._rarity[column]
        picture = owner[grams.text]
        places = picture * len(self._keys) + column
        order = np.argsort(places, kind="stable")
        texts = np.bincount(owner, minlength=self._pictures)
        self._places = places[order]
        self._weight = weight[order]
        self._share = (weight / _norms(grams, weight) / texts[picture])[order]
        self._length = grams.length[order]

    def score(self, captions: Sequence[str], rows: Sequence[int] | Rows | None = None) -> Scores:
        """CIDEr-D of n captions, (n,) float64: from 0 to 10, for good captions around 1.

        `rows` says which picture each describes, (n,); without it there is one for each picture in order.
        """
        row = np.arange(self._pictures) if rows is None else np.asarray(rows, dtype=np.int64)
        if len(row) != len(captions):
            raise ValueError(f"There are {len(captions)} captions for {len(row)} pictures.")
        grams = self._grams(captions)
        column = np.searchsorted(self._keys, grams.key)
        column[column == len(self._keys)] = 0
        heard = self._keys[column] == grams.key if len(self._keys) else np.zeros(len(column), dtype=bool)
        weight = grams.count * self._unheard
        weight[heard] = grams.count[heard] * self._rarity[column[heard]]
        places = row[grams.text] * len(self._keys) + column
        first, last = (np.searchsorted(self._places, places, side) for side in ("left", "right"))
        times = np.where(heard, last - first, 0)  # so many references of the picture say it too
        ours = np.repeat(np.arange(len(times)), times)
        theirs = np.arange(len(ours)) - np.repeat(np.cumsum(times) - times - first, times)
        apart = grams.length[ours] - self._length[theirs]
        parts = (
            np.minimum(weight[ours], self._weight[theirs]) * self._share[theirs] * np.exp(-(apart**2) / (2 * SIGMA**2))
        )
        sums = np.bincount(grams.text[ours], weights=parts / _norms(grams, weight)[ours], minlength=len(captions))
        return np.asarray(SCALE / ORDERS * sums)

    def _read(self, references: Sequence[Sequence[str]]) -> tuple[Rows, _Grams]:
        """The picture of each reference, and the n-grams of all references."""
        owner = np.repeat(np.arange(len(references)), [len(texts) for texts in references])
        return owner, self._grams([text for texts in references for text in texts])

    def _grams(self, texts: Sequence[str]) -> _Grams:
        split = [plain(text).split() for text in texts]
        lengths = np.array([len(words) for words in split], dtype=np.int64)
        hashes = np.array([self._hash(word) for words in split for word in words], dtype=np.uint64)
        owner = np.repeat(np.arange(len(texts)), lengths)
        keys = hashes
        found = [(owner, np.zeros_like(owner), hashes)]
        for order in range(1, min(ORDERS, len(hashes))):
            keys = keys[:-1] * _JOIN + hashes[order:]
            whole = owner[:-order] == owner[order:]  # the others reach from one text into the next
            found.append((owner[:-order][whole], np.full(int(whole.sum()), order), keys[whole]))
        text, orders, key = (np.concatenate(column) for column in zip(*found, strict=True))
        sorting = np.lexsort((key, text))
        text, orders, key = text[sorting], orders[sorting], key[sorting]
        new = np.ones(len(key), dtype=bool)
        new[1:] = (text[1:] != text[:-1]) | (key[1:] != key[:-1])
        first = np.flatnonzero(new)
        count = np.diff(first, append=len(key)).astype(np.float64)
        length = np.maximum(0, lengths - 1)[text[first]]
        return _Grams(text[first], orders[first], key[first], count, length)

    def _hash(self, word: str) -> int:
        if word not in self._words:
            self._words[word] = int.from_bytes(blake2b(word.encode(), digest_size=8).digest())
        return self._words[word]


def _norms(grams: _Grams, weight: Scores) -> Scores:
    """For each n-gram, the length of the vector of all of its order in its text; 1 where that is 0, to divide by."""
    place = grams.text * ORDERS + grams.order
    norms: Scores = np.sqrt(np.bincount(place, weight**2))
    norms[norms == 0.0] = 1.0
    mine: Scores = norms[place]
    return mine
