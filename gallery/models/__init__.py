"""Pictures, their renditions, the people who may see them, how they are ordered, and the state of the work on each."""

from gallery.models.albums import Album, AlbumImage, AlbumQuerySet
from gallery.models.images import Image, ImageQuerySet, Rendition, Visibility
from gallery.models.marks import Favourite, ImageTag, Tag
from gallery.models.people import User, Viewer
from gallery.models.work import Stage

__all__ = [
    "Album",
    "AlbumImage",
    "AlbumQuerySet",
    "Favourite",
    "Image",
    "ImageQuerySet",
    "ImageTag",
    "Rendition",
    "Stage",
    "Tag",
    "User",
    "Viewer",
    "Visibility",
]
