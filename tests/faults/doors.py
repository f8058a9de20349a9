"""Each way in which people and programs add one picture."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = "application/offset+octet-stream"


class Doors:
    """Each method gives the answer. The upload in pieces is announced at once."""

    def __init__(self, client: Client, bearer: dict[str, str], content: bytes) -> None:
        self._client, self._bearer, self._content = client, bearer, content
        headers = {**TUS, "Upload-Length": str(len(content)), "Upload-Metadata": "filename YS5qcGc="}
        self.upload: str = client.post(reverse("uploads"), headers=headers)["Location"]

    def form(self) -> Any:
        return self._client.post(reverse("upload"), self._files("pictures"))

    def script(self) -> Any:
        return self._client.post(reverse("upload"), self._files("pictures"), headers={"Accept": "application/json"})

    def api(self) -> Any:
        return self._client.post("/api/v1/images/", self._files("file"), headers=self._bearer)

    def announced(self) -> Any:
        return self._client.post(reverse("uploads"), headers={**TUS, "Upload-Length": "5"})

    def piece(self) -> Any:
        # the content type as a header, which Django's client leaves out where nothing is left to be sent
        headers = {**TUS, "Upload-Offset": str(self.offset), "Content-Type": PIECE, "Accept": "application/json"}
        rest = self._content[self.offset :]
        return self._client.patch(self.upload, rest, content_type=PIECE, headers=headers)

    @property
    def offset(self) -> int:
        """How much of the upload in pieces the site has."""
        return int(self._client.head(self.upload, headers=TUS)["Upload-Offset"])

    def _files(self, name: str) -> dict[str, Any]:
        return {name: SimpleUploadedFile("a.jpg", self._content), "visibility": "private"}
