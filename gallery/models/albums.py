"""How people order pictures."""

import uuid
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gallery.models.images import Image
from gallery.models.people import User, Viewer


class AlbumQuerySet(models.QuerySet["Album"]):
    def listed_for(self, viewer: Viewer) -> Self:
        """The albums that the viewer may see: their own, and those that others share with them."""
        if viewer.pk is None:
            return self.none()
        shared = AlbumMember.objects.filter(person_id=viewer.pk).values("album")
        return self.filter(Q(owner_id=viewer.pk) | Q(pk__in=shared))

    def addable_by(self, viewer: Viewer) -> Self:
        """The albums that the viewer may put pictures of their own in."""
        if viewer.pk is None:
            return self.none()
        roles = [AlbumMember.Role.ADD, AlbumMember.Role.MANAGE]
        shared = AlbumMember.objects.filter(person_id=viewer.pk, role__in=roles).values("album")
        return self.filter(Q(owner_id=viewer.pk) | Q(pk__in=shared))

    def public(self) -> Self:
        """Those that everybody may see: with a public link that still holds."""
        return self.filter(pk__in=AlbumLink.objects.valid().filter(is_public=True).values("album"))

    def seen_by_others(self, person: User) -> Self:
        """Those in which somebody else than this person sees what lies there: other people's, and shared ones."""
        by_name, by_link = AlbumMember.objects.values("album"), AlbumLink.objects.unexpired().values("album")
        return self.filter(~Q(owner=person) | Q(pk__in=by_name) | Q(pk__in=by_link))

    def with_sharing(self) -> Self:
        """With the number of people that each is shared with, `people`, and of its links that still hold, `guests`."""
        people = AlbumMember.objects.filter(album=OuterRef("pk"))
        guests = AlbumLink.objects.valid().filter(album=OuterRef("pk"))
        return self.annotate(people=_number(people), guests=_number(guests))

    def last_changed_first(self) -> Self:
        return self.order_by("-updated_at", "-pk")


def _number(rows: models.QuerySet[Any]) -> Coalesce:
    """How many rows of one album there are. Not a join, which would multiply other counts."""
    counted = rows.order_by().values("album").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counted), 0)


class Album(models.Model):
    """Pictures in an order of their own: of its owner, and of those whom the owner lets add theirs. Its members see all
    of them. See gallery.albums and gallery.sharing."""

    LONGEST_TITLE = 100

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="albums")
    title = models.CharField(max_length=LONGEST_TITLE)
    key = models.CharField(max_length=3 * LONGEST_TITLE, editable=False, help_text=_("The title as it is compared."))
    cover = models.ForeignKey(Image, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    images = models.ManyToManyField(Image, through="AlbumImage", related_name="albums")
    pictures = models.PositiveIntegerField(default=0, editable=False)  # how many, trash aside: see gallery.counted
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AlbumQuerySet.as_manager()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["owner", "key"], name="album_key")]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("album", args=[self.uuid])


class AlbumImageQuerySet(models.QuerySet["AlbumImage"]):
    def of_others(self, viewer: Viewer, *more: models.QuerySet[Any, Any]) -> "models.QuerySet[AlbumImage, tuple[int]]":
        """The ids of other people's pictures among `shared_with`, and `more`; some may be there twice. They lie on both
        sides of the viewer's own in an index, which passes over these, however many."""
        ids = self.shared_with(viewer).values_list("image_id")
        return ids.filter(owner_id__lt=viewer.pk).union(ids.filter(owner_id__gt=viewer.pk), *more, all=True)

    def shared_with(self, viewer: Viewer) -> Self:
        """What is in albums with members of whom the viewer is one, or whose owner the viewer is."""
        own = Album.objects.filter(owner_id=viewer.pk).values("pk")
        shared = AlbumMember.objects.filter(Q(person_id=viewer.pk) | Q(album__in=own))
        return self.filter(album__in=shared.values("album"))


class AlbumImage(models.Model):
    """A picture is in an album: in the order of `position`, which no two pictures of an album share."""

    album = models.ForeignKey(Album, on_delete=models.CASCADE)
    image = models.ForeignKey(Image, on_delete=models.CASCADE)
    # The picture's, which never changes, for the index. Nobody goes before their pictures, which take these along.
    owner = models.ForeignKey(User, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    position = models.PositiveIntegerField()

    objects = AlbumImageQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["album", "image"], name="image_once_per_album")]
        indexes: ClassVar = [
            models.Index(fields=["album", "position"], name="album_position"),
            models.Index(fields=["album", "owner", "image"], name="album_owner_image"),
        ]

    def __str__(self) -> str:
        return f"{self.image_id} in {self.album_id}"


class AlbumMember(models.Model):
    """Somebody who sees another person's album, with all of its pictures. See gallery.sharing."""

    class Role(models.TextChoices):
        VIEW = "view", _("May look")
        ADD = "add", _("May add pictures")
        MANAGE = "manage", _("May add, arrange and share")

    album = models.ForeignKey(Album, on_delete=models.CASCADE, related_name="members")
    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.VIEW)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["album", "person"], name="album_member_once"),
        ]

    def __str__(self) -> str:
        return f"{self.person}, {self.album}: {self.get_role_display()}"


class AlbumLinkQuerySet(models.QuerySet["AlbumLink"]):
    def unexpired(self) -> Self:
        """Those that have not expired."""
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=timezone.now()))

    def valid(self) -> Self:
        """Those by which somebody sees an album now: not those of people who may not sign in any more."""
        return self.unexpired().filter(created_by__is_active=True, album__owner__is_active=True)


class AlbumLink(models.Model):
    """An address by which anybody who has it sees an album, until it expires. See gallery.sharing."""

    album = models.ForeignKey(Album, on_delete=models.CASCADE, related_name="links")
    key = models.CharField(max_length=64, unique=True, help_text=_("The part of the address that can't be guessed."))
    is_public = models.BooleanField(default=False, help_text=_("Listed among the public albums, for everyone."))
    label = models.CharField(max_length=100, blank=True, help_text=_("Whom it is for; the owner's own note."))
    password = models.CharField(max_length=128, blank=True, help_text=_("Hashed; empty: none is asked for."))
    allows_download = models.BooleanField(default=False, help_text=_("Originals too, with what their files tell."))
    expires_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = AlbumLinkQuerySet.as_manager()

    def __str__(self) -> str:
        return self.label or _("Link to “%(album)s”") % {"album": self.album}


class DeletedAlbum(models.Model):
    """An album in the trash. All that others saw it by is gone, as if it had been deleted for good; here is what it
    takes to bring it back. See gallery.albums_deleted."""

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="deleted_albums")
    uuid = models.UUIDField(unique=True, editable=False)
    title = models.CharField(max_length=Album.LONGEST_TITLE)
    pictures = models.PositiveIntegerField(default=0, help_text=_("Places of pictures, be they in the trash."))
    contents = models.JSONField(default=dict, help_text=_("Its pictures, members and links, by their keys."))
    deleted_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["owner", "-deleted_at", "-id"], name="album_trash"),
            models.Index(fields=["deleted_at"], name="album_deleted"),
        ]

    def __str__(self) -> str:
        return self.title
