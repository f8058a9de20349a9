"""What was left out and why: report.json with the figures, dropped.jsonl with every case, report.html to look at."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.datasets.cleaning.rules import REASONS, Dropped, counted, name_in
from ml.files import writing

if TYPE_CHECKING:  # numpy and more, for a page alone
    from ml.evaluation.report import Sample

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


def write(
    output: Path, figures: Figures, dropped: Sequence[Dropped], *, source: Path, settings: Mapping[str, Any]
) -> None:
    """Write all three. Raises UsageError where that fails."""
    with writing(output / "dropped.jsonl") as partial, partial.open("w", encoding="utf-8") as file:
        for each in dropped:
            file.write(json.dumps(_row(each, source)) + "\n")
    with writing(output / "report.json") as partial:
        text = json.dumps({**asdict(figures), "settings": dict(settings)}, indent=2, ensure_ascii=False)
        partial.write_text(text, encoding="utf-8")
    _write_page(output / "report.html", figures, dropped)


def _row(dropped: Dropped, source: Path) -> dict[str, str]:
    row = {
        "split": dropped.split,
        "picture": name_in(source, dropped.example.path),
        "reason": dropped.reason,
        "detail": dropped.detail,
    }
    return row if dropped.caption is None else row | {"caption": dropped.caption}


def _write_page(path: Path, figures: Figures, dropped: Sequence[Dropped]) -> None:
    from ml.evaluation.report import write_page
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
        cases = [each for each in dropped if each.reason == reason]
        shown = f", {SHOWN} of them" if count > SHOWN else ""
        if shown:  # from all over the set
            cases = [cases[number * count // SHOWN] for number in range(SHOWN)]
        sections[f"{reason}: {count:,}{shown}"] = [_sample(each) for each in cases]
    write_page(path, "What was left out", tables=[Table(["left out", *figures.pictures], rows)], sections=sections)


def _sample(dropped: Dropped) -> "Sample":
    from ml.evaluation.report import Found, Sample

    return Sample(
        dropped.example.path,
        dropped.example.captions[0] if dropped.caption is None else dropped.caption,
        note=f"{dropped.split}: {dropped.detail}" if dropped.detail else dropped.split,
        found=[Found(dropped.like, right=False)] if dropped.like else [],
        pictured=_can_be_shown(dropped),
    )


def _can_be_shown(dropped: Dropped) -> bool:
    """Whether there is a picture to put on the page. One that is too large might not even fit into the memory."""
    from ml.evaluation.pictures import load

    if dropped.reason in {"unreadable", "too large"}:
        return False
    if dropped.reason in {"too small", "odd shape"}:  # nobody looked at more than its size yet
        try:
            load(dropped.example.path)
        except Exception:  # noqa: BLE001 - what Pillow's decoders raise has no common root
            return False
    return True
