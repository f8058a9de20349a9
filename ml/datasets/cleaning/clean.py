"""Reads a data set, decides what is kept, and writes it as an image folder with a report."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from ml.datasets import flickr8k, imagefolder
from ml.datasets.cleaning import report
from ml.datasets.cleaning.near_duplicates import Look, copies
from ml.datasets.cleaning.rules import Dropped, Rules, name_in
from ml.datasets.cleaning.verdicts import BATCH, Inspection, Journal, Verdict
from ml.datasets.examples import SPLITS, Example, Split, read, splits
from ml.errors import DatasetError, Stopped
from ml.files import writing
from ml.interfaces import ImageTextEncoder

SETTINGS = "clean.json"
JOURNAL = "looked.jsonl"
FLOOR_SHARE = 0.5
"""A caption must reach this share of the encoder's match floor, which 95 % of true pairs exceed.

With the built-in encoder, on Flickr8k's dev split: 1.0 % of 5,000 true pairs are lost, and of the captions paired with
each of the 999 other pictures 77 % are caught. A share of 0.3 loses 0.3 and catches 65 %; 0.7 loses 2.0 and catches 85.
"""


@dataclass(frozen=True)
class Candidate:
    """A picture that is kept so far."""

    split: Split
    example: Example  #: its captions are normalised, and those that were left out are gone
    look: Look
    pixels: int


def clean(source: Path, output: Path, rules: Rules, encoder: ImageTextEncoder | None) -> report.Figures:
    """Write what is kept of `source` to `output`, with report.json, report.html and dropped.jsonl beside it.

    The same rules give the same result; a call that was stopped goes on when it is repeated. Raises DatasetError where
    `source` is no data set, or `output` lies in it or was made by other rules or from another source; Stopped.
    """
    here = splits(source)
    if output.resolve().is_relative_to(source.resolve()):
        raise DatasetError(f"{output} lies in {source}, of which it would become a part; name a folder elsewhere.")
    inspection = Inspection(rules, encoder, _threshold(rules, encoder))
    settings = {
        "rules": asdict(rules),
        "min_match": inspection.threshold,
        "encoder": encoder.info.key if encoder else None,
        "source": {split: imagefolder.fingerprint(source, split) for split in here},
    }
    _remember(output, settings)
    try:
        examples = [(split, example) for split in here for example in read(source, split)]
        verdicts = _look(inspection, [example for _, example in examples], output)
        kept, dropped = _without_copies(source, *_sorted_out(examples, verdicts), distance=rules.distance)
        _write(output, source, here, kept)
        pictures: dict[str, int] = {split: sum(of == split for of, _ in examples) for split in here}
        left: dict[str, int] = {split: sum(each.split == split for each in kept) for split in here}
        figures = report.Figures.of(pictures, left, dropped)
        report.write(output, figures, dropped, source=source, settings=settings)
    except KeyboardInterrupt as error:
        raise Stopped("Stopped; what was done is kept. The same command goes on from here.") from error
    return figures


def _look(inspection: Inspection, examples: Sequence[Example], output: Path) -> list[Verdict]:
    """Look at each picture once by itself."""
    with Journal(output / JOURNAL) as journal:
        done = len(journal.verdicts)
        with tqdm(total=len(examples), initial=done, desc="look", unit="picture") as bar:
            for start in range(done, len(examples), BATCH):
                some = examples[start : start + BATCH]
                journal.add(inspection.verdicts(some))
                bar.update(len(some))
        return journal.verdicts


def _sorted_out(
    examples: Sequence[tuple[Split, Example]], verdicts: Sequence[Verdict]
) -> tuple[list[Candidate], list[Dropped]]:
    """What is kept, and what is not."""
    candidates, dropped = [], []
    for (split, example), verdict in zip(examples, verdicts, strict=True):
        dropped += [Dropped(split, example, *fault) for fault in verdict.faults]
        if verdict.look is not None:
            good = replace(example, captions=verdict.captions)
            candidates.append(Candidate(split, good, verdict.look, verdict.pixels))
    return candidates, dropped


def _without_copies(
    source: Path, candidates: Sequence[Candidate], dropped: Sequence[Dropped], *, distance: int
) -> tuple[list[Candidate], list[Dropped]]:
    """Leave out what repeats another picture, of any split: better a train picture less than one of test learnt."""
    if distance < 0:
        return list(candidates), list(dropped)
    order = sorted(candidates, key=lambda each: (-SPLITS.index(each.split), -each.pixels))
    repeated = copies([each.look for each in order], distance=distance)
    repeats = []
    for number, (kept, bits) in sorted(repeated.items()):
        copy, original = order[number], order[kept]
        detail = f"{bits} bits from {original.split}/{name_in(source, original.example.path)}"
        repeats.append(Dropped(copy.split, copy.example, "same picture", detail, like=original.example.path))
    gone = {id(order[number]) for number in repeated}
    return [each for each in candidates if id(each) not in gone], [*dropped, *repeats]


def _threshold(rules: Rules, encoder: ImageTextEncoder | None) -> float | None:
    if encoder is None or rules.min_match is not None:
        return rules.min_match
    if encoder.match_floor is None:
        raise DatasetError(
            f"Nobody measured from which cosine on {encoder.info.name} means a match: give --min-match, or --no-match."
        )
    return FLOOR_SHARE * encoder.match_floor


def _remember(output: Path, settings: Mapping[str, Any]) -> None:
    """Note the settings. Raises DatasetError where `output` holds a result of others."""
    path = output / SETTINGS
    output.mkdir(parents=True, exist_ok=True)
    text = json.dumps(settings, indent=2)
    if path.exists():
        if path.read_bytes() != text.encode():
            raise DatasetError(f"{output} was cleaned from another source or by other rules; name another folder.")
    elif any(not each.name.startswith(".") for each in output.iterdir()):  # what a killed call began is no matter
        raise DatasetError(f"{output} already holds something else; name an empty or a new folder.")
    else:
        with writing(path) as partial:
            partial.write_text(text, encoding="utf-8")


def _write(output: Path, source: Path, here: Sequence[Split], kept: Sequence[Candidate]) -> None:
    """Copy pictures as they are, with all that their rows say beside the captions."""
    for split in here:
        mine = [each.example for each in kept if each.split == split]
        if not mine:  # a split without a picture is none
            continue
        columns = {} if flickr8k.is_here(source) else _columns(source, split)
        with imagefolder.Writer(output, split) as writer:
            for example in tqdm(mine, desc=f"write {split}", unit="picture"):
                name = name_in(source, example.path)
                if name not in writer.names:
                    writer.add(
                        name,
                        example.path.read_bytes(),
                        captions=example.captions,
                        source=example.source,
                        licence=example.licence,
                        **{"category": example.category, **columns.get(name, {})},
                    )


def _columns(source: Path, split: Split) -> dict[str, dict[str, object]]:
    """Of each picture, the columns that only the maker of the set knows."""
    own = {"file_name", "captions", "text", "split", "source", "licence", "category"}
    return {
        row["file_name"]: {column: value for column, value in row.items() if column not in own}
        for row in imagefolder.rows(source, split)
    }
