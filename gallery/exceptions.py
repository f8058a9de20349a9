"""What can go wrong in the gallery."""


class GalleryError(Exception):
    """Root of everything that the gallery raises on purpose."""


class UploadRefused(GalleryError):
    """A file can't become a picture of the gallery. `str()` of it is a sentence for the person who gave it."""
