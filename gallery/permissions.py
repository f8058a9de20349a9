"""Who may do what to a picture: the owner everything; others look at what is public, or shared with them: by its
address, or in an album. And to an album: its owner everything, its members what their role says.

What is absent and what is not yours get the same 404, so that addresses can't be probed.
"""

from uuid import UUID

from django.http import Http404

from gallery.models import Album, AlbumMember, Image, ImageQuerySet, Viewer

VIEW, ADD, MANAGE = AlbumMember.Role.VIEW.value, AlbumMember.Role.ADD.value, AlbumMember.Role.MANAGE.value
OWNER = "owner"
# What somebody is to an album, from the least on. Each may do all that those before it may.
ROLES = ("", VIEW, ADD, MANAGE, OWNER)


def reachable_image(*, viewer: Viewer, uuid: UUID) -> Image:
    """The picture at this address, for looking at. Raises Http404 unless it is there and the viewer may see it."""
    return _get(Image.objects.reachable_by(viewer), uuid)


def owned_image(*, viewer: Viewer, uuid: UUID) -> Image:
    """The picture at this address, for changing, deleting, or having the original (which may tell where its owner
    lives). Raises Http404 unless it is there and the viewer's own."""
    return _get(Image.objects.filter(owner_id=viewer.pk), uuid)


def owned_album(*, viewer: Viewer, uuid: UUID) -> Album:
    """The album at this address. Raises Http404 unless it is there and the viewer's own."""
    return album_for(viewer=viewer, uuid=uuid, at_least=OWNER)


def album_for(*, viewer: Viewer, uuid: UUID, at_least: str = VIEW) -> Album:
    """The album at this address, with its owner. Raises Http404 unless it is there and the viewer is so much to it, of
    ROLES: "view" for looking, "owner" for deleting."""
    album = Album.objects.listed_for(viewer).select_related("owner").filter(uuid=uuid).first()
    if album is None or not is_at_least(album_role(viewer=viewer, album=album), at_least):
        raise Http404("No such album.")
    return album


def album_role(*, viewer: Viewer, album: Album) -> str:
    """What the viewer is to the album, of ROLES; "" is nothing. At most one SQL statement."""
    if viewer.pk is None:
        return ""
    if album.owner_id == viewer.pk:
        return OWNER
    return AlbumMember.objects.filter(album=album, person_id=viewer.pk).values_list("role", flat=True).first() or ""


def album_hold(*, viewer: Viewer | None, album: Album, at_least: str) -> None:
    """Locks the album until the end of the transaction and then asks once more, since whoever was let in may have been
    removed meanwhile: raises Http404 unless it is there and the viewer is still so much to it. None: nobody is asked.
    """
    is_there = Album.objects.select_for_update().filter(pk=album.pk).exists()
    if not is_there or (viewer is not None and not is_at_least(album_role(viewer=viewer, album=album), at_least)):
        raise Http404("No such album.")


def is_at_least(role: str, least: str) -> bool:
    """Whether who has the one role may do what those of the other may."""
    return ROLES.index(role) >= ROLES.index(least)


def may_change(*, viewer: Viewer, image: Image) -> bool:
    """Whether the viewer owns the picture: may change and delete it, download the original, and see its place."""
    return viewer.pk is not None and image.owner_id == viewer.pk


def _get(images: ImageQuerySet, uuid: UUID) -> Image:
    image = images.select_related("owner").with_renditions().filter(uuid=uuid).first()
    if image is None:
        raise Http404("No such picture.")
    return image
