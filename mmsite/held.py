"""Pictures that somebody showed without giving them: held for an hour, in case they want to keep them after all.

The bytes lie beside the library's pictures, where each web process of each machine finds them, under an unguessable
name that begins with the time. The name goes to the browser in a signed receipt, together with whose it is and when it
was written: nobody else can redeem it, nobody can forge one, and nothing is stored in the database.
"""

import secrets
import time
from dataclasses import dataclass
from typing import IO

from django.core import signing
from django.core.files import File
from django.core.files.storage import default_storage

HOLD_SECONDS = 3_600
FOLDER = "held"
_SALT = "mmsite.held"


class NotHeld(Exception):
    """The receipt is forged, somebody else's, or older than an hour; or its picture was kept already."""


@dataclass(frozen=True)
class Held:
    """A held picture: the name under which its bytes are stored, and what its file was called."""

    name: str
    file_name: str

    def open(self) -> "File[bytes]":
        """Its bytes. Raises NotHeld."""
        try:
            return default_storage.open(self.name)
        except FileNotFoundError as error:
            raise NotHeld from error


def hold(*, owner_id: int, file: IO[bytes], file_name: str) -> str:
    """Hold a picture's bytes; gives the receipt that `held_picture` takes."""
    discard_expired()
    name = default_storage.save(f"{FOLDER}/{time.time():.0f}-{secrets.token_hex(32)}", File(file))
    return signing.dumps({"name": name, "file_name": file_name, "owner": owner_id}, salt=_SALT)


def held_picture(*, owner_id: int, receipt: str) -> Held:
    """The held picture of a receipt. Raises NotHeld."""
    try:
        said = signing.loads(receipt, salt=_SALT, max_age=HOLD_SECONDS)
    except signing.BadSignature as error:
        raise NotHeld from error
    if said["owner"] != owner_id:
        raise NotHeld
    return Held(said["name"], said["file_name"])


def discard(held: Held) -> None:
    """Forget a held picture."""
    default_storage.delete(held.name)


def discard_expired() -> int:
    """Forget what nobody came back for; the number of pictures forgotten."""
    try:
        _folders, names = default_storage.listdir(FOLDER)
    except FileNotFoundError:
        return 0
    oldest = time.time() - HOLD_SECONDS
    expired = [name for name in names if (held_at := name.partition("-")[0]).isdecimal() and int(held_at) < oldest]
    for name in expired:
        default_storage.delete(f"{FOLDER}/{name}")
    return len(expired)
