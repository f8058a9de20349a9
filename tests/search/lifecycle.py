"""What the tests of the life of versions share."""

from typing import Any

import numpy as np

import ml
from gallery.models import Image
from ml.errors import ModelNotFound
from ml.interfaces import ModelInfo
from search import services
from search.models import ModelVersion
from tests.search.conftest import OtherEncoder

D = 64


class ThirdEncoder(OtherEncoder):
    info = ModelInfo(name="third", revision="1", weights_hash="2" * 64, preprocessing="average")


def states() -> dict[str, str]:
    return dict(ModelVersion.objects.values_list("name", "state"))


def record(version: ModelVersion, images: list[Image]) -> None:
    services.embeddings_record(version=version, vectors={image.pk: np.ones(D) for image in images})


def go_missing(encoders: dict[str, Any], name: str) -> None:
    """As if the model's folder had been deleted."""

    def load(wanted: str) -> Any:
        if wanted == name:
            raise ModelNotFound(f"{name} is not on this machine.")
        return encoders[wanted]

    ml.load_encoder = load  # undone with the fixture `encoders`
