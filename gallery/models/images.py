"""Pictures, and the smaller files by which they are shown."""

import uuid
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Self

from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.expressions import RawSQL
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gallery.chunks import AT_ONCE, in_chunks
from gallery.models.people import User, Viewer

if TYPE_CHECKING:
    from gallery.models.marks import Favourite


class ImageQuerySet(models.QuerySet["Image"]):
    def listed_for(self, viewer: Viewer) -> Self:
        """What may turn up in the viewer's lists and searches: their own and everybody's public pictures, those in
        albums shared with them, and those shared by link that they marked as favourites."""
        # Not "or": for each side, SQLite would look into an index of its own, and then for each picture into the table.
        hidden = ~Q(visibility=Visibility.PUBLIC) & ~Q(owner_id=viewer.pk)
        if viewer.pk is not None:
            hidden &= ~Q(pk__in=_shared(viewer)) & ~_marked(viewer)
        return self.filter(~hidden)

    def reachable_by(self, viewer: Viewer) -> Self:
        """What the viewer may open by its address: what is listed for them, and pictures shared by link."""
        by_link = Q(visibility=Visibility.LINK) & ~Q(owner__in=_deactivated())
        shown = Q(visibility=Visibility.PUBLIC) | by_link | Q(owner_id=viewer.pk)
        if viewer.pk is not None:
            shown |= Q(_is_in_shared_album(viewer))
        return self.filter(shown)

    def shared_with(self, viewer: Viewer) -> Self:
        """Other people's in albums that are shared with the viewer, be it by the viewer: where others add, too."""
        if viewer.pk is None:
            return self.none()
        return self.filter(pk__in=_shared(viewer))

    def marked_by(self, viewer: Viewer) -> Self:
        """Those shared by link that the viewer marked as favourites."""
        return self.filter(_marked(viewer))

    def described_by_person(self) -> Self:
        """Those that somebody described, or whose description by a model somebody approved."""
        return self.filter(description_by_person=True).exclude(description="")

    def locked(self) -> Self:
        """Locked until the end of the transaction, in the order in which all lock pictures, so that no two writers wait
        for each other."""
        return self.select_for_update(of=("self",)).order_by("pk")

    def lock(self, image_ids: Iterable[int]) -> list[int]:
        """Locks those with these ids, likewise; the ids of those that are there."""
        ids = self.locked().values_list("pk", flat=True)
        return [pk for chunk in in_chunks(image_ids, AT_ONCE) for pk in ids.filter(pk__in=chunk)]

    def newest_first(self) -> Self:
        return self.order_by("-sort_date", "-id")

    def with_renditions(self) -> Self:
        """Saves the query for each picture that `thumbnail` and `preview` would make."""
        return self.prefetch_related("renditions")


def _shared(viewer: Viewer) -> RawSQL:
    """The ids of those in `shared_with`, read at once: for lists, which ask about many pictures."""
    sql, times = _shared_sql()
    return RawSQL(sql, [viewer.pk] * times)  # noqa: S611  as Django writes it


@cache
def _shared_sql() -> tuple[str, int]:
    """That in SQL which asks for the viewer's id so many times. Kept, since Django takes as long over it as the
    database over a page of pictures."""
    from gallery.models.albums import AlbumImage  # noqa: PLC0415  which builds on this module

    sql, params = AlbumImage.objects.of_others(User(pk=0)).query.sql_with_params()
    assert not any(params), "It asks for the viewer's id alone."  # noqa: S101
    return sql, len(params)


def _is_in_shared_album(viewer: Viewer) -> Exists:
    """Whether a picture is in an album with members of whom the viewer is one, or whose owner: asked of it alone, for
    those that are named."""
    from gallery.models.albums import AlbumImage  # noqa: PLC0415  which builds on this module

    return Exists(AlbumImage.objects.shared_with(viewer).filter(image=OuterRef("pk")))


def _marked(viewer: Viewer) -> Q:
    return Q(visibility=Visibility.LINK, pk__in=_hearts(viewer))


def _hearts(viewer: Viewer) -> "models.QuerySet[Favourite, int]":
    from gallery.models.marks import Favourite  # noqa: PLC0415  which builds on this module

    hearts = Favourite.objects.filter(person_id=viewer.pk, image__owner__is_active=True)
    return hearts.values_list("image_id", flat=True)


def _deactivated() -> "models.QuerySet[User, int]":
    """Those who may not sign in any more: nor does a link of theirs let anybody in."""
    return User.objects.filter(is_active=False).values_list("pk", flat=True)


_Manager = models.Manager.from_queryset(ImageQuerySet)


class KeptManager(_Manager["Image"]):
    """Pictures that are not in the trash. The default, so that forgetting the trash shows too little, never too much.

    What joins pictures without asking this manager (`Count("images")`, a filter through a relation) says so itself.
    """

    def get_queryset(self) -> ImageQuerySet:
        return ImageQuerySet(self.model, using=self._db).filter(trashed_at=None)


class Visibility(models.TextChoices):
    PRIVATE = "private", _("Private: only you")
    LINK = "link", _("Anyone with the link")
    PUBLIC = "public", _("Public: everyone here")


KEPT = Q(trashed_at__isnull=True)
FILTERED = ("width", "height", "frames", "description_unsure", "camera_make", "camera_model", "trashed_at")


class Image(models.Model):
    """A picture that somebody gave us. `id` is for joins and indexes, `uuid` for addresses and file names."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # Protected, since a cascade knows neither the files nor the search: services.users_delete takes all of it along.
    owner = models.ForeignKey(User, on_delete=models.PROTECT, related_name="images")
    visibility = models.CharField(max_length=10, choices=Visibility.choices, default=Visibility.PRIVATE)

    original = models.FileField(max_length=200, editable=False)
    sha256 = models.CharField("SHA-256", max_length=64, editable=False)
    byte_size = models.PositiveBigIntegerField(editable=False)
    format = models.CharField(max_length=10, editable=False, help_text=_("Pillow's name of it: JPEG, PNG, …"))
    file_name = models.CharField(max_length=255, help_text=_("As the person's machine named it."))
    width = models.PositiveIntegerField(editable=False, help_text=_("Pixels, as shown (orientation applied)."))
    height = models.PositiveIntegerField(editable=False)
    frames = models.PositiveIntegerField(default=1, editable=False, help_text=_("Above 1 the picture is animated."))

    uploaded_at = models.DateTimeField(default=timezone.now, editable=False)
    taken_at = models.DateTimeField(null=True, blank=True)
    sort_date = models.DateTimeField(editable=False, help_text=_("Taken at, else uploaded at."))
    camera_make = models.CharField(max_length=100, blank=True)
    camera_model = models.CharField(max_length=100, blank=True)
    orientation = models.PositiveSmallIntegerField(default=1, editable=False, help_text=_("EXIF value, 1 to 8."))
    latitude = models.FloatField(null=True, blank=True, help_text=_("Degrees; shown to the owner alone."))
    longitude = models.FloatField(null=True, blank=True, help_text=_("Degrees; shown to the owner alone."))

    title = models.CharField(max_length=200, blank=True, help_text=_("The owner's; whoever sees the picture sees it."))
    notes = models.TextField(blank=True, help_text=_("The owner's; whoever sees the picture sees them."))
    description = models.TextField(blank=True, help_text=_("The current caption: the alt text (see captioning)."))
    description_unsure = models.BooleanField(default=False, help_text=_("The captioner was not sure of it."))
    description_by_person = models.BooleanField(default=False, help_text=_("A person wrote or approved it."))
    tag_words = models.TextField(
        blank=True, editable=False, help_text=_("The names of its tags, for searches by words.")
    )
    text_in_picture = models.TextField(blank=True, help_text=_("What can be read in it, line by line (see reading)."))

    place = models.CharField(max_length=200, blank=True, help_text=_("Where it was taken, in words."))
    place_by_person = models.BooleanField(
        default=False,
        help_text=_("The owner wrote the place: all may read it. One found by coordinates is the owner's."),
    )
    trashed_at = models.DateTimeField(null=True, blank=True, editable=False, help_text=_("In the trash since."))

    objects = KeptManager()
    with_trash = ImageQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["owner", "sha256"], name="image_once_per_owner"),
        ]
        indexes: ClassVar = [
            # each with all that plain filters ask for, so that none of them reads the table
            models.Index(
                fields=["-sort_date", "-id", "visibility", "owner", *FILTERED], condition=KEPT, name="image_newest_kept"
            ),
            models.Index(
                fields=["owner", "-sort_date", "-id", "visibility", *FILTERED], condition=KEPT, name="image_owner_kept"
            ),
            models.Index(
                fields=["visibility", "-sort_date", "-id", "owner", *FILTERED],
                condition=KEPT,
                name="image_visibility_kept",
            ),
            models.Index(
                fields=["owner", "-trashed_at", "-id"], condition=Q(trashed_at__isnull=False), name="image_trash"
            ),
            # what a person's originals take, trash included, without reading the table, for whoever checks the tallies
            models.Index(fields=["owner", "byte_size"], name="image_owner_bytes"),
            # which cameras there are, and what was taken with one (gallery.cameras)
            models.Index(fields=["camera_make"], condition=KEPT, name="image_make_kept"),
            models.Index(fields=["camera_model"], condition=KEPT, name="image_model_kept"),
            # of the few whose description is a person's, which search looks through every minute
            models.Index(fields=["id"], condition=Q(description_by_person=True), name="image_by_person"),
        ]

    def __str__(self) -> str:
        return self.file_name

    def get_absolute_url(self) -> str:
        return reverse("image", args=[self.uuid])

    @property
    def thumbnail(self) -> "Rendition | None":
        """None until the worker has made it."""
        return self._rendition(Rendition.Kind.THUMBNAIL)

    @property
    def preview(self) -> "Rendition | None":
        """None until the worker has made it."""
        return self._rendition(Rendition.Kind.PREVIEW)

    def _rendition(self, kind: str) -> "Rendition | None":
        return next((rendition for rendition in self.renditions.all() if rendition.kind == kind), None)


class Rendition(models.Model):
    """A smaller WebP of a picture, without metadata; the only form in which pictures are shown."""

    class Kind(models.TextChoices):
        THUMBNAIL = "thumbnail"
        PREVIEW = "preview"

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="renditions")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    file = models.FileField(max_length=200)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    byte_size = models.PositiveBigIntegerField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["image", "kind"], name="rendition_once_per_kind")]

    def __str__(self) -> str:
        return f"{self.image}: {self.get_kind_display()}"
