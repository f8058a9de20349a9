"""`python -m bench.sizing`: the tables of docs/operations.md about memory and disk. Arithmetic, no measurement, but for
the two figures that say so.

All figures are bytes for each vector (of one model version) or picture; d is the dimension.
"""

from dataclasses import dataclass
from typing import Literal

Quantization = Literal["none", "scalar", "binary"]

COUNTS = {"10^5": 10**5, "10^6": 10**6, "10^7": 10**7, "10^8": 10**8, "10^9": 10**9}
DIMENSIONS = (384, 512)
QUANTIZATIONS: tuple[Quantization, ...] = ("none", "scalar", "binary")
IVF_FROM = 200_000  # FaissIndex's own limit
BEGIN, END = "<!-- python -m bench.sizing -->", "<!-- end -->"

KEY = 8
FIELD = 4  # a code in a column of the payload, in FAISS's process
FAISS_FIELDS = 2  # owner, visibility
LIST_ENTRY = KEY + 4  # a row's number in its list, and its list's number
HNSW_M = 16
LINK = 4
UPPER_LEVELS = 1.1  # the levels above the lowest hold about one point in m each, and there are offsets
POINT = 64  # Qdrant: the point's numbers there and back, its version, its entries in the indexes of two fields
PAYLOAD_ON_DISK = 100
# Measured on PostgreSQL 15 with 20,000 pictures, after VACUUM FULL: the row of a vector beside the vector, with its
# three indexes; and all other rows of a picture with theirs: itself, two renditions, four stages, a caption, its text
# (of one in twenty), and its look, whose greys (search.likeness) are 2,860 of them.
SQL_VECTOR_ROW = 270
SQL_PICTURE = 5_900


@dataclass(frozen=True)
class Size:
    """Bytes for each vector."""

    memory: float
    disk: float


def faiss(d: int, *, ivf: bool) -> Size:
    """In each web process, and in a worker: float16 vectors, keys and payload columns; past the threshold 8-bit codes
    in lists beside them. On disk a snapshot of the former."""
    exact = 2 * d + KEY + FIELD * FAISS_FIELDS
    return Size(memory=exact + (d + LIST_ENTRY if ivf else 0), disk=exact)


def graph(m: int = HNSW_M) -> float:
    """HNSW: 2m links on the lowest level."""
    return 2 * m * LINK * UPPER_LEVELS


def qdrant(d: int, *, quantization: Quantization, on_disk: bool) -> Size:
    """One replica. Quantized vectors and graph stay in memory; the float32 ones too unless they are on disk. While
    segments are merged, the disk holds up to twice as much."""
    vectors = 4 * d
    quantized = {"none": 0.0, "scalar": d + 4, "binary": d / 8}[quantization]
    memory = quantized + graph() + POINT + (0 if on_disk else vectors)
    return Size(memory=memory, disk=vectors + quantized + graph() + POINT + PAYLOAD_ON_DISK)


def postgresql(d: int) -> float:
    """The float16 vector, its row, and the picture's other rows."""
    return 2 * d + SQL_VECTOR_ROW + SQL_PICTURE


def in_words(size: float) -> str:
    """Decimal units, two figures: `41 MB`, `1.2 TB`."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 1_000 or unit == "TB":
            break
        size /= 1_000
    return f"{size:.1f} {unit}" if size < 10 else f"{size:,.0f} {unit}"


def table() -> list[str]:
    """The lines of the table in the docs."""
    lines = [
        "| vectors | d | FAISS, each process | Qdrant memory: none / scalar / binary "
        "| the same with vectors on disk | Qdrant disk (scalar) | PostgreSQL |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, count in COUNTS.items():
        for d in DIMENSIONS:
            in_memory, on_disk = (
                [qdrant(d, quantization=quantization, on_disk=lies).memory for quantization in QUANTIZATIONS]
                for lies in (False, True)
            )
            disk = qdrant(d, quantization="scalar", on_disk=True).disk
            cells = [[faiss(d, ivf=count > IVF_FROM).memory], in_memory, on_disk, [disk], [postgresql(d)]]
            said = (" / ".join(in_words(count * size) for size in sizes) for sizes in cells)
            lines.append(f"| {name} | {d} | {' | '.join(said)} |")
    return lines


if __name__ == "__main__":
    print("\n".join(table()))
