"""Lessons that the image tower's own classifier gives for free: 1,000 classes of things beside Flickr8k's scenes.

For a prompt such as `a photo of a teapot` and a picture, whatever it is, the classifier says how much of a teapot it
sees. The heads are taught to rank pictures by that. No photo of ImageNet is needed, but pictures on which each class
is likely are: pieces of Flickr8k's photos where they hold one, and features moved to the class where they don't.
"""

from dataclasses import dataclass

import torch

from ml.backbones.efficientnet_lite import Classifier

PIECES_PER_CLASS = 40
LIKELY = 0.15  #: a piece teaches a class that the classifier believes at least so much
CHUNK = 5000  #: pieces held in float32 at a time


@dataclass(frozen=True)
class ClassPictures:
    """Draws pooled features, (n, 1280), of pictures that are likely to show given classes."""

    photos: torch.Tensor  #: (n, 1280) pooled features of real photos
    mean: torch.Tensor  #: (1280,)
    directions: torch.Tensor  #: (1000, 1280) from the mean photo to each class
    pieces: torch.Tensor  #: (1000, 40, 1280) float16, the likeliest pieces of photos for each class
    likelihood: torch.Tensor  #: (1000, 40) of the class on each piece

    @classmethod
    def learn(cls, photos: torch.Tensor, pieces: torch.Tensor, classifier: Classifier) -> "ClassPictures":
        """Learn them from pooled features of photos (n, 1280) and of pieces of photos (m, 1280) float16.

        A linear classifier's row is the difference of class means times the inverse covariance (Fisher's
        discriminant), so row times covariance leads back to where the pictures of the class lie.
        """
        rows = classifier.weight - classifier.weight.mean(dim=0)
        directions = rows @ torch.cov(photos.T)
        directions *= photos.std(dim=0).norm() / directions.norm(dim=1, keepdim=True)
        beliefs = torch.cat([classifier(chunk.float()) for chunk in torch.split(pieces, CHUNK)])
        likelihood, rows_of_class = beliefs.topk(min(PIECES_PER_CLASS, len(pieces)), dim=0)
        return cls(photos, photos.mean(dim=0), directions, pieces[rows_of_class.T], likelihood.T.contiguous())

    def draw(self, classes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """One picture for each class number: half of them pieces of photos, where likely ones exist."""
        count = len(classes)
        drawn = self._imagine(classes, generator)
        piece = torch.randint(0, self.pieces.shape[1], (count,), generator=generator)
        real = torch.rand(count, generator=generator) < 0.5
        real &= self.likelihood[classes, piece] > LIKELY
        drawn[real] = self.pieces[classes[real], piece[real]].float()
        return drawn

    def _imagine(self, classes: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Random photos, faded towards the mean one and moved to the classes; never negative, as after ReLU6."""
        count = len(classes)
        photos = self.photos[torch.randint(0, len(self.photos), (count,), generator=generator)]
        kept = 0.3 + 0.7 * torch.rand(count, 1, generator=generator)
        strength = 0.6 + 1.6 * torch.rand(count, 1, generator=generator)  # 60 to 98 % classified right
        return (self.mean + kept * (photos - self.mean) + strength * self.directions[classes]).clamp_min(0.0)


def ranking_loss(similarities: torch.Tensor, beliefs: torch.Tensor) -> torch.Tensor:
    """Cross-entropy, both ways, between how heads and classifier rank pictures for classes.

    `similarities` (n, c) are scaled similarities of pictures and class prompts, `beliefs` (n, c) the classifier's
    probabilities of these classes. Pictures of which the classifier believes none of the classes teach nothing in
    the picture's direction.
    """
    mass = beliefs.sum(dim=1, keepdim=True)
    by_picture = -(beliefs / mass.clamp_min(1e-6) * similarities.log_softmax(dim=1)).sum(dim=1)
    by_class = -(beliefs / beliefs.sum(dim=0).clamp_min(1e-12) * similarities.log_softmax(dim=0)).sum(dim=0)
    telling = mass[:, 0] > 0.2
    return 0.5 * (by_picture * telling).sum() / telling.sum().clamp_min(1) + 0.5 * by_class.mean()
