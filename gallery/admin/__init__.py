"""Pictures, people and the work, for those who run the place."""

from gallery.admin import albums, audit, people, pictures, work
from gallery.admin.base import (
    AuditedMixin,
    ModelAdmin,
    PicturesCountedMixin,
    PicturesGoAlongMixin,
    ReadOnlyAdmin,
    ThumbnailMixin,
)
from gallery.admin.pictures import do_again

__all__ = [
    "AuditedMixin",
    "ModelAdmin",
    "PicturesCountedMixin",
    "PicturesGoAlongMixin",
    "ReadOnlyAdmin",
    "ThumbnailMixin",
    "albums",
    "audit",
    "do_again",
    "people",
    "pictures",
    "work",
]
