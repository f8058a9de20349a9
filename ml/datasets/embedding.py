"""A data set as vectors: Parquet files of float16, and FAISS indexes over them.

- embeddings.json: the model that made the vectors, their length, fingerprints of the data
- vectors/SPLIT-NNNNN.parquet: a row for each picture and each caption, with the columns `kind` (image or caption),
  `split`, `file_name`, `caption`, `source`, `licence`, `vector` (d of float16)
- images.faiss, captions.faiss: exact indexes in float16; a vector's number is that of its row among its kind
- index.json: the hashes of both, and the Parquet files that they belong to
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ml.datasets import imagefolder
from ml.datasets.examples import Example, Split, read
from ml.errors import DatasetError, ModelCorrupt, Stopped
from ml.evaluation.pictures import batches
from ml.files import alone, sha256, writing
from ml.interfaces import Embeddings, ImageTextEncoder

FACTS = "embeddings.json"
VECTORS = "vectors"
INDEX = "index.json"
PART = 1024  #: pictures in a Parquet file; an interrupted run computes at most so many again
TEXTS = 256  #: captions that are encoded at a time

Kind = Literal["image", "caption"]
_FILES: Mapping[Kind, str] = {"image": "images.faiss", "caption": "captions.faiss"}


@dataclass(frozen=True)
class Hit:
    """A picture or a caption that a query found."""

    path: Path  #: of the picture
    caption: str  #: the one that was found, or the picture's first
    cosine: float


def embed(source: Path, output: Path, encoder: ImageTextEncoder, splits: Sequence[Split]) -> int:
    """Embed pictures and captions of these splits; goes on where an earlier call was stopped. Returns the vectors.

    Raises DatasetError where `output` holds vectors of other data or of another model, or a picture is unreadable;
    Stopped.
    """
    facts = {
        "model": encoder.info.name,
        "key": encoder.info.key,
        "dimension": encoder.dimension,
        "data": {split: imagefolder.fingerprint(source, split) for split in splits},
        "source": str(source.absolute()),
    }
    (output / VECTORS).mkdir(parents=True, exist_ok=True)
    with alone(output, DatasetError(f"Another process is writing {output}; wait until it is done.")):
        _remember(output, facts)
        try:
            for split in splits:
                _embed_split(source, output, encoder, split, facts)
            return build_indexes(output)
        except KeyboardInterrupt as error:
            raise Stopped(f"Stopped; {output} keeps what was done. The same command goes on from here.") from error


def _embed_split(source: Path, output: Path, encoder: ImageTextEncoder, split: Split, facts: Mapping[str, Any]) -> None:
    examples = list(read(source, split))
    for number, start in enumerate(range(0, len(examples), PART)):
        path = output / VECTORS / f"{split}-{number:05}.parquet"
        if not path.exists():
            some = examples[start : start + PART]
            table = _table(source, split, some, encoder, f"{split} {start + 1} to {start + len(some)}")
            with writing(path) as partial:
                pq.write_table(table.replace_schema_metadata({"embeddings": json.dumps(facts)}), partial)


def build_indexes(output: Path) -> int:
    """Build both indexes from the Parquet files. Returns the vectors in them. Raises ModelCorrupt for a damaged one."""
    dimension = facts_of(output)["dimension"]
    indexes = {
        kind: faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        for kind in _FILES
    }
    for part in _parts(output):
        table = _read(part, ["kind", "vector"])
        for kind, index in indexes.items():
            index.add(_vectors(_of_kind(table, kind), dimension))
    hashes = {}
    for kind, index in indexes.items():
        with writing(output / _FILES[kind]) as partial:
            # FAISS's own writer tells of a full disk by a RuntimeError
            partial.write_bytes(faiss.serialize_index(index).tobytes())
        hashes[_FILES[kind]] = sha256(output / _FILES[kind])
    with writing(output / INDEX) as partial:
        partial.write_text(json.dumps({"sha256": hashes, "parts": _sizes(output)}, indent=2), encoding="utf-8")
    return sum(index.ntotal for index in indexes.values())


def search(output: Path, encoder: ImageTextEncoder, query: Embeddings, *, kind: Kind, top: int) -> list[Hit]:
    """The pictures or captions nearest to a query, (1, d), best first; mends an index that is missing or damaged.

    Raises DatasetError where `output` holds no vectors, or those of another model; ModelCorrupt for a damaged file.
    """
    facts = facts_of(output)
    if facts["key"] != encoder.info.key:
        raise DatasetError(
            f"{output} holds vectors of {facts['key']}, which those of {encoder.info.key} cannot be compared with; "
            "name the encoder that made them by --model."
        )
    if not _are_current(output):
        build_indexes(output)
    index = faiss.read_index(str(output / _FILES[kind]))
    cosines, numbers = index.search(np.ascontiguousarray(query, dtype=np.float32), min(top, index.ntotal))
    rows = pa.concat_tables(_of_kind(_read(part, ["kind", "file_name", "caption"]), kind) for part in _parts(output))
    found = rows.take(pa.array(numbers[0])).to_pylist()
    root = Path(facts["source"])
    return [
        Hit(root / row["file_name"], row["caption"], float(cosine))
        for row, cosine in zip(found, cosines[0], strict=True)
    ]


def facts_of(output: Path) -> dict[str, Any]:
    """What is known of a folder of vectors. Raises DatasetError where it is none, ModelCorrupt where it is damaged."""
    try:
        facts = json.loads((output / FACTS).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatasetError(f"{output} holds no vectors: make them with `data embed`.") from error
    except ValueError as error:
        raise ModelCorrupt(f"{output / FACTS} is damaged; embed the data set again, into another folder.") from error
    if not isinstance(facts, dict) or not {"key", "dimension", "data", "source"} <= facts.keys():
        raise ModelCorrupt(f"{output / FACTS} is not what `data embed` writes; embed the data set again.")
    return facts


def _table(source: Path, split: Split, examples: Sequence[Example], encoder: ImageTextEncoder, doing: str) -> pa.Table:
    """The rows of some pictures and of their captions."""
    images = np.concatenate([encoder.encode_images(some) for some in batches(examples, doing)])
    captions = [caption for example in examples for caption in example.captions]
    texts = [encoder.encode_texts(captions[start : start + TEXTS]) for start in range(0, len(captions), TEXTS)]
    kinds = [("image", example, example.captions[0]) for example in examples]
    kinds += [("caption", example, caption) for example in examples for caption in example.captions]
    vectors = np.concatenate([images, *texts]).astype(np.float16)
    return pa.table(
        {
            "kind": [kind for kind, _, _ in kinds],
            "split": [split] * len(kinds),
            "file_name": [example.path.relative_to(source).as_posix() for _, example, _ in kinds],
            "caption": [caption for _, _, caption in kinds],
            "source": [example.source for _, example, _ in kinds],
            "licence": [example.licence for _, example, _ in kinds],
            "vector": pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), vectors.shape[1]),
        }
    )


def _vectors(table: pa.Table, dimension: int) -> Embeddings:
    flat = [chunk.flatten().to_numpy(zero_copy_only=False) for chunk in table["vector"].chunks]
    vectors: Embeddings = np.concatenate(flat or [np.zeros(0)]).astype(np.float32).reshape(-1, dimension)
    return vectors


def _read(part: Path, columns: list[str]) -> pa.Table:
    try:
        return pq.read_table(part, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise ModelCorrupt(f"{part} is damaged; remove it, and repeat `data embed`.") from error


def _of_kind(table: pa.Table, kind: Kind) -> pa.Table:
    """The rows of pictures or of captions, in their order."""
    return table.filter(pc.equal(table["kind"], kind))


def _remember(output: Path, facts: Mapping[str, Any]) -> None:
    """Note what the vectors are of. Raises DatasetError where there are others; the data may have moved."""
    if (output / FACTS).exists():
        known = facts_of(output)
        if known == facts:
            return
        if {**known, "source": facts["source"]} != facts:
            raise DatasetError(f"{output} holds vectors of other data or of another model; name another folder.")
    with writing(output / FACTS) as partial:
        partial.write_text(json.dumps(facts, indent=2), encoding="utf-8")


def _parts(output: Path) -> list[Path]:
    parts = sorted((output / VECTORS).glob("*.parquet"))
    if not parts:
        raise DatasetError(f"{output} holds no vectors yet: `data embed` was stopped before its first part.")
    return parts


def _sizes(output: Path) -> dict[str, int]:
    return {part.name: part.stat().st_size for part in _parts(output)}


def _are_current(output: Path) -> bool:
    """Whether both indexes are whole and belong to the Parquet files at hand."""
    try:
        index = json.loads((output / INDEX).read_text(encoding="utf-8"))
        return index["parts"] == _sizes(output) and all(
            sha256(output / name) == digest for name, digest in index["sha256"].items()
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return False
