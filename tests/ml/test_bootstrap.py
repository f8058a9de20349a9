"""Intervals of figures over pictures, where theory, or counting by hand, says what they are."""

import numpy as np
import pytest

from ml.evaluation.bootstrap import differences, intervals, mean, median, ratio, smooth, value


def test_the_interval_of_a_mean_is_that_of_the_normal_distribution() -> None:
    random = np.random.default_rng(0)
    values = random.normal(5.0, 2.0, 400)
    found = intervals({"mean": mean(values)}, 400, draws=4_000)["mean"]
    spread = 1.96 * values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - spread, abs=0.03)
    assert found.high == pytest.approx(values.mean() + spread, abs=0.03)


def test_pictures_bring_all_that_belongs_to_them() -> None:
    """Five captions a picture that always agree are as sure as one, not as five."""
    random = np.random.default_rng(0)
    values = random.normal(0.0, 1.0, 100)
    alone = intervals({"x": mean(values)}, 100)["x"]
    five = intervals({"x": ratio(5 * values, np.full(100, 5.0))}, 100)["x"]
    assert (five.low, five.high) == pytest.approx((alone.low, alone.high))


def test_same_seed_same_interval_and_memory_bounds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    figures = {"x": mean(random.normal(size=50))}
    assert intervals(figures, 50) == intervals(figures, 50)
    assert intervals(figures, 50) != intervals(figures, 50, seed=1)
    whole = intervals(figures, 50)["x"]
    monkeypatch.setattr("ml.evaluation.bootstrap._AT_ONCE", 100)
    again = intervals(figures, 50)["x"]
    assert (again.low, again.high) == pytest.approx((whole.low, whole.high))


def test_the_median_is_the_smallest_value_that_half_do_not_exceed() -> None:
    values, owner = np.array([9.0, 1.0, 4.0, 2.0]), np.array([0, 1, 1, 2])
    figure = median(values, owner)
    assert value(figure, 3) == 2.0
    assert figure(np.array([[1.0, 0.0, 0.0], [3.0, 1.0, 0.0], [0.0, 0.0, 5.0]])).tolist() == [9.0, 9.0, 2.0]


def test_what_is_no_sum_moves_by_the_influence_of_each_picture() -> None:
    """For a mean, this must come to the same as drawing the mean itself."""
    random = np.random.default_rng(0)
    values = random.normal(size=80)
    without = (values.sum() - values) / 79
    direct, by_influence = intervals({"a": mean(values), "b": smooth(float(values.mean()), without)}, 80).values()
    assert (by_influence.value, by_influence.low, by_influence.high) == pytest.approx(
        (direct.value, direct.low, direct.high)
    )


def test_a_small_difference_on_the_same_pictures_is_real_where_it_is_steady() -> None:
    random = np.random.default_rng(0)
    hardness = random.normal(0.0, 5.0, 200)
    ours = {"steady": mean(hardness), "noisy": mean(hardness), "same": mean(hardness)}
    theirs = {
        "steady": mean(hardness + random.normal(0.1, 0.1, 200)),
        "noisy": mean(hardness + random.normal(0.1, 5.0, 200)),
        "same": mean(hardness),
    }
    found = differences(ours, theirs, 200)
    assert found["steady"].real
    assert found["steady"].value == pytest.approx(0.1, abs=0.03)
    assert found["steady"].doubt < 0.01
    assert not found["noisy"].real
    assert found["noisy"].doubt > 0.05
    assert (found["same"].value, found["same"].real, found["same"].doubt) == (0.0, False, 1.0)


def test_doubt_is_what_a_coin_would_give() -> None:
    """60 of 100 pictures better, 40 worse: a two-sided sign test gives 0.046 to 0.057."""
    step = np.where(np.arange(100) < 60, 1.0, -1.0)
    found = differences({"x": mean(np.zeros(100))}, {"x": mean(step)}, 100, draws=10_000)["x"]
    assert 0.03 < found.doubt < 0.07
