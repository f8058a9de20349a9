"""What was kept and what was dropped and why: report.json, report.md for people, and dropped.jsonl with every row.

All three are written anew from the journal at the end of a run, also of one that was stopped.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ml.datasets.collect.dropped import meaning
from ml.datasets.collect.journal import Journal
from ml.files import whole

_EXAMPLES = 5
_REPEATED = 10
_LISTED_CATEGORIES = 1_000


def write(root: Path, journal: Journal, notes: Sequence[str] = ()) -> None:
    """Write the report of an image folder; `notes` are sentences of this run, such as why it ended early."""
    report = summary(journal) | {"notes": list(notes)}
    _write(root / "report.json", iter([json.dumps(report, indent=2, ensure_ascii=False) + "\n"]))
    _write(root / "report.md", iter([_markdown(report)]))
    _write(root / "dropped.jsonl", (json.dumps(row._asdict(), ensure_ascii=False) + "\n" for row in journal.dropped()))


def summary(journal: Journal) -> dict[str, Any]:
    """The figures: of each split what was kept and dropped, with examples; of each category, if there are any."""
    splits: dict[str, dict[str, Any]] = {}
    categories: defaultdict[str, dict[str, int]] = defaultdict(lambda: {"kept": 0, "dropped": 0})
    for split, reason, category, count in journal.counts():
        entry = splits.setdefault(split, {"decided": 0, "kept": 0, "dropped": {}})
        entry["decided"] += count
        if reason is None:
            entry["kept"] += count
        else:
            entry["dropped"][reason] = entry["dropped"].get(reason, 0) + count
        if category:
            categories[category]["kept" if reason is None else "dropped"] += count
    for split, entry in splits.items():
        by_count = sorted(entry["dropped"].items(), key=lambda item: (-item[1], item[0]))
        entry["dropped"] = {reason: _dropped(journal, split, reason, count) for reason, count in by_count}
    return {
        "splits": splits,
        "categories": dict(list(categories.items())[:_LISTED_CATEGORIES]),
        "repeated": [{"picture": name, "more_addresses": count} for name, count in journal.repeated(_REPEATED)],
    }


def sentence(journal: Journal) -> str:
    """The figures in a few words."""
    splits = summary(journal)["splits"].values()
    kept = sum(entry["kept"] for entry in splits)
    decided = sum(entry["decided"] for entry in splits)
    return f"{kept:,} pictures kept, {decided - kept:,} dropped"


def _dropped(journal: Journal, split: str, reason: str, count: int) -> dict[str, Any]:
    examples = [
        {"row": row.key, "address": row.address, "detail": row.detail}
        for row in journal.dropped(split, reason, _EXAMPLES)
    ]
    return {"count": count, "meaning": meaning(reason), "examples": examples}


def _markdown(report: dict[str, Any]) -> str:
    lines = ["# What was collected", ""]
    lines += [f"{text}\n" for text in report["notes"]]
    for split, entry in report["splits"].items():
        lines += [f"## {split}: {entry['kept']:,} kept of {entry['decided']:,}", ""]
        lines += ["| dropped | how many | share | meaning | for example |", "|---|---:|---:|---|---|"]
        for reason, found in entry["dropped"].items():
            example = found["examples"][0]
            cells = (
                *(reason, f"{found['count']:,}", f"{found['count'] / entry['decided']:.1%}", found["meaning"]),
                f"row {example['row']}: {example['address'][:120]} ({example['detail'][:120]})",
            )
            lines.append("| " + " | ".join(map(_cell, cells)) + " |")
        lines.append("")
    if report["categories"]:
        lines += ["## By category", "", "| category | kept | dropped |", "|---|---:|---:|"]
        for name, counts in report["categories"].items():
            lines.append(f"| {_cell(name)} | {counts['kept']:,} | {counts['dropped']:,} |")
        lines.append("")
    if report["repeated"]:
        lines += ["## Came from several addresses", "", "Look at these: often they say that a picture is gone.", ""]
        lines += [f"- {found['picture']}: {found['more_addresses']:,} more" for found in report["repeated"]]
        lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    """A text that breaks no table and marks up nothing: addresses and categories are strangers' words."""
    return " ".join(text.split()).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")


def _write(path: Path, parts: Iterator[str]) -> None:
    with whole(path) as partial, partial.open("w", encoding="utf-8", errors="replace") as file:
        file.writelines(parts)
