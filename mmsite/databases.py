"""The whole database in a file, and back, by each server's own means."""

import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from django.db import connection, connections
from django.db.backends.postgresql.client import DatabaseClient

_SUFFIXES = {"sqlite": ".sqlite3", "postgresql": ".dump"}


class DatabaseFailed(Exception):
    """The database could not be written to a file, or read from one; the text says why and what to do."""


def suffix() -> str:
    """Of the name of a file with this installation's database: it says what reads it."""
    return _SUFFIXES[connection.vendor]


def dump(path: Path) -> None:
    """Writes the database as it is at one moment, while others go on writing to it. Raises DatabaseFailed or OSError.

    Of SQLite it is a database, by its online backup, and held to its own check; of PostgreSQL what pg_dump writes.
    """
    path.touch(mode=0o600)
    if connection.vendor == "sqlite":
        _sqlite_dump(path)
    else:
        _run("pg_dump", "--format=custom", "--no-owner", "--no-privileges", f"--file={path}")
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def load(path: Path) -> None:
    """Puts what `dump` wrote in the place of what the database holds, whole or not at all. Raises DatabaseFailed."""
    if connection.vendor == "sqlite":
        _sqlite_load(path)
    else:
        connections.close_all()
        _run(
            "pg_restore", "--single-transaction", "--clean", "--if-exists", "--no-owner", "--no-privileges",
            f"--dbname={connection.settings_dict['NAME']}", str(path),
        )  # fmt: skip


def _sqlite_dump(path: Path) -> None:
    connection.ensure_connection()
    with closing(sqlite3.connect(path)) as target:
        connection.connection.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")  # one file, without what WAL has beside it
        _sqlite_check(target)


def _sqlite_load(path: Path) -> None:
    connection.ensure_connection()
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as source:
        _sqlite_check(source)
        source.backup(connection.connection)
    connections.close_all()  # the next one sets what SQLite keeps for a connection


def _sqlite_check(database: sqlite3.Connection) -> None:
    try:
        [said] = database.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        raise DatabaseFailed(f"The file of the database is damaged: {error}.") from error
    if said != "ok":
        raise DatabaseFailed(f"The file of the database is damaged: {said}.")


def _run(program: str, *arguments: str) -> None:
    """One of PostgreSQL's programs, on our database; the password goes by the environment, which others can't read."""
    ours = connection.settings_dict
    _, secrets = DatabaseClient.settings_to_cmd_args_env(ours, [])
    names = {"PGHOST": "HOST", "PGPORT": "PORT", "PGUSER": "USER", "PGDATABASE": "NAME"}
    where = {name: str(ours[key]) for name, key in names.items() if ours.get(key)}
    try:
        done = subprocess.run(  # noqa: S603  our own arguments
            [program, *arguments], env=os.environ | where | (secrets or {}), capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise DatabaseFailed(f"{program} is missing: install PostgreSQL's client programs.") from None
    if done.returncode:
        raise DatabaseFailed(f"{program} failed: {done.stderr.strip()}")
