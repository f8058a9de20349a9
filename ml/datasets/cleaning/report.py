"""What was left out and why: report.json with the figures, dropped.jsonl with every case, report.html to look at."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ml.datasets.cleaning.rules import REASONS, Dropped, counted
from ml.files import writing

SHOWN = 24  #: pictures of each reason on the page


@dataclass(frozen=True)
class Figures:
    """How much was there, kept and left out; by split."""

    pictures: Mapping[str, int]
    kept: Mapping[str, int]
    dropped: Mapping[str, Mapping[str, int]]  #: split -> reason -> pictures or captions

    @classmethod
    def of(cls, pictures: Mapping[str, int], kept: Mapping[str, int], dropped: Sequence[Dropped]) -> "Figures":
        """Count what was left out."""
        return cls(
            pictures,
            {split: kept[split] for split in pictures},
            {split: counted([each for each in dropped if each.split == split]) for split in pictures},
        )

    def __str__(self) -> str:
        kept, all_ = sum(self.kept.values()), sum(self.pictures.values())
        return f"{kept:,} of {all_:,} pictures kept"


def write(output: Path, figures: Figures, dropped: Sequence[Dropped], *, settings: Mapping[str, Any]) -> None:
    """Write all three. Raises UsageError where that fails."""
    with writing(output / "dropped.jsonl") as partial, partial.open("w", encoding="utf-8") as file:
        for each in dropped:
            file.write(json.dumps(_row(each), ensure_ascii=False) + "\n")
    with writing(output / "report.json") as partial:
        text = json.dumps({**asdict(figures), "settings": dict(settings)}, indent=2, ensure_ascii=False)
        partial.write_text(text, encoding="utf-8")
    _write_page(output / "report.html", figures, dropped)


def _row(dropped: Dropped) -> dict[str, str]:
    row = {
        "split": dropped.split,
        "picture": dropped.example.path.name,
        "reason": dropped.reason,
        "detail": dropped.detail,
    }
    return row | ({"caption": dropped.caption} if dropped.caption else {})


def _write_page(path: Path, figures: Figures, dropped: Sequence[Dropped]) -> None:
    from ml.evaluation.report import Found, Sample, write_page
    from ml.evaluation.results import Table

    reasons = counted(dropped)
    rows = [
        [f"{reason}: {REASONS[reason]}", *(f"{figures.dropped[split].get(reason, 0):,}" for split in figures.pictures)]
        for reason in reasons
    ]
    rows.append(
        ["pictures kept", *(f"{figures.kept[split]:,} of {figures.pictures[split]:,}" for split in figures.kept)]
    )
    sections = {}
    for reason, count in reasons.items():
        cases = [each for each in dropped if each.reason == reason][:SHOWN]
        shown = f", the first {len(cases)} of them" if count > len(cases) else ""
        sections[f"{reason}: {count:,}{shown}"] = [
            Sample(
                each.example.path,
                each.caption or (each.example.captions or ("",))[0],
                note=f"{each.split}. {each.detail}",
                found=[Found(each.like, right=False)] if each.like else [],
            )
            for each in cases
        ]
    write_page(path, "What was left out", tables=[Table(["left out", *figures.pictures], rows)], sections=sections)
