"""Pictures in a bucket of an S3-compatible store. Imported only where settings.STORAGES names it: boto3 is heavy."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import cached_property, partial, wraps
from tempfile import SpooledTemporaryFile
from time import monotonic
from typing import IO, Any, Concatenate, ParamSpec, Self, TypeVar

from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
from django.core.files import File
from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible
from storages.backends.s3 import S3Storage as BaseStorage
from storages.utils import clean_name

from gallery.storage import StoredFile, StoreUnavailable

P = ParamSpec("P")
R = TypeVar("R")

MISSING = {"NoSuchKey", "404"}
TAKEN = {"PreconditionFailed", "ConditionalRequestConflict"}
# Seconds. A store that doesn't answer is told to whoever waits before a proxy gives up on the page.
CONNECT_SECONDS = 5
READ_SECONDS = 30
QUIET_SECONDS = 5.0
# What is opened is fetched whole: into memory up to so many bytes, beyond them into a temporary file.
MEMORY_BYTES = 8 << 20
CHUNK_BYTES = 1 << 20
LISTED_AT_ONCE = 1_000  # by S3 no more


def _told(method: "Callable[Concatenate[S3Storage, P], R]") -> "Callable[Concatenate[S3Storage, P], R]":
    """Callers of a storage expect OSError, and know nothing of boto3's own exceptions. A store that didn't answer is
    left alone for a while: the next of many pictures must not wait for it as long."""

    @wraps(method)
    def call(self: "S3Storage", /, *args: P.args, **kwargs: P.kwargs) -> R:
        if monotonic() < self.quiet_until:
            raise StoreUnavailable("It didn't answer a moment ago.")
        try:
            return method(self, *args, **kwargs)
        except BotoCoreError as error:
            self.quiet_until = monotonic() + QUIET_SECONDS
            raise StoreUnavailable(str(error)) from error
        except ClientError as error:
            raise StoreUnavailable(str(error)) from error

    return call


class _Fetched(File):  # type: ignore[type-arg]  # a subscript fails at run time
    """An object's bytes, fetched again where it is opened again: a model's field keeps its file when it is closed."""

    def __init__(self, fetch: Callable[[], IO[bytes]], name: str) -> None:
        super().__init__(fetch(), name)
        self._fetch = fetch

    def open(self, mode: str | None = None, *args: Any, **kwargs: Any) -> Self:
        if self.closed:
            self.file = self._fetch()
        self.seek(0)
        return self


@deconstructible(path="gallery.s3.S3Storage")
class S3Storage(BaseStorage):  # type: ignore[misc]  # storages has no types
    """Private objects, written whole or not at all, and never overwritten.

    The store itself refuses to write under a name that is taken (If-None-Match), so that two writers at once end with
    two objects. Nothing has an address of its own: all media goes through the site's authorising views.

    Every method raises OSError where the store doesn't do what it is asked to.
    """

    quiet_until = 0.0

    def __init__(self, *, addressing_style: str = "auto", **options: Any) -> None:
        super().__init__(
            default_acl=None,  # the bucket's own; stores without ACLs refuse any
            file_overwrite=False,
            querystring_auth=True,
            client_config=Config(
                signature_version="s3v4",
                s3={"addressing_style": addressing_style},
                connect_timeout=CONNECT_SECONDS,
                read_timeout=READ_SECONDS,
                retries={"mode": "standard", "max_attempts": 3},
                # The checksums that boto3 adds since 1.36 are unknown to many of the others.
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
            **options,
        )

    @cached_property
    def connection(self) -> Any:
        """All threads share it, and what is used of it may be shared. The base class makes one for each thread: 13 MB,
        70 ms, and a handshake with the store, for each batch of the worker anew."""
        return super().connection

    def get_available_name(self, name: str, max_length: int | None = None) -> str:
        """The name itself: `_save` finds another where it is taken, without asking beforehand."""
        return str(clean_name(name))

    @_told
    def _save(self, name: str, content: "File[bytes]") -> str:
        client = self.connection.meta.client
        while True:
            content.seek(0)
            try:
                client.put_object(
                    Bucket=self.bucket_name,
                    Key=self._normalize_name(name),
                    Body=content,
                    IfNoneMatch="*",
                    **self._get_write_parameters(name),
                )
            except ClientError as error:
                if error.response["Error"]["Code"] not in TAKEN:
                    raise
                name = Storage.get_available_name(self, name)
            else:
                return name

    def _open(self, name: str, mode: str = "rb") -> "File[bytes]":
        """The object, fetched whole by one request, so that it can be read from anywhere and a failure is noticed here.

        The base class asks three times, and starts ten threads each time.
        """
        if mode != "rb":
            raise ValueError("Objects are written by save().")
        return _Fetched(partial(self._fetch, name), name)

    @_told
    def _fetch(self, name: str) -> IO[bytes]:
        try:
            answer = self.connection.meta.client.get_object(Bucket=self.bucket_name, Key=self._normalize_name(name))
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                raise FileNotFoundError(f"There is no {name} in the bucket.") from error
            raise
        fetched = SpooledTemporaryFile(max_size=MEMORY_BYTES)  # noqa: SIM115  the caller closes it
        with closing(answer["Body"]) as body:
            for chunk in body.iter_chunks(CHUNK_BYTES):
                fetched.write(chunk)
        fetched.seek(0)
        return fetched

    @_told
    def delete(self, name: str) -> None:
        super().delete(name)

    @_told
    def exists(self, name: str) -> bool:
        found: bool = super().exists(name)
        return found

    @_told
    def listdir(self, name: str) -> tuple[list[str], list[str]]:
        folders, files = super().listdir(name)
        return folders, files

    @_told
    def size(self, name: str) -> int:
        byte_size: int = super().size(name)
        return byte_size

    def scan(self, folder: str) -> Iterator[StoredFile | str]:
        """See gallery.storage.Lists. One request for each LISTED_AT_ONCE."""
        prefix = f"{self._normalize_name(clean_name(folder))}/"
        token: dict[str, str] = {}
        while True:
            page = self._page(Prefix=prefix, Delimiter="/", MaxKeys=LISTED_AT_ONCE, **token)
            for part in page.get("CommonPrefixes", ()):
                yield f"{folder}/{part['Prefix'].removeprefix(prefix).rstrip('/')}"
            for entry in page.get("Contents", ()):
                if entry["Key"] != prefix:
                    yield StoredFile(
                        f"{folder}/{entry['Key'].removeprefix(prefix)}", entry["Size"], entry["LastModified"]
                    )
            if not page["IsTruncated"]:
                return
            token = {"ContinuationToken": page["NextContinuationToken"]}

    @_told
    def _page(self, /, **request: Any) -> dict[str, Any]:
        page: dict[str, Any] = self.connection.meta.client.list_objects_v2(Bucket=self.bucket_name, **request)
        return page
