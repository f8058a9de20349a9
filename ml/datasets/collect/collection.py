"""An image folder that is being collected: its pictures and rows, and the journal of what was decided.

A picture is kept in three steps: its file, its row in metadata.jsonl, its row in the journal. Whoever opens the folder
after a kill between them puts that right: a picture without a row is removed, a row that the journal lacks is entered.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ml.datasets import imagefolder
from ml.datasets.collect import report
from ml.datasets.collect.downloads import Downloads, Outcome, Wish
from ml.datasets.collect.dropped import Dropped
from ml.datasets.collect.journal import Journal, digest
from ml.datasets.collect.pictures import Picture
from ml.datasets.examples import Split
from ml.errors import DatasetError, Stopped

LICENCE = "not known; the picture belongs to its owner: see its source"
_OURS = re.compile(r"\.?[0-9a-f]{9,24}\.(jpg|png|webp|gif)(\.partial)?")


@contextmanager
def collecting(root: Path, split: Split, *, kind: str, licence: str) -> "Iterator[Collection]":
    """Open a collection, and write its report in the end, however it ends.

    Raises Stopped on Ctrl-C, and DatasetError where the folder cannot be opened or written; what was decided is kept.
    """
    with closing(Collection(root, split, kind=kind, licence=licence)) as collection:
        try:
            try:
                yield collection
            finally:
                report.write(root, collection.journal, collection.notes)
        except KeyboardInterrupt as error:
            figures = report.sentence(collection.journal)
            raise Stopped(f"Stopped; {figures} so far. The same command goes on from here.") from error
        except OSError as error:
            raise DatasetError(
                f"{root} cannot be written: {error.strerror}. What was collected is kept; the same command goes on."
            ) from error


class Collection:
    """A split of an image folder that is being collected, open for one process."""

    def __init__(self, root: Path, split: Split, *, kind: str, licence: str) -> None:
        """Open or begin it. Raises DatasetError where the folder holds something else, or another process has it."""
        self.root = root
        self.split = split
        self.licence = licence
        self.notes: list[str] = []  #: sentences for the report, such as why a run ended early
        self.journal = Journal(root)
        try:
            self._writer = imagefolder.Writer(root, split)
        except BaseException:
            self.journal.close()
            raise
        try:
            self._open(kind)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let others open it."""
        self._writer.close()
        self.journal.close()

    def undecided(self, wishes: Iterator[Wish], passed: Callable[[], object]) -> Iterator[Wish]:
        """The wishes of which nothing is known yet; `passed` is called for each of the others.

        Raises DatasetError where a key was decided for another address: the list is not the one of before.
        """
        for wish in wishes:
            before = self.journal.decided(self.split, wish.key)
            if before is not None and before != digest(wish.identity):
                raise DatasetError(
                    f"Row {wish.key} is not what it was when {self.root} was begun; collect into another folder."
                )
            if before is not None:
                passed()
            elif wish.unfit:
                self.decide(wish, Dropped(wish.unfit))
                passed()
            elif (other := self.journal.with_address(wish.identity)) is not None:
                self.decide(wish, Dropped("same address", other))
                passed()
            else:
                yield wish

    def decide(self, wish: Wish, outcome: Outcome) -> bool:
        """Keep a picture, or note why there is none. Says whether it was kept."""
        if isinstance(outcome, Picture):
            other = self.journal.with_address(wish.identity)
            twin = self.journal.with_content(outcome.digest)
            if other is not None:  # both were under way at once
                outcome = Dropped("same address", other)
            elif twin is not None:
                outcome = Dropped("same picture", twin)
        about = {"address": wish.identity, "category": wish.category}
        if isinstance(outcome, Dropped):
            self.journal.drop(self.split, wish.key, reason=outcome.reason, detail=outcome.detail, **about)
            return False
        name = f"{wish.key}.{outcome.extension}"
        # The address goes into the row as well: a source may be the page on which the picture was found.
        more = {"address": wish.identity, "category": wish.category}
        self._writer.add(name, outcome.body, captions=wish.captions, source=wish.source, licence=self.licence, **more)
        self.journal.keep(self.split, wish.key, name=name, content=outcome.digest, **about)
        return True

    def _open(self, kind: str) -> None:
        if self.journal.is_new and self._writer.names:
            raise DatasetError(
                f"{self.root / self.split} holds pictures that this command did not collect; name another folder."
            )
        if (before := self.journal.fact("kind") or kind) != kind:
            raise DatasetError(f"{self.root} was collected by `data {before}`; name another folder.")
        self.journal.note("kind", kind)
        self._mend()

    def _mend(self) -> None:
        """Bring the folder, its rows and the journal to the same state."""
        folder = self.root / self.split
        gone = [key for key, name in self.journal.kept(self.split) if name not in self._writer.names]
        for key in gone:
            self.journal.forget(self.split, key)
        for path in folder.iterdir():
            if _OURS.fullmatch(path.name) and path.name not in self._writer.names:
                path.unlink()
        for row in imagefolder.rows(self.root, self.split):
            name = row["file_name"]
            key = Path(name).stem
            if self.journal.decided(self.split, key) is None:
                content = hashlib.sha256((folder / name).read_bytes()).digest()[:16]
                about = {"address": row.get("address", ""), "category": row.get("category", "")}
                self.journal.keep(self.split, key, name=name, content=content, **about)


def collect(
    collection: Collection,
    wishes: Iterator[Wish],
    downloads: Downloads,
    bar: "tqdm[Any]",
    *,
    enough: int | None = None,
) -> int:
    """Fetch the wishes that are not decided yet, and keep what comes, `enough` pictures at most.

    Returns how many were kept. Raises DatasetError, and OSError where the disk is full; what was decided stays decided.
    """
    kept = dropped = 0
    if enough is not None and enough <= 0:
        return 0
    fetching = downloads.fetch(collection.undecided(wishes, bar.update))
    most = fetching.ahead
    if enough is not None:
        fetching.ahead = min(most, enough)
    for wish, outcome in fetching:
        if collection.decide(wish, outcome):
            kept += 1
        else:
            dropped += 1
        bar.update()
        bar.set_postfix(kept=kept, dropped=dropped, refresh=False)
        if enough is not None:
            fetching.ahead = min(most, enough - kept)
    return kept
