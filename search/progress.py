"""How far the pictures are embedded by a model version, and how long the rest takes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from gallery.durations import about
from search import selectors
from search.models import Embedding, ModelVersion

# What a rate is measured over: a worker that has done nothing for so long has none, and a shorter time tells nothing.
RATE_WINDOW = timedelta(minutes=5)
RATE_LEAST = timedelta(seconds=10)
RATE_CHANGES = 10_000


@dataclass(frozen=True)
class Progress:
    """How far a version is, and how many pictures were embedded a second of late; None where nothing is going on."""

    coverage: selectors.Coverage
    rate: float | None = None

    @property
    def tried(self) -> int:
        """Pictures that have their vector, or never will."""
        return self.coverage.embedded + self.coverage.given_up

    @property
    def left(self) -> int:
        """Pictures that are still to be embedded."""
        return max(0, self.coverage.pictures - self.tried)

    @property
    def seconds_left(self) -> float | None:
        return self.left / self.rate if self.left and self.rate else None

    @property
    def time_left(self) -> str:
        """`about 2 h 5 min`; "" where nobody knows, or nothing is left."""
        if self.seconds_left is None:
            return ""
        return about(self.seconds_left)


def progress_of(version: ModelVersion, coverage: selectors.Coverage | None = None) -> Progress:
    """How far a version is, and how fast it gets on. `coverage`, where it is known already."""
    return Progress(coverage or selectors.coverage(version=version), _rate(version))


def _rate(version: ModelVersion) -> float | None:
    now = timezone.now()
    times: list[datetime] = list(
        Embedding.objects.filter(model_version=version)
        .order_by("-seq")
        .values_list("updated_at", flat=True)[:RATE_CHANGES]
    )
    recent = [time for time in times if time > now - RATE_WINDOW]
    if not recent or now - min(recent) < RATE_LEAST:
        return None
    # Without the first one: nobody knows how long that took.
    return (len(recent) - 1) / (now - min(recent)).total_seconds() or None
