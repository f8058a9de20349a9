"""What can go wrong in the gallery."""

from django.utils.translation import gettext as _

from gallery.durations import about


class GalleryError(Exception):
    """Root of everything that the gallery raises on purpose."""


class UploadRefused(GalleryError):
    """A file can't become a picture of the gallery. `str()` of it is a sentence for the person who gave it. `passes`:
    it is the site that can't take it now, and the same file may be taken later."""

    passes = False


class NotNow(UploadRefused):
    """Nothing is wrong with the file, but it can't be taken now: the disk is full or away, or too much is under way."""

    passes = True


class NoRoom(NotNow):
    """Nothing is wrong with the file, but the disk that it would go to is full."""


class OverQuota(NotNow):
    """Nothing is wrong with the file, but its owner has no room for it."""

    passes = False  # they are told, and decide


class UploadBusy(GalleryError):
    """Somebody else writes to this upload just now."""


class UploadGone(GalleryError):
    """An upload receives nothing any more: it is finished, cancelled, or its file is gone."""


class OffsetMismatch(GalleryError):
    """A piece doesn't begin where the next byte of its upload is expected: at `expected`."""

    def __init__(self, expected: int) -> None:
        super().__init__(f"The next byte to come is number {expected}.")
        self.expected = expected


class RendererBusy(GalleryError):
    """A size of a picture was asked for while another is being made. Its text is for people."""


class NotShared(GalleryError):
    """An album can't be shared with this person. Its text is for people."""


class TriedTooOften(NotShared):
    """Somebody has tried too many names, or passwords. Its text is for people."""


class TooOften(GalleryError):
    """Something was tried or done more often than it may be. `str()` of it is a sentence for whoever did; `seconds`
    until the next time."""

    def __init__(self, seconds: int) -> None:
        super().__init__(_("That was tried too often. Try again in %(time)s.") % {"time": about(seconds)})
        self.seconds = seconds


class NothingToUndo(GalleryError):
    """What somebody wants to undo is too long ago, or undone. `str()` of it is a sentence for them."""
