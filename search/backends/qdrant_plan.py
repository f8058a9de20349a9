"""How a Qdrant collection should be laid out for the number of its points.

The arithmetic for d = 512, for each 100,000 points: vectors as float32 205 MB, as int8 51 MB, as bits 6 MB; the HNSW
graph at m = 16 (32 links of 4 bytes on its lowest level, a few above) about 15 MB.
"""

from dataclasses import dataclass
from typing import Literal

from qdrant_client import models

QuantizationChoice = Literal["auto", "none", "scalar", "binary"]

SCALAR_FROM = 100_000
"""Points from which vectors are also kept as int8. Below, the float32 ones take at most 205 MB and each answer is exact
as it is; above, int8 makes the scan of candidates several times cheaper, and the best are scored anew by float32."""

DISK_FROM = 1_000_000
"""Points from which the float32 vectors (2 GB) stay on disk, where only the scoring anew reads them; int8 vectors and
graph, 660 MB, stay in memory."""

# A limit that was crossed upwards is crossed back at half of it only: else a collection at the limit would be laid out
# anew again and again.
_BACK_AT = 0.5


@dataclass(frozen=True)
class LayoutOptions:
    """What the settings ask for. None and "auto" leave it to the number of points, or to the server."""

    quantization: QuantizationChoice = "auto"
    on_disk: bool | None = None
    hnsw_m: int | None = None
    hnsw_ef_construct: int | None = None


@dataclass(frozen=True)
class Layout:
    """The parameters of a collection that can be changed while it is in use. None is the server's own default."""

    quantization: str
    on_disk: bool
    hnsw_m: int | None = None
    hnsw_ef_construct: int | None = None

    def quantization_config(self) -> models.QuantizationConfig | None:
        """For creating a collection. The quantized vectors always stay in memory: they are there to be read quickly.
        0.99: the hundredth part of the numbers that lies farthest out is clipped, so that the others are told apart
        more finely."""
        match self.quantization:
            case "scalar":
                scalar = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
                return models.ScalarQuantization(scalar=scalar)
            case "binary":
                return models.BinaryQuantization(binary=models.BinaryQuantizationConfig(always_ram=True))
        return None

    def hnsw_config(self) -> models.HnswConfigDiff | None:
        """For creating or changing a collection."""
        if self.hnsw_m is None and self.hnsw_ef_construct is None:
            return None
        return models.HnswConfigDiff(m=self.hnsw_m, ef_construct=self.hnsw_ef_construct)


def planned(points: int, options: LayoutOptions, present: Layout | None = None) -> Layout:
    """The layout for that many points, given the present one, if there is one."""

    def is_past(limit: int, *, already: bool) -> bool:
        return points >= (limit * _BACK_AT if already else limit)

    quantization: str = options.quantization
    if quantization == "auto":
        already = present is not None and present.quantization != "none"
        quantization = "scalar" if is_past(SCALAR_FROM, already=already) else "none"
    on_disk = options.on_disk
    if on_disk is None:
        on_disk = is_past(DISK_FROM, already=present is not None and present.on_disk)
    return Layout(quantization, on_disk, options.hnsw_m, options.hnsw_ef_construct)


def present_layout(config: models.CollectionConfig, options: LayoutOptions) -> Layout:
    """The layout that a collection has. HNSW's numbers are told only where the settings ask for some."""
    vectors = config.params.vectors
    return Layout(
        quantization=_quantization(config.quantization_config),
        on_disk=isinstance(vectors, models.VectorParams) and bool(vectors.on_disk),
        hnsw_m=None if options.hnsw_m is None else config.hnsw_config.m,
        hnsw_ef_construct=None if options.hnsw_ef_construct is None else config.hnsw_config.ef_construct,
    )


def _quantization(config: models.QuantizationConfig | None) -> str:
    match config:
        case None:
            return "none"
        case models.ScalarQuantization():
            return "scalar"
        case models.BinaryQuantization():
            return "binary"
    return "another"
