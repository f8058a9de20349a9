"""What can stop a command that reads or writes files, in sentences."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from gallery.management import INTERRUPTED
from gallery.storage import StoreUnavailable


@contextmanager
def failures_told(*known: type[Exception], interrupted: str, failed: str) -> Iterator[None]:
    """Turns Ctrl-C, errors that are `known` by sentences of their own, and those of the store and of files into
    CommandError."""
    try:
        yield
    except KeyboardInterrupt:
        raise CommandError(interrupted, returncode=INTERRUPTED) from None
    except known as error:
        raise CommandError(str(error)) from error
    except StoreUnavailable as error:
        raise CommandError(f"The store of pictures doesn't answer: {error}") from error
    except OSError as error:
        raise CommandError(f"{failed}: {error.strerror or error}.") from error
