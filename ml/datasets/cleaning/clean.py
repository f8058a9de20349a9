"""Reads a data set, decides what is kept, and writes it as an image folder with a report."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from PIL import Image as PILImage
from PIL import ImageOps
from tqdm import tqdm

from ml.datasets import flickr8k, imagefolder
from ml.datasets.cleaning import report
from ml.datasets.cleaning.captions import normalise
from ml.datasets.cleaning.near_duplicates import Look, copies
from ml.datasets.cleaning.rules import Dropped, Rules, faulty_shape
from ml.datasets.examples import SPLITS, Example, Split, read, splits
from ml.errors import DatasetError
from ml.files import writing
from ml.interfaces import ImageTextEncoder

SETTINGS = "clean.json"
BATCH = 32
FLOOR_SHARE = 0.5
"""A caption must reach this share of the encoder's match floor, which 95 % of true pairs exceed."""


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
    `source` is no data set, or `output` was made by other rules or from another source.
    """
    here = splits(source)
    inspection = Inspection(rules, encoder, _threshold(rules, encoder))
    settings = inspection.settings() | {
        "source": {split: imagefolder.fingerprint(source, split) for split in here},
    }
    _remember(output, settings)
    examples = {split: list(read(source, split)) for split in here}
    candidates = [each for split, found in examples.items() for each in inspection.look(split, found)]
    kept = inspection.without_copies(candidates)
    _write(output, source, examples, kept)
    pictures: dict[str, int] = {split: len(found) for split, found in examples.items()}
    left: dict[str, int] = {split: sum(each.split == split for each in kept) for split in examples}
    figures = report.Figures.of(pictures, left, inspection.dropped)
    report.write(output, figures, inspection.dropped, settings=settings)
    return figures


@dataclass
class Inspection:
    """Decides what is kept, and remembers what is not."""

    rules: Rules
    encoder: ImageTextEncoder | None
    threshold: float | None  #: cosine that a caption and its picture must reach
    dropped: list[Dropped] = field(default_factory=list)

    def settings(self) -> dict[str, Any]:
        """What makes the result what it is."""
        key = self.encoder.info.key if self.encoder else None
        return {"rules": asdict(self.rules), "min_match": self.threshold, "encoder": key}

    def look(self, split: Split, examples: Sequence[Example]) -> Iterator[Candidate]:
        """Look at every picture of a split once, by itself."""
        with tqdm(total=len(examples), desc=f"look at {split}", unit="picture") as bar:
            for start in range(0, len(examples), BATCH):
                some = examples[start : start + BATCH]
                looked = [(self._captions(split, each), image) for each in some if (image := self._open(split, each))]
                images = [image for _, image in looked]
                told = self._matching(split, [each for each, _ in looked], images)
                for example, image in zip(told, images, strict=True):
                    if example.captions:
                        yield Candidate(split, example, Look.at(image), image.width * image.height)
                    else:
                        self.dropped.append(Dropped(split, example, "no caption left", ""))
                bar.update(len(some))

    def without_copies(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Leave out what repeats another picture, of any split: better a train picture less than one of test learnt."""
        if self.rules.distance < 0:
            return list(candidates)
        order = sorted(candidates, key=lambda each: (-SPLITS.index(each.split), -each.pixels))
        repeated = copies([each.look for each in order], distance=self.rules.distance)
        for number, (kept, bits) in sorted(repeated.items()):
            copy, original = order[number], order[kept]
            detail = f"{bits} bits from {original.split}/{original.example.path.name}"
            self.dropped.append(Dropped(copy.split, copy.example, "same picture", detail, like=original.example.path))
        gone = {id(order[number]) for number in repeated}
        return [each for each in candidates if id(each) not in gone]

    def _open(self, split: Split, example: Example) -> PILImage.Image | None:
        try:
            with PILImage.open(example.path) as file:
                if fault := faulty_shape(file.size, self.rules):
                    self.dropped.append(Dropped(split, example, *fault))
                    return None
                return ImageOps.exif_transpose(file).convert("RGB")
        # what Pillow's decoders raise of damaged files has no common root: OSError, SyntaxError, struct.error, …
        except Exception as error:  # noqa: BLE001
            self.dropped.append(Dropped(split, example, "unreadable", f"{type(error).__name__}: {error}"))
            return None

    def _captions(self, split: Split, example: Example) -> Example:
        """The example with those captions that are good by themselves, normalised."""
        kept: dict[str, str] = {}
        for caption in map(normalise, example.captions):
            said = caption.casefold().rstrip(".")
            fault = ("same caption", "") if said in kept else self.rules.captions.fault(caption)
            if fault is None:
                kept[said] = caption
            else:
                self.dropped.append(Dropped(split, example, *fault, caption=caption))
        return replace(example, captions=tuple(kept.values()))

    def _matching(
        self, split: Split, examples: Sequence[Example], images: Sequence[PILImage.Image]
    ) -> Sequence[Example]:
        """The examples with those captions that the encoder finds in their pictures."""
        captions = [caption for example in examples for caption in example.captions]
        if self.encoder is None or self.threshold is None or not captions:
            return examples
        vectors = self.encoder.encode_images(images)
        texts = iter(self.encoder.encode_texts(captions))
        matching = []
        for example, vector in zip(examples, vectors, strict=True):
            kept = []
            for caption in example.captions:
                if (cosine := float(next(texts) @ vector)) >= self.threshold:
                    kept.append(caption)
                else:
                    self.dropped.append(Dropped(split, example, "does not match", f"{cosine:.3f}", caption=caption))
            matching.append(replace(example, captions=tuple(kept)))
        return matching


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
        if path.read_text(encoding="utf-8") != text:
            raise DatasetError(f"{output} was cleaned from another source or by other rules; name another folder.")
    elif any(output.iterdir()):
        raise DatasetError(f"{output} already holds something else; name an empty or a new folder.")
    else:
        with writing(path) as partial:
            partial.write_text(text, encoding="utf-8")


def _write(output: Path, source: Path, examples: dict[Split, list[Example]], kept: Sequence[Candidate]) -> None:
    """Copy pictures as they are, with all that their rows say beside the captions."""
    columns = {} if flickr8k.is_here(source) else {split: _columns(source, split) for split in examples}
    for split in examples:
        with imagefolder.Writer(output, split) as writer:
            mine = [each.example for each in kept if each.split == split]
            for example in tqdm(mine, desc=f"write {split}", unit="picture"):
                name = example.path.name if not columns else example.path.relative_to(source / split).as_posix()
                if name not in writer.names:
                    more = columns.get(split, {}).get(name, {})
                    writer.add(
                        name,
                        example.path.read_bytes(),
                        captions=example.captions,
                        source=example.source,
                        licence=example.licence,
                        **{"category": example.category, **more},
                    )


def _columns(source: Path, split: Split) -> dict[str, dict[str, object]]:
    """Of each picture, the columns that only the maker of the set knows."""
    own = {"file_name", "captions", "text", "split", "source", "licence", "category"}
    return {
        row["file_name"]: {column: value for column, value in row.items() if column not in own}
        for row in imagefolder.rows(source, split)
    }
