"""Where in a picture a query's words are: what a heat map shows."""

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import numpy.typing as npt
from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from gallery.models import Image, Rendition
from gallery.renditions import rendition_pixels
from ml.encoders.similarity import distinct
from ml.interfaces import SpatialEncoder
from search import engine
from search.exceptions import NoHeat
from search.models import ModelVersion
from search.query.terms import Query, Text

# Values that lie this close together don't differ.
EVEN = 1e-3


@dataclass(frozen=True)
class Question:
    """Where in a picture's thumbnail the model of a version finds what texts say."""

    thumbnail: Rendition
    texts: tuple[Text, ...]
    version: ModelVersion

    @property
    def text(self) -> str:
        """What is looked for, for people."""
        return get_text_list([text.words for text in self.texts], _("and"))

    @property
    def key(self) -> str:
        """The same key, the same answer."""
        texts = sha256(repr(self.texts).encode()).hexdigest()
        return f"{self.thumbnail.pk}-{self.thumbnail.created_at.timestamp():.0f}-{self.version.key}-{texts[:16]}"


def texts_to_show(query: Query) -> tuple[Text, ...]:
    """What of a query a picture should show, in words."""
    return tuple(text for text in query.texts if text.sign != "-")


def question(*, image: Image, query: Query) -> Question:
    """Where the picture is like the query's words. Raises NoHeat where that can't be asked."""
    texts = texts_to_show(query)
    if not texts:
        raise NoHeat(_("No words say what to look for."))
    if image.thumbnail is None:
        raise NoHeat(_("This picture is still being worked on."))
    version = ModelVersion.objects.filter(state=ModelVersion.State.ACTIVE).first()
    if version is None:
        raise NoHeat(_("Search has no model yet."))
    return Question(image.thumbnail, texts, version)


def heat_map(asked: Question) -> npt.NDArray[np.float32]:
    """How much each part of the picture speaks for the texts together: (rows, columns) in [0, 1], rows from the top.

    From 0 for the part that does least to 1 for that which does most; all 1 where the parts don't differ. Raises
    NoHeat where the model can't tell, ModelChanged, or an error of ml.errors.
    """
    encoder = engine.encoder_of(asked.version)
    if not isinstance(encoder, SpatialEncoder):
        raise NoHeat(_("The search model can't tell where it sees something."))
    vectors = engine.encode_query([text.words for text in asked.texts], version=asked.version)
    together = np.array([text.weight for text in asked.texts]) @ vectors
    texts = np.asarray([together / np.linalg.norm(together)], dtype=np.float32)
    if background := engine.background(asked.version):
        texts = distinct(texts, background.vectors)
    (values,) = encoder.similarity_maps(rendition_pixels(asked.thumbnail), texts)
    span = float(np.ptp(values))
    heat: npt.NDArray[np.float32] = (values - values.min()) / span if span > EVEN else np.ones_like(values)
    return heat
