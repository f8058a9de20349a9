"""Retrieval between pictures and their captions: recall@k, as image-text papers report it.

Protocol of Hodosh et al. 2013 (https://doi.org/10.1613/jair.3994) as Karpathy and Fei-Fei 2015
(https://arxiv.org/abs/1412.2306) made usual: every caption queries all photos, every photo queries all captions.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from tqdm import tqdm

from ml.datasets.examples import Split, read
from ml.interfaces import Embeddings, ImageTextEncoder

DEPTHS = (1, 5, 10)
BATCH = 32


@dataclass(frozen=True)
class RetrievalScores:
    """Recall@1, @5 and @10 in both directions, each in [0, 1]."""

    images: int
    captions: int
    text_to_image: tuple[float, float, float]
    image_to_text: tuple[float, float, float]

    def table(self) -> str:
        """The scores in per cent, as lines of a Markdown table."""
        header = f"| {self.images:,} images, {self.captions:,} captions | R@1 | R@5 | R@10 |"
        rows = (("text -> image", self.text_to_image), ("image -> text", self.image_to_text))
        lines = (
            f"| {name} | " + " | ".join(f"{100 * recall:.1f}" for recall in recalls) + " |" for name, recalls in rows
        )
        return "\n".join([header, "|---|---|---|---|", *lines])


def evaluate(encoder: ImageTextEncoder, *, data: Path, split: Split) -> RetrievalScores:
    """Score an encoder on a split of Flickr8k in `data`. Raises DatasetError where that is not Flickr8k."""
    examples = list(read(data, split))
    photos = [example.path for example in examples]
    owner = np.repeat(np.arange(len(examples)), [len(example.captions) for example in examples])
    images = np.concatenate(
        [
            encoder.encode_images([PILImage.open(photo) for photo in photos[start : start + BATCH]])
            for start in tqdm(range(0, len(photos), BATCH), desc="photos", unit="batch")
        ]
    )
    texts = encoder.encode_texts([caption for example in examples for caption in example.captions])
    return score(images, texts, owner)


def score(images: Embeddings, texts: Embeddings, owner: npt.NDArray[np.int64]) -> RetrievalScores:
    """Score embeddings: `images` (n, d), `texts` (m, d), and for each text the row of the picture it describes (m,).

    A tie counts against the encoder, so that constant embeddings score nothing.
    """
    similarities = texts @ images.T
    right = owner[:, None] == np.arange(len(images))
    own = similarities[np.arange(len(texts)), owner]
    rivals = ((similarities >= own[:, None]) & ~right).sum(axis=1)
    best = np.where(right, similarities, -np.inf).max(axis=0)
    caption_rivals = ((similarities >= best) & ~right).sum(axis=0)
    return RetrievalScores(
        images=len(images),
        captions=len(texts),
        text_to_image=_recalls(rivals),
        image_to_text=_recalls(caption_rivals),
    )


def _recalls(rivals: npt.NDArray[np.int64]) -> tuple[float, float, float]:
    """Recall at each depth, from how many wrong answers stand before the first right one of every query."""
    first, fifth, tenth = (float((rivals < depth).mean()) for depth in DEPTHS)
    return first, fifth, tenth
