"""Who may do what to a picture: the owner everything; others look at what is public, or shared by its address.

What is absent and what is not yours get the same 404, so that addresses can't be probed.
"""

from uuid import UUID

from django.http import Http404

from gallery.models import Album, Image, ImageQuerySet, Viewer


def reachable_image(*, viewer: Viewer, uuid: UUID) -> Image:
    """The picture at this address, for looking at. Raises Http404 unless it is there and the viewer may see it."""
    return _get(Image.objects.reachable_by(viewer), uuid)


def owned_image(*, viewer: Viewer, uuid: UUID) -> Image:
    """The picture at this address, for changing, deleting, or having the original (which may tell where its owner
    lives). Raises Http404 unless it is there and the viewer's own."""
    return _get(Image.objects.filter(owner_id=viewer.pk), uuid)


def owned_album(*, viewer: Viewer, uuid: UUID) -> Album:
    """The album at this address. Raises Http404 unless it is there and the viewer's own."""
    album = Album.objects.filter(owner_id=viewer.pk, uuid=uuid).first()
    if album is None:
        raise Http404("No such album.")
    return album


def may_change(*, viewer: Viewer, image: Image) -> bool:
    """Whether the viewer owns the picture: may change and delete it, download the original, and see its place."""
    return viewer.pk is not None and image.owner_id == viewer.pk


def _get(images: ImageQuerySet, uuid: UUID) -> Image:
    image = images.select_related("owner").with_renditions().filter(uuid=uuid).first()
    if image is None:
        raise Http404("No such picture.")
    return image
