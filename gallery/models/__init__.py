"""Pictures, their renditions, the people who may see them, how they are ordered, and the state of the work on each."""

from gallery.models.albums import Album, AlbumImage, AlbumLink, AlbumMember, AlbumQuerySet, DeletedAlbum
from gallery.models.audit import AuditEntry
from gallery.models.images import Image, ImageQuerySet, Rendition, Visibility
from gallery.models.marks import Favourite, ImageTag, Tag
from gallery.models.people import Invitation, PersonSession, Tally, User, Viewer
from gallery.models.tries import Tries
from gallery.models.uploads import SeenFile, Upload
from gallery.models.work import Pause, Stage

__all__ = [
    "Album",
    "AlbumImage",
    "AlbumLink",
    "AlbumMember",
    "AlbumQuerySet",
    "AuditEntry",
    "DeletedAlbum",
    "Favourite",
    "Image",
    "ImageQuerySet",
    "ImageTag",
    "Invitation",
    "Pause",
    "PersonSession",
    "Rendition",
    "SeenFile",
    "Stage",
    "Tag",
    "Tally",
    "Tries",
    "Upload",
    "User",
    "Viewer",
    "Visibility",
]
