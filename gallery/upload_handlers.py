"""What is kept of a request's files while they come in."""

from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler

from gallery.uploads import limit_of


class LimitUploadHandler(FileUploadHandler):
    """Stands before Django's own handlers, so that nobody fills the disk with what will be refused anyway.

    A file's bytes past the limit are dropped: what is left is still too large, and is refused as such.
    """

    def handle_raw_input(
        self, input_data: Any, META: dict[str, str], content_length: int, boundary: str, encoding: str | None = None
    ) -> None:
        """Raises RequestDataTooBig when the whole request says that it is past its limit."""
        if content_length > settings.GALLERY_LIMITS["request"]:
            raise RequestDataTooBig(f"{content_length} bytes in one request")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        return raw_data if start <= limit_of(self.file_name or "") else None

    def file_complete(self, file_size: int) -> "UploadedFile[bytes] | None":
        return None
