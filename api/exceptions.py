"""What can go wrong in the API. Each is answered as a problem: see api.problems."""

from collections.abc import Iterable

from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError

from api import problems
from gallery.outages import RETRY_SECONDS


class Refused(Exception):
    """Something can't be so. `field` is what is wrong, `str()` of it a sentence for people."""

    def __init__(self, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.field = field


class TokenRefused(Refused):
    """A token can't be made so."""


class WebhookRefused(Refused):
    """A webhook can't be so."""


class Changed(APIException):
    """Raised for a write with If-Match where the thing is not what the caller saw."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_detail = "It has changed since you read it. Read it again, and decide anew."
    default_code = "changed"


class Senseless(ValidationError):
    """Raised for what has the right form, field by field, but means nothing: no schema can say so."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY


class UnknownParameters(ValidationError):
    """Raised where an address asks for what this operation doesn't take, which would be ignored else."""

    def __init__(self, names: Iterable[str], known: Iterable[str]) -> None:
        taken = ", ".join(known)
        there_are = f"There are: {taken}." if taken else "Nothing may be said behind the question mark here."
        super().__init__({name: [f"There is no parameter of this name. {there_are}"] for name in names})


class Conflict(APIException):
    """Raised where the state of things doesn't let this be done now."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = "This can't be done as things are now."
    default_code = "conflict"


class InTheWorks(Conflict):
    """Raised for a request that is being answered already, at another time or in another place."""

    default_detail = "The first request with this key is still being answered. Try again in a moment."
    wait = 2  # REST framework's Retry-After


class Unprocessable(APIException):
    """Raised for what is well-formed but can't be taken: a file that is no picture, a key used for something else."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_detail = "This can't be taken."
    default_code = "unprocessable"


class Unavailable(APIException):
    """Raised where something that the answer needs doesn't answer."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "This is not available now. Try again in a minute."
    default_code = "unavailable"


class DatabaseAway(Unavailable):
    """Raised where the database is locked by others for longer than one waits, or doesn't answer."""

    default_detail = problems.DATABASE
    wait = RETRY_SECONDS


class TryLater(Unavailable):
    """Raised where nothing is wrong with what was sent, but the site can't take it now."""

    wait = RETRY_SECONDS


class NoRoom(APIException):
    """Raised where a disk is full."""

    status_code = status.HTTP_507_INSUFFICIENT_STORAGE
    default_detail = problems.NO_ROOM
    default_code = "no_room"


class TooLarge(APIException):
    """Raised for a request past its limit."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = problems.TOO_LARGE
    default_code = "too_large"
