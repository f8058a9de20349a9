"""Pictures that somebody showed without giving them: held for an hour, in case they want to keep them after all.

The bytes lie in a file with an unguessable name. The name goes to the browser in a signed receipt, together with whose
it is and when it was written: nobody else can redeem it, nobody can forge one, and nothing is stored in the database.
"""

import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from django.conf import settings
from django.core import signing

HOLD_SECONDS = 3_600
_SALT = "mmsite.held"


class NotHeld(Exception):
    """The receipt is forged, somebody else's, or older than an hour; or its picture was kept already."""


@dataclass(frozen=True)
class Held:
    """A held picture: where its bytes lie, and what its file was called."""

    path: Path
    file_name: str


def hold(*, owner_id: int, file: IO[bytes], file_name: str) -> str:
    """Hold a picture's bytes; gives the receipt that `held_picture` takes."""
    discard_expired()
    folder: Path = settings.HELD_DIR
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = secrets.token_hex(32)
    file.seek(0)
    with (folder / name).open("xb") as target:
        while chunk := file.read(1 << 20):
            target.write(chunk)
    return signing.dumps({"name": name, "file_name": file_name, "owner": owner_id}, salt=_SALT)


def held_picture(*, owner_id: int, receipt: str) -> Held:
    """The held picture of a receipt. Raises NotHeld."""
    try:
        said = signing.loads(receipt, salt=_SALT, max_age=HOLD_SECONDS)
    except signing.BadSignature as error:
        raise NotHeld from error
    path = Path(settings.HELD_DIR) / said["name"]
    if said["owner"] != owner_id or not path.is_file():
        raise NotHeld
    return Held(path, said["file_name"])


def discard(held: Held) -> None:
    """Forget a held picture."""
    held.path.unlink(missing_ok=True)


def discard_expired() -> int:
    """Forget what nobody came back for; the number of pictures forgotten."""
    oldest = time.time() - HOLD_SECONDS
    forgotten = 0
    for path in Path(settings.HELD_DIR).glob("*"):
        with suppress(FileNotFoundError):  # somebody kept it, or another process was quicker
            if path.stat().st_mtime < oldest:
                path.unlink()
                forgotten += 1
    return forgotten
