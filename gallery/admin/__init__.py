"""Pictures, people and the work, for those who run the place."""

from gallery.admin import albums, audit, people, pictures, work
from gallery.admin.asks import page_asking
from gallery.admin.base import (
    AuditedMixin,
    ModelAdmin,
    ReadOnlyAdmin,
    ThumbnailMixin,
    ValuesFilter,
)
from gallery.admin.pictures import do_again

__all__ = [
    "AuditedMixin",
    "ModelAdmin",
    "ReadOnlyAdmin",
    "ThumbnailMixin",
    "ValuesFilter",
    "albums",
    "audit",
    "do_again",
    "page_asking",
    "people",
    "pictures",
    "work",
]
