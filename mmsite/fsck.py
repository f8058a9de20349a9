"""Everything that `manage.py fsck` checks, in the order in which things build on each other."""

from collections.abc import Iterator
from datetime import timedelta

from django.core.files.storage import default_storage

import captioning.fsck
import gallery.fsck
import search.fsck
from gallery.findings import Check, Finding, Scope
from gallery.storage import files_below
from mmsite import checkup, held


def check_passing(scope: Scope) -> Iterator[Finding]:
    """What lies in the store of pictures for a while only is gone after it."""
    before = scope.before - timedelta(seconds=held.HOLD_SECONDS)
    for folder in (held.FOLDER, checkup.FOLDER):
        for file in files_below(folder):
            if file.modified_at < before:
                if scope.repair:
                    default_storage.delete(file.name)
                yield Finding("file-expired", file.name, f"of {file.modified_at:%Y-%m-%d %H:%M} UTC", scope.repair)


CHECKS = [
    *gallery.fsck.CHECKS,
    Check("passing", check_passing, unit="file"),
    captioning.fsck.CHECK,
    *search.fsck.CHECKS,
]
