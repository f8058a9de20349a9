"""The encoders that vectors come from: adds one, builds it in the shadow of the active one, switches, goes back."""

import json
import time
from argparse import ArgumentParser
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from gallery.management import INTERRUPTED
from ml.errors import ModelError
from search import versions
from search.exceptions import SearchError, VersionRefused
from search.models import ModelVersion
from search.progress import progress_of

POLL_SECONDS = 1.0
WHICH = "its number, its key or the beginning of it, or its name"
BAR = "{percentage:3.0f}%|{bar}| {n_fmt} of {total_fmt} pictures{postfix}"
HEADINGS = ("id", "key", "name", "state", "dim", "with vectors", "failed", "time left", "last activated")
NUMBERS = ("id", "dim", "with vectors", "failed")
LONGEST_CELL = 48
State = ModelVersion.State


class Command(BaseCommand):
    """`manage.py models`"""

    help = "Lists, adds, builds, activates, rolls back and removes the model versions that searches can use."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

        action = actions.add_parser("list", help="what there is, and how far it is")
        action.add_argument("--json", action="store_true", dest="as_json", help="for programs")

        action = actions.add_parser("add", help="register an encoder; nothing is embedded yet")
        action.add_argument("name", metavar="NAME", help="a hub id, a folder or `builtin`")

        action = actions.add_parser("build", help="have the worker embed every picture with it")
        action.add_argument("version", metavar="KEY_OR_ID", help=WHICH)
        action.add_argument("--activate", action="store_true", help="let searches use it once it is built")
        action.add_argument("--wait", action="store_true", help="show how far it is until it is built")

        action = actions.add_parser("activate", help="let searches use it from now on")
        action.add_argument("version", metavar="KEY_OR_ID", help=WHICH)
        action.add_argument("--force", action="store_true", help="even where pictures lack its vectors")

        actions.add_parser("rollback", help="let searches use the version again that they used before")

        action = actions.add_parser("remove", help="delete it and its vectors")
        action.add_argument("version", metavar="KEY_OR_ID", help=WHICH)

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        do: Callable[..., None] = getattr(self, f"_{action}")
        try:
            do(**options)
        except (SearchError, ModelError) as error:
            raise CommandError(str(error)) from error

    def _list(self, *, as_json: bool, **_: Any) -> None:
        rows = [_described(version) for version in ModelVersion.objects.order_by("pk")]
        if as_json:
            self.stdout.write(json.dumps(rows, indent=2))
        elif not rows:
            self.stdout.write("There is no model version yet: the worker adds the one that MMSITE_ENCODER names.")
        else:
            self.stdout.write(_table(rows))
            if any(row["activates_itself"] for row in rows):
                self.stdout.write("* searches use it once it is built")

    def _add(self, *, name: str, **_: Any) -> None:
        added = versions.model_version_add(name=name)
        version = added.version
        if added.is_new:
            self.stdout.write(
                f"Version {version.key} is number {version.pk}. Next: `manage.py models build {version.pk}`."
            )
        else:
            self.stdout.write(f"Version {version.key} was there already: number {version.pk}, {version.state}.")

    def _build(self, *, version: str, activate: bool, wait: bool, **_: Any) -> None:
        building = versions.model_version_build(version=versions.version_named(version), activates_itself=activate)
        progress = progress_of(building)
        what = f"{progress.left:,} of {progress.coverage.pictures:,} pictures"
        then = "; searches use it as soon as it is built" if building.activates_itself else ""
        self.stdout.write(f"Version {building.key}: the worker embeds {what}{then}.")
        if wait:
            self._wait(building)

    def _activate(self, *, version: str, force: bool, **_: Any) -> None:
        active = versions.model_version_activate(version=versions.version_named(version), force=force)
        self.stdout.write(f"Searches use {active.key} now.{_what_is_missing(active)}")

    def _rollback(self, **_: Any) -> None:
        active = versions.model_version_roll_back()
        self.stdout.write(f"Searches use {active.key} again.{_what_is_missing(active)}")

    def _remove(self, *, version: str, **_: Any) -> None:
        gone = versions.version_named(version)
        versions.model_version_remove(version=gone)
        self.stdout.write(f"Version {gone.key} and its vectors are gone.")

    def _wait(self, version: ModelVersion) -> None:
        """Show how far the worker is; it goes on after Ctrl-C."""
        try:
            covered = _watch(version)
        except KeyboardInterrupt:
            raise CommandError("No longer waiting; the worker goes on building.", returncode=INTERRUPTED) from None
        if not covered:
            failed = progress_of(version).coverage.given_up
            raise CommandError(f"Version {version.key} failed on {failed:,} pictures; their pages say why.")
        versions.model_version_activate_when_covered()  # rather than with the next sweep
        version.refresh_from_db()
        then = f". Next: `manage.py models activate {version.pk}`."
        if version.state == State.ACTIVE:
            then = " and active."
        elif version.activates_itself and versions.lag_of_server(version):
            then = "; searches use it as soon as the search server has its vectors too."
        self.stdout.write(f"Version {version.key} is built{then}")


def _watch(version: ModelVersion) -> bool:
    """Whether the version has its vectors in the end. Raises VersionRefused where it is not built any more."""
    progress, took = progress_of(version), 0.0
    # No bar where nobody watches (disable=None), such as in a log.
    with tqdm(total=progress.coverage.pictures, disable=None, bar_format=BAR) as bar:
        while True:
            bar.total = progress.coverage.pictures
            bar.set_postfix_str(progress.time_left and f"{progress.time_left} left", refresh=False)
            bar.update(progress.tried - bar.n)
            bar.refresh()
            if not progress.left:
                return progress.coverage.is_complete
            if not ModelVersion.objects.filter(pk=version.pk, state__in=ModelVersion.IN_USE).exists():
                raise VersionRefused(f"Version {version.key} is not being built any more.")
            time.sleep(max(POLL_SECONDS, 5 * took))  # looking takes a second with 300,000 pictures
            began = time.monotonic()
            progress = progress_of(version)
            took = time.monotonic() - began


def _what_is_missing(version: ModelVersion) -> str:
    coverage = progress_of(version).coverage
    missing = coverage.pictures - coverage.embedded
    return f" {missing:,} of {coverage.pictures:,} pictures have no vectors of it yet." if missing else ""


def _described(version: ModelVersion) -> dict[str, Any]:
    progress = progress_of(version)
    return {
        "id": version.pk,
        "key": version.key,
        "name": version.name,
        "state": version.state,
        "activates_itself": version.activates_itself,
        "dimension": version.dimension,
        "embedded": progress.coverage.embedded,
        "pictures": progress.coverage.pictures,
        "failed": progress.coverage.given_up,
        "covered": progress.coverage.is_complete,
        "pictures_per_second": progress.rate,
        "seconds_left": progress.seconds_left,
        "time_left": progress.time_left,
        "activated_at": version.activated_at and version.activated_at.isoformat(timespec="seconds"),
    }


def _table(rows: list[dict[str, Any]]) -> str:
    """Columns as wide as they need be, numbers to the right."""
    table = [HEADINGS, *[_cells(row) for row in rows]]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if heading in NUMBERS else cell.ljust(width)
            for heading, cell, width in zip(HEADINGS, cells, widths, strict=True)
        )
        for cells in table
    ]
    return "\n".join(line.rstrip() for line in lines)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(row["id"]),
        _shortened(row["key"]),
        _shortened(row["name"]),
        ("built" if row["state"] == State.BUILDING and row["covered"] else row["state"])
        + ("*" if row["activates_itself"] else ""),
        str(row["dimension"]),
        f"{row['embedded']:,} of {row['pictures']:,}",
        f"{row['failed']:,}",
        row["time_left"] if row["state"] == State.BUILDING else "",
        _moment(row["activated_at"]),
    )


def _moment(iso: str | None) -> str:
    return f"{timezone.localtime(datetime.fromisoformat(iso)):%Y-%m-%d %H:%M}" if iso else ""


def _shortened(text: str) -> str:
    """The beginning, by which a key can be named, and the end, which tells folders apart."""
    return text if len(text) <= LONGEST_CELL else f"{text[: LONGEST_CELL - 20]}…{text[-19:]}"
