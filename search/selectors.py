"""What pages and the pipeline ask of vectors. Searches are in search.query."""

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef

from gallery.models import Image, Stage
from search.models import Embedding, ModelVersion

EMBEDDING_STEP = "embedding"
# A version is not let to searches if more than this share of the pictures failed: rather the model than the pictures.
FAILURES_TOLERATED = 0.05


@dataclass(frozen=True)
class Coverage:
    """How far a version is: pictures that have its vector, that will never have it, and all there are."""

    embedded: int
    given_up: int
    pictures: int

    @property
    def is_complete(self) -> bool:
        """Nothing is left to do, and what failed is few enough to be the pictures' own fault."""
        all_tried = self.embedded + self.given_up >= self.pictures
        return all_tried and self.given_up <= FAILURES_TOLERATED * self.pictures


def coverage(*, version: ModelVersion) -> Coverage:
    """How many of the pictures have the version's vector."""
    vector = Embedding.objects.filter(image_id=OuterRef("pk"), model_version=version, vector__isnull=False)
    failed = Stage.objects.filter(
        image_id=OuterRef("pk"),
        step=EMBEDDING_STEP,
        model=version.key,
        state=Stage.State.FAILED,
    )
    return Coverage(
        embedded=Image.objects.filter(Exists(vector)).count(),
        given_up=Image.objects.filter(~Exists(vector), Exists(failed)).count(),
        pictures=Image.objects.count(),
    )


def coverages() -> dict[int, Coverage]:
    """`coverage` of every version, by its id, in four statements."""
    pictures = Image.objects.count()
    vectors = Embedding.objects.filter(Exists(Image.objects.filter(pk=OuterRef("image_id"))), vector__isnull=False)
    embedded = dict(vectors.values_list("model_version").annotate(Count("pk")))
    has_vector = Embedding.objects.filter(
        image_id=OuterRef("image_id"), model_version__key=OuterRef("model"), vector__isnull=False
    )
    failed = Stage.objects.filter(
        ~Exists(has_vector), image__trashed_at=None, step=EMBEDDING_STEP, state=Stage.State.FAILED
    )
    given_up = dict(failed.values_list("model").annotate(Count("pk")))
    return {
        version.pk: Coverage(embedded.get(version.pk, 0), given_up.get(version.key, 0), pictures)
        for version in ModelVersion.objects.only("key")
    }


def versions_to_embed() -> list[ModelVersion]:
    """The versions that every picture needs a vector of: the active one, and one that is being built.

    A name stands for one model at a time. So an active version whose name the one being built has taken over is past
    making: no model on this machine makes its vectors any more.
    """
    wanted = list(ModelVersion.objects.filter(state__in=ModelVersion.IN_USE).order_by("pk"))
    taken_over = {version.name for version in wanted if version.state == ModelVersion.State.BUILDING}
    return [
        version for version in wanted if version.state == ModelVersion.State.BUILDING or version.name not in taken_over
    ]
