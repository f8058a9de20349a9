"""Files that survive a power cut."""

from django.core.files.storage import FileSystemStorage


class DurableFileSystemStorage(FileSystemStorage):
    """Placeholder base until the durable save lands."""
