"""What became of every picture that was wanted, in SQLite: it is the part that must survive kill -9.

A row is committed as soon as it is decided. SQLite in WAL mode keeps committed rows when the process is killed.
"""

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from ml.datasets.examples import Split
from ml.errors import DatasetError

FILE = ".collected.sqlite3"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows (
    split TEXT NOT NULL,
    key TEXT NOT NULL,
    address BLOB NOT NULL,   -- 16 bytes of its SHA-256
    category TEXT NOT NULL,
    name TEXT,               -- of a picture that is kept: its file
    content BLOB,            --   and 16 bytes of its SHA-256
    reason TEXT,             -- of one that is not: why
    detail TEXT,
    url TEXT,
    PRIMARY KEY (split, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS by_address ON rows (address);
CREATE INDEX IF NOT EXISTS by_content ON rows (content) WHERE content IS NOT NULL;
CREATE INDEX IF NOT EXISTS by_reason ON rows (split, reason, category);
"""


class DroppedRow(NamedTuple):
    """A picture that was not kept."""

    split: str
    key: str
    category: str
    reason: str
    detail: str
    address: str


class Journal:
    """The journal of an image folder, open for one process."""

    def __init__(self, root: Path) -> None:
        """Open or begin it. Raises DatasetError where another process has it open, or it is damaged."""
        self._path = root / FILE
        root.mkdir(parents=True, exist_ok=True)
        self.is_new = not self._path.exists()
        with self._errors():
            self._db = sqlite3.connect(self._path, timeout=0, isolation_level=None)
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
            self._db.execute("INSERT OR REPLACE INTO facts VALUES ('locked', 'by writing')")

    def close(self) -> None:
        """Let others open it."""
        self._db.close()

    def fact(self, name: str) -> str | None:
        """Something that was noted of the whole."""
        row = self._one("SELECT value FROM facts WHERE name = ?", name)
        return None if row is None else str(row[0])

    def note(self, name: str, value: str) -> None:
        """Note something of the whole."""
        self._do("INSERT OR REPLACE INTO facts VALUES (?, ?)", name, value)

    def decided(self, split: Split, key: str) -> bytes | None:
        """The digest of the address with which this was decided, or None where it was not."""
        row = self._one("SELECT address FROM rows WHERE split = ? AND key = ?", split, key)
        return None if row is None else bytes(row[0])

    def keep(self, split: Split, key: str, *, address: str, category: str, name: str, content: bytes) -> None:
        """Note that a picture was kept."""
        self._do(
            "INSERT INTO rows (split, key, address, category, name, content) VALUES (?, ?, ?, ?, ?, ?)",
            *(split, key, digest(address), category, name, content),
        )

    def drop(self, split: Split, key: str, *, address: str, category: str, reason: str, detail: str) -> None:
        """Note that a picture was not kept, and why."""
        self._do(
            "INSERT INTO rows (split, key, address, category, reason, detail, url) VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(split, key, digest(address), category, reason, detail, address),
        )

    def forget(self, split: Split, key: str) -> None:
        """Let it be decided anew."""
        self._do("DELETE FROM rows WHERE split = ? AND key = ?", split, key)

    def with_address(self, address: str) -> str | None:
        """Which row, as split/key, was decided for this address first."""
        row = self._one("SELECT split, key FROM rows WHERE address = ? LIMIT 1", digest(address))
        return None if row is None else f"{row[0]}/{row[1]}"

    def with_content(self, content: bytes) -> str | None:
        """Which picture, as split/name, has these very bytes."""
        row = self._one("SELECT split, name FROM rows WHERE content = ? LIMIT 1", content)
        return None if row is None else f"{row[0]}/{row[1]}"

    def kept(self, split: Split) -> Iterator[tuple[str, str]]:
        """Key and file name of every picture that was kept."""
        yield from self._all("SELECT key, name FROM rows WHERE split = ? AND reason IS NULL", split)

    def count_kept(self, split: Split, category: str) -> int:
        """How many pictures of a category were kept."""
        query = "SELECT count(*) FROM rows WHERE split = ? AND reason IS NULL AND category = ?"
        row = self._one(query, split, category)
        return 0 if row is None else int(row[0])

    def counts(self) -> Iterator[tuple[str, str | None, str | None, int]]:
        """Split, reason (None for kept), category and how many."""
        yield from self._all(
            "SELECT split, reason, category, count(*) FROM rows GROUP BY 1, 2, 3 ORDER BY split, 4 DESC"
        )

    def repeated(self, limit: int) -> Iterator[tuple[str, int]]:
        """The pictures that came from most addresses, as split/name, and from how many others."""
        yield from self._all(
            "SELECT detail, count(*) FROM rows WHERE reason = 'same picture' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",
            limit,
        )

    def dropped(self, split: str | None = None, reason: str | None = None, limit: int = -1) -> Iterator[DroppedRow]:
        """The pictures that were not kept, in the order of their keys."""
        query = (
            "SELECT split, key, category, reason, detail, url FROM rows WHERE reason IS NOT NULL"
            " AND (?1 IS NULL OR split = ?1) AND (?2 IS NULL OR reason = ?2) ORDER BY split, key LIMIT ?3"
        )
        for row in self._all(query, split, reason, limit):
            yield DroppedRow(*row)

    def _do(self, statement: str, *values: object) -> None:
        with self._errors():
            self._db.execute(statement, values)

    def _one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        with self._errors():
            row: tuple[Any, ...] | None = self._db.execute(query, values).fetchone()
            return row

    def _all(self, query: str, *values: object) -> Iterator[tuple[Any, ...]]:
        with self._errors():
            yield from self._db.execute(query, values)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                why = f"Another process is collecting into {self._path.parent}; wait until it is done."
            else:
                why = f"The journal {self._path} cannot be written: {error}. What was collected so far is kept."
            raise DatasetError(why) from error
        except sqlite3.DatabaseError as error:
            raise DatasetError(
                f"The journal {self._path} is damaged ({error}); collect into another folder."
            ) from error


def digest(address: str) -> bytes:
    """16 bytes of an address's SHA-256."""
    return hashlib.sha256(address.encode("utf-8", "surrogatepass")).digest()[:16]
