"""docs/performance.md: each bench replaces its own part of it and leaves the others alone."""

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

REPORT = Path(__file__).resolve().parent.parent / "docs" / "performance.md"
TITLE = [
    "# Performance",
    "",
    "Each part is written by its own command, and all by `make bench-full`. The machine is noisy: trust the ratios,",
    "each against a baseline of the same run. `make bench` measures some of them again, in minutes, and fails where",
    "one fell by more than a third.",
]


def write(path: Path, part: str, lines: Sequence[str]) -> None:
    """Put lines between the marks of a part, or with new marks at the end where it has none yet."""
    start, end = f"<!-- {part} -->", f"<!-- /{part} -->"
    text = path.read_text(encoding="utf-8") if path.exists() else "\n".join(TITLE) + "\n"
    before, mark, rest = text.partition(start)
    after = rest.partition(end)[2] if mark else "\n"
    if not mark:
        before += "\n"
    path.write_text("\n".join([f"{before}{start}", "", *lines, "", f"{end}{after}"]), encoding="utf-8")


def machine() -> str:
    """When and on what: the beginning of a sentence."""
    return (
        f"Measured {datetime.now(UTC):%Y-%m-%d} on {os.cpu_count()} cores, {platform.machine()}, "
        f"Python {platform.python_version()}"
    )
