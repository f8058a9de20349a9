"""Several lists of pictures as one."""

from search.query.fusion import fuse, ranks


def order(*legs: list[int], weights: tuple[float, ...] = (1.0, 1.0)) -> list[int]:
    named = {str(number): leg for number, leg in enumerate(legs)}
    by_name = {str(number): weight for number, weight in enumerate(weights)}
    return fuse(named, weights=by_name)


def test_one_leg_keeps_its_order() -> None:
    assert order([5, 1, 9]) == [5, 1, 9]
    assert order([], []) == []


def test_what_both_find_comes_before_what_one_finds() -> None:
    assert order([1, 2, 3], [4, 3, 5])[0] == 3


def test_a_weight_says_how_much_a_leg_counts() -> None:
    assert order([1, 2], [2, 1], weights=(1.0, 0.1)) == [1, 2]
    assert order([1, 2], [2, 1], weights=(0.1, 1.0)) == [2, 1]


def test_a_factor_says_how_much_a_picture_counts() -> None:
    legs, weights = {"looks": [1, 2], "meaning": [3, 2]}, {"looks": 1.0, "meaning": 1.0}
    assert fuse(legs, weights=weights, factors={1: 2.0}) == [1, 2, 3]
    assert fuse(legs, weights=weights) == [2, 3, 1]


def test_equals_come_newest_first() -> None:
    assert order([1], [2]) == [2, 1]


def test_each_tells_where_it_was_found() -> None:
    legs = {"looks": [7, 8], "caption": [7]}
    assert ranks(legs, 7) == {"looks": 1, "caption": 1}
    assert ranks(legs, 8) == {"looks": 2}
