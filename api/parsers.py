"""Bodies of requests."""

import json
import tempfile
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.core.files import File
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser, JSONParser


class BoundedJSONParser(JSONParser):
    """As REST framework's, which reads whatever comes, however long and however deep."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Raises ParseError, or RequestDataTooBig."""
        request = (parser_context or {})["request"]
        if int(request.META.get("CONTENT_LENGTH") or 0) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise RequestDataTooBig("The JSON of a request is longer than DATA_UPLOAD_MAX_MEMORY_SIZE.")
        try:
            said = super().parse(stream, media_type, dict(parser_context or {}))
            json.dumps(said, ensure_ascii=False).encode()
        except RecursionError:
            raise ParseError("This JSON is too deep.") from None
        except UnicodeEncodeError:  # such as "\\ud800", which neither a database nor an answer can hold
            raise ParseError("This JSON has half a character: a surrogate without the other.") from None
        return said


class CsvParser(BaseParser):
    """A body that is a table by itself: `table`, a file that whoever reads it closes."""

    media_type = "text/csv"

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> "dict[str, File[bytes]]":
        """Raises RequestDataTooBig. Django reads no more of a body than is announced."""
        most: int = settings.GALLERY_LIMITS["bytes"]
        request = (parser_context or {})["request"]
        if int(request.META.get("CONTENT_LENGTH") or 0) > most:
            raise RequestDataTooBig("The table is longer than GALLERY_LIMITS allows.")
        spool = tempfile.SpooledTemporaryFile(settings.FILE_UPLOAD_MAX_MEMORY_SIZE)  # noqa: SIM115  the reader closes it
        file: File[bytes] = File(spool, name="table")
        while piece := stream.read(File.DEFAULT_CHUNK_SIZE):
            file.write(piece)
        file.seek(0)
        return {"table": file}


class JsonLinesParser(CsvParser):
    """The same of JSON Lines."""

    media_type = "application/jsonl"


class ZipParser(CsvParser):
    """The same of a ZIP archive of sidecars."""

    media_type = "application/zip"
