"""How well an encoder knows single things: does `a photo of a teapot` find the teapot?

There is no ImageNet photo here, so the image tower's own classifier says what stands on real photos of Flickr8k. That
favours the built-in encoder, which listens to this classifier: read the scores as "how much of the classifier's
knowledge can be reached by words", not as accuracy.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as PILImage
from tqdm import tqdm

from ml.backbones.efficientnet_lite import pool
from ml.backbones.shared import shared_image_tower
from ml.datasets import imagenet
from ml.datasets.examples import Split, read
from ml.encoders.builtin import SIDE
from ml.errors import DatasetError
from ml.interfaces import Embeddings, ImageTextEncoder

BATCH = 32
SHOWN = 0.3  #: a class is there when the classifier believes it so much on the likeliest photo
ABSENT = 0.02  #: and absent when it believes it less on every photo


@dataclass(frozen=True)
class ClassScores:
    """Shares in [0, 1] over the classes that are shown, and how near the absent ones come."""

    shown: int
    first: float  #: of the shown classes find their photo first, among one photo for each shown class
    fifth: float  #: likewise among the first five
    absent: int
    shown_cosine: float  #: the median cosine of a shown class and its best photo
    absent_cosine: float  #: the same of an absent class

    def table(self) -> str:
        """The scores as lines of a Markdown table."""
        return "\n".join(
            [
                "| classes | R@1 | R@5 | cosine of the best photo, median |",
                "|---|---|---|---|",
                f"| {self.shown} shown | {100 * self.first:.1f} | {100 * self.fifth:.1f} | {self.shown_cosine:.3f} |",
                f"| {self.absent} absent | | | {self.absent_cosine:.3f} |",
            ]
        )


def evaluate(encoder: ImageTextEncoder, *, data: Path, split: Split) -> ClassScores:
    """Score an encoder on a split of Flickr8k in `data`. Raises DatasetError where that is not Flickr8k."""
    photos = [example.path for example in read(data, split)]
    tower = shared_image_tower()
    classifier = tower.classifier()
    embeddings, beliefs = [], []
    for start in tqdm(range(0, len(photos), BATCH), desc="photos", unit="batch"):
        images = [PILImage.open(photo).convert("RGB") for photo in photos[start : start + BATCH]]
        embeddings.append(encoder.encode_images(images))
        with torch.inference_mode():
            beliefs.append(classifier(pool(tower.feature_maps(images, SIDE))).numpy())
    prompts = [f"a photo of {imagenet.with_article(names[0])}" for names in imagenet.class_names()]
    return score(np.concatenate(embeddings), encoder.encode_texts(prompts), np.concatenate(beliefs))


def score(images: Embeddings, prompts: Embeddings, beliefs: npt.NDArray[np.float32]) -> ClassScores:
    """Score embeddings of photos (n, d) and of one prompt a class (c, d) by the classifier's beliefs (n, c).

    Raises DatasetError where no class is shown, or none is absent.
    """
    best, strength = beliefs.argmax(axis=0), beliefs.max(axis=0)
    shown, absent = np.flatnonzero(strength > SHOWN), np.flatnonzero(strength < ABSENT)
    if not (len(shown) and len(absent)):
        raise DatasetError("These photos show no class, or all of them.")
    pool_similarities = prompts[shown] @ images[best[shown]].T
    own = pool_similarities.diagonal()[:, None]
    rivals = (pool_similarities > own).sum(axis=1)  # two classes may share a photo, which is a tie and no rival
    nearest = (prompts @ images.T).max(axis=1)
    return ClassScores(
        shown=len(shown),
        first=float((rivals < 1).mean()),
        fifth=float((rivals < 5).mean()),
        absent=len(absent),
        shown_cosine=float(np.median(nearest[shown])),
        absent_cosine=float(np.median(nearest[absent])),
    )
