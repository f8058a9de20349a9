import pytest
from qdrant_client import models

from search.backends.qdrant_plan import Layout, LayoutOptions, planned, present_layout

SMALL = Layout("none", on_disk=False)
MIDDLING = Layout("scalar", on_disk=False)
LARGE = Layout("scalar", on_disk=True)
AUTO = LayoutOptions()


@pytest.mark.parametrize(
    ("points", "expected"),
    [(0, SMALL), (99_999, SMALL), (100_000, MIDDLING), (999_999, MIDDLING), (1_000_000, LARGE), (10**8, LARGE)],
)
def test_the_number_of_points_decides(points: int, expected: Layout) -> None:
    assert planned(points, AUTO) == expected


@pytest.mark.parametrize(
    ("points", "present", "expected"),
    [
        (99_999, MIDDLING, MIDDLING),
        (50_000, MIDDLING, MIDDLING),
        (49_999, MIDDLING, SMALL),
        (600_000, LARGE, LARGE),
        (499_999, LARGE, MIDDLING),
        (60_000, SMALL, SMALL),
    ],
)
def test_a_layout_stays_until_the_collection_is_half_as_large(points: int, present: Layout, expected: Layout) -> None:
    assert planned(points, AUTO, present) == expected


def test_settings_decide_where_they_say_something() -> None:
    assert planned(0, LayoutOptions("binary", on_disk=True)) == Layout("binary", on_disk=True)
    assert planned(10**7, LayoutOptions("none", on_disk=False)) == Layout("none", on_disk=False)
    assert planned(10**7, LayoutOptions(hnsw_m=32)) == Layout("scalar", on_disk=True, hnsw_m=32)


def test_the_parameters_for_the_server() -> None:
    assert SMALL.quantization_config() is None
    assert SMALL.hnsw_config() is None
    assert MIDDLING.quantization_config() == models.ScalarQuantization(
        scalar=models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=0.99, always_ram=True)
    )
    assert isinstance(Layout("binary", on_disk=True).quantization_config(), models.BinaryQuantization)
    assert Layout("none", on_disk=False, hnsw_m=32, hnsw_ef_construct=200).hnsw_config() == models.HnswConfigDiff(
        m=32, ef_construct=200
    )


def config(quantization: models.QuantizationConfig | None, *, on_disk: bool | None) -> models.CollectionConfig:
    vectors = models.VectorParams(size=4, distance=models.Distance.DOT, on_disk=on_disk)
    return models.CollectionConfig(
        params=models.CollectionParams(vectors=vectors),
        hnsw_config=models.HnswConfig(m=16, ef_construct=100, full_scan_threshold=10_000),
        optimizer_config=models.OptimizersConfig(
            deleted_threshold=0.2, vacuum_min_vector_number=1_000, default_segment_number=0, flush_interval_sec=5
        ),
        quantization_config=quantization,
    )


@pytest.mark.parametrize("layout", [SMALL, MIDDLING, LARGE, Layout("binary", on_disk=False)])
def test_a_layout_is_recognised(layout: Layout) -> None:
    assert present_layout(config(layout.quantization_config(), on_disk=layout.on_disk), AUTO) == layout


def test_what_the_server_chose_itself_is_left_to_it() -> None:
    assert present_layout(config(None, on_disk=None), AUTO) == SMALL
    asked = LayoutOptions(hnsw_m=32)
    assert present_layout(config(None, on_disk=None), asked).hnsw_m == 16 != planned(0, asked).hnsw_m


def test_quantization_of_another_kind_gives_way() -> None:
    product = models.ProductQuantization(
        product=models.ProductQuantizationConfig(compression=models.CompressionRatio.X16)
    )
    present = present_layout(config(product, on_disk=False), AUTO)
    assert present != planned(200_000, AUTO, present) == MIDDLING
