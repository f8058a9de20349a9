"""Errors that are nobody's fault and pass: a disk that is full, a database that is locked or doesn't answer."""

import errno
import sqlite3

from django.db import DatabaseError, InterfaceError, OperationalError

RETRY_SECONDS = 30  # after which another try may do

_FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT)
_FULL_STATE = "53100"  # PostgreSQL's disk_full
# SQLite calls everything operational, a table that is missing as well; these are the machine's doing.
_PASSING_CODES = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
)
_PRIMARY = 0xFF  # of SQLite's extended codes


def is_full(error: BaseException | None) -> bool:
    """Whether there is no room left on a disk: that of files, or the database's own."""
    if isinstance(error, OSError):
        return error.errno in _FULL_ERRORS
    if not isinstance(error, DatabaseError):
        return False
    return _sqlite_code(error) == sqlite3.SQLITE_FULL or getattr(error.__cause__, "sqlstate", None) == _FULL_STATE


def is_database_away(error: BaseException | None) -> bool:
    """Whether others have kept the database locked for longer than one waits, or it can't be reached."""
    if not isinstance(error, OperationalError | InterfaceError) or is_full(error):
        return False
    code = _sqlite_code(error)
    return code is None or code in _PASSING_CODES


def _sqlite_code(error: BaseException) -> int | None:
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    return None if code is None else code & _PRIMARY
