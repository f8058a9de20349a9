"""The vectors of captions that people wrote: which are due, and their making.

A caption that a model wrote tells nothing that the picture's own vector doesn't (docs/performance.md), and has none.
What is due is read from the tables, so that nothing which is forgotten, doubled or late does harm: a picture whose
caption has no vector yet, or that of another text, for a version that is searched or being built. That takes long where
people said much, and so it is done when somebody has said something since (`ModelVersion.captions_said`), and in the
sweep.
"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress

from django.db.models import Exists, OuterRef, QuerySet

from gallery.models import Image
from ml.errors import ModelError
from search import engine, selectors, services
from search.exceptions import VersionUnknown
from search.models import CaptionEmbedding, ModelVersion
from search.services import EmbeddedCaption
from search.vectors import pack

# Captions that are embedded at once: half a second of the built-in encoder.
BATCH = 64
# An encoder that fails on this fails on everything.
PLAIN_TEXT = "a photo"

logger = logging.getLogger(__name__)


def embed_due() -> int:
    """Bring up to BATCH captions level for each version; how many there were. Where a model is missing or another one,
    its captions wait, and the log says so."""
    return sum(_embed_due(version) for version in selectors.versions_to_embed() if version.awaits_captions)


def any_due() -> bool:
    """Whether `embed_due` may have something to do."""
    return any(version.awaits_captions for version in selectors.versions_to_embed())


def look_again() -> None:
    """Find what is due though nobody was told. For the sweep."""
    for version in selectors.versions_to_embed():
        if not version.awaits_captions and (unembedded(version).exists() or outdated(version).exists()):
            ModelVersion.objects.filter(pk=version.pk).update(captions_seen=None)


def unembedded(version: ModelVersion) -> QuerySet[Image]:
    """Pictures of which a person says something that has no vector yet."""
    level = CaptionEmbedding.objects.filter(
        image_id=OuterRef("pk"), model_version_id=version.pk, text=OuterRef("description")
    )
    return Image.objects.described_by_person().filter(~Exists(level))


def outdated(version: ModelVersion) -> QuerySet[CaptionEmbedding]:
    """Vectors of captions that are nobody's any more."""
    said = Image.with_trash.described_by_person().filter(pk=OuterRef("image_id"))
    return CaptionEmbedding.objects.filter(~Exists(said), model_version_id=version.pk).exclude(text="")


def _embed_due(version: ModelVersion) -> int:
    unsaid = outdated(version).values_list("image_id", flat=True)[:BATCH]
    due = {image_id: EmbeddedCaption("", None) for image_id in unsaid}
    said = dict(unembedded(version).order_by("pk").values_list("pk", "description")[:BATCH])
    if not (due or said):  # what was said after `version` was read has a number of its own
        ModelVersion.objects.filter(pk=version.pk).update(captions_seen=version.captions_said)
        return 0
    due |= _embedded(said, version)
    if due:
        with suppress(VersionUnknown):  # removed meanwhile
            services.captions_record(version=version, captions=due)
    return len(due)


def _embedded(said: Mapping[int, str], version: ModelVersion) -> dict[int, EmbeddedCaption]:
    """These captions with their vectors; none where the encoder is to blame, so that they wait."""
    try:
        vectors = _encode(list(said.values()), version) if said else []
    except ModelError as error:
        logger.warning("Captions wait for the model %s: %s", version, error)
        return {}
    except Exception:  # a boundary: pictures must not wait for captions
        logger.exception("Captions wait, since %s fails on any text.", version)
        return {}
    return {
        image_id: EmbeddedCaption(text, vector) for (image_id, text), vector in zip(said.items(), vectors, strict=True)
    }


def _encode(texts: Sequence[str], version: ModelVersion) -> list[bytes | None]:
    """The packed vectors of texts, in their order; None for one that the encoder fails on, though not on others. Raises
    ModelChanged, another error of ml.errors, or whatever it fails on any text with."""
    try:
        return _packed(texts, version)
    except ModelError:
        raise
    except Exception:
        _packed([PLAIN_TEXT], version)
        if len(texts) == 1:
            logger.exception("%s fails on a caption, which is found by its words alone for now.", version)
            return [None]
        return [vector for text in texts for vector in _encode([text], version)]


def _packed(texts: Sequence[str], version: ModelVersion) -> list[bytes | None]:
    return [pack(vector, dimension=version.dimension) for vector in engine.encode_texts(texts, version=version)]
