"""The vectors, and the model versions that made them. SQL is the truth; indexes are caches of these tables."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gallery.models import Image, User


class ModelVersion(models.Model):
    """An encoder exactly as it made vectors. Vectors of different versions are never compared."""

    class State(models.TextChoices):
        ADDED = "added", "Added: nothing is embedded yet"
        BUILDING = "building", "Building: pictures are being embedded"
        ACTIVE = "active", "Active: searches use it"
        RETIRED = "retired", "Retired: kept, but no longer added to"

    IN_USE = (State.ACTIVE, State.BUILDING)

    key = models.CharField(max_length=300, unique=True, help_text=_("ml.ModelInfo.key"))
    name = models.CharField(max_length=255, help_text=_("The name by which ml.load_encoder finds it."))
    revision = models.CharField(max_length=50)
    weights_hash = models.CharField(max_length=64)
    preprocessing = models.CharField(max_length=100)
    dimension = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.BUILDING)
    activates_itself = models.BooleanField(default=False, help_text=_("Searches use it as soon as it is covered."))
    last_seq = models.PositiveBigIntegerField(default=0, help_text=_("The newest change of its embeddings."))
    captions_said = models.PositiveBigIntegerField(default=0, help_text=_("How often people said what pictures show."))
    captions_seen = models.PositiveBigIntegerField(
        default=0,
        null=True,
        help_text=_("Of these, all up to this one are embedded; null: of older ones some are not."),
    )
    created_at = models.DateTimeField(default=timezone.now)
    configured_at = models.DateTimeField(null=True, help_text=_("When the setting last came to name it."))
    activated_at = models.DateTimeField(null=True, help_text=_("When searches last began to use it."))

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["state"], condition=Q(state="active"), name="model_version_one_active"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def awaits_captions(self) -> bool:
        """Whether people may have said something that is not embedded. See search.captions."""
        return self.captions_seen != self.captions_said


class VersionedVector(models.Model):
    """A vector that belongs to one picture, by one model version.

    `seq` grows with every change within a version, in commit order (see search.services), so that an index follows the
    table by reading what lies past the last `seq` it has seen. A deleted picture leaves a tombstone: no vector, and an
    `image` that no longer exists, hence no constraint.
    """

    image = models.ForeignKey(Image, on_delete=models.DO_NOTHING, db_constraint=False, related_name="%(class)ss")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="%(class)ss")
    vector = models.BinaryField(null=True, help_text=_("float16, L2-normalised; null marks a tombstone."))
    seq = models.PositiveBigIntegerField()
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["image", "model_version"], name="%(class)s_once_per_image_and_model"),
            models.UniqueConstraint(fields=["model_version", "seq"], name="%(class)s_seq_once"),
        ]

    def __str__(self) -> str:
        return _("Picture %(image)s, change %(seq)s") % {"image": self.image_id, "seq": self.seq}


class Embedding(VersionedVector):
    """The vector of what a picture looks like."""

    CONTENT = ("vector",)


class CaptionEmbedding(VersionedVector):
    """The vector of what a person said of a picture, by the text tower of the same encoder. See search.captions.

    A tombstone has no `text`. A text without a vector is one that the encoder fails on.
    """

    CONTENT = ("vector", "text")

    text = models.TextField(blank=True, help_text=_("The caption that the vector is of."))


# Of one version, both take their `seq` from the same counter, so that one number tells how far both have changed.
Table = type[Embedding] | type[CaptionEmbedding]


class IndexCursor(models.Model):
    """How far the index on a server has followed the embeddings of a version, and who writes to it now.

    `held_by` is a lease, as in gallery.stages: void once `held_until` has passed.
    """

    model_version = models.OneToOneField(ModelVersion, on_delete=models.CASCADE, related_name="cursor")
    location = models.CharField(max_length=300, help_text=_("The server and collection that it is about."))
    seq = models.PositiveBigIntegerField(default=0, help_text=_("Every change up to this one is in the index."))
    checked_key = models.BigIntegerField(default=-1, help_text=_("The sweep has compared the points up to this one."))
    checked_at = models.DateTimeField(null=True, help_text=_("When it last came to the end."))
    held_by = models.CharField(max_length=100, blank=True)
    held_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return _("%(location)s, change %(seq)s") % {"location": self.location, "seq": self.seq}


class Judgement(models.Model):
    """What a person says of a picture that a search of theirs found: that is what was meant, or it isn't.

    A query with pictures that are right is a golden query: see search.query.evaluate.
    """

    LONGEST_TEXT: ClassVar = 500  # PostgreSQL keeps no more than 2,700 bytes of a row in an index

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="judgements")
    text = models.CharField(max_length=LONGEST_TEXT, help_text=_("Of the query, as search.query.terms writes it."))
    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="judgements")
    is_right = models.BooleanField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "text", "image"], name="judgement_once"),
        ]

    def __str__(self) -> str:
        return (_("“%(query)s”: right") if self.is_right else _("“%(query)s”: wrong")) % {"query": self.text}


class SavedSearch(models.Model):
    """What somebody has looked for. Theirs alone, and written by search.saved; sharing one is sending its address.

    Past searches (not `is_saved`) make room for newer ones, saved ones stay.
    """

    # Short enough for an index of PostgreSQL, which takes 2,704 bytes.
    LONGEST_TEXT = 500

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="searches")
    text = models.CharField(max_length=LONGEST_TEXT, help_text=_("In canonical form: search.query.terms.Query.text"))
    name = models.CharField(
        max_length=100, blank=True, help_text=_("What its owner calls it; else its text says it all.")
    )
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(default=timezone.now)
    is_saved = models.BooleanField(default=False, help_text=_("Kept until its owner deletes it."))

    class Meta:
        verbose_name_plural = "saved searches"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "text"], name="saved_search_once_per_owner"),
        ]

    def __str__(self) -> str:
        return self.name or self.text


class Look(models.Model):
    """What a picture looks like in small, for search.duplicates, and whether it was compared with the others."""

    image = models.OneToOneField(Image, on_delete=models.CASCADE, primary_key=True)
    greys = models.BinaryField(
        null=True, help_text=_("As search.likeness takes them; null: there is no thumbnail to read.")
    )
    is_compared = models.BooleanField(default=False)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["image"], condition=Q(is_compared=False), name="look_to_compare")]

    def __str__(self) -> str:
        return f"{self.image_id}, {'compared' if self.is_compared else 'to be compared'}"


class NearDuplicate(models.Model):
    """Two pictures of one owner that are nearly the same. See search.duplicates."""

    class Kind(models.TextChoices):
        COPY = "copy", "Copies of one picture"
        SHOT = "shot", "Shots of one moment"

    first = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="near_duplicates_after")
    second = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="near_duplicates_before")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    is_dismissed = models.BooleanField(
        default=False, help_text=_("Their owner keeps both, and doesn't want to be asked.")
    )
    found_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["first", "second"], name="near_duplicate_once"),
            models.CheckConstraint(condition=Q(first__lt=F("second")), name="near_duplicate_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.first_id} and {self.second_id}: {self.kind}"
