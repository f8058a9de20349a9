"""The columns behind filters: what conformance can't ask of every backend."""

from collections.abc import Collection

import numpy as np

from search.backends.base import All, Any, HasKey, Match, Not, Range
from search.backends.payload import Mask, PayloadColumns, Rows


def nobody(keys: Collection[int]) -> Rows:
    return np.empty(0, np.intp)


def rows(mask: Mask) -> list[int]:
    assert mask.dtype == bool
    return [int(row) for row in np.flatnonzero(mask)]


def columns(*payloads: dict[str, object]) -> PayloadColumns:
    made = PayloadColumns()
    made.append(list(payloads))  # type: ignore[arg-type]
    return made


def test_ranges_reach_to_both_ends_of_64_bits() -> None:
    low, high = -(2**63), 2**63 - 1
    made = columns({"n": low}, {"n": high}, {"n": (low, 0)}, {"n": "text"}, {})
    assert rows(made.mask(Range("n"), nobody)) == [0, 1, 2]
    assert rows(made.mask(Range("n", at_least=high), nobody)) == [1]
    assert rows(made.mask(Range("n", below=low + 1), nobody)) == [0, 2]
    assert rows(made.mask(Range("n", at_least=2**70), nobody)) == []
    assert rows(made.mask(Range("n", below=2**70), nobody)) == [0, 1, 2]


def test_a_value_and_a_tuple_of_it_are_told_apart_but_match_alike() -> None:
    made = columns({"tag": "a"}, {"tag": ("a",)}, {"tag": ("a", "b", "a")}, {"tag": ()})
    assert rows(made.mask(Match("tag", ("a",)), nobody)) == [0, 1, 2]
    assert made.read(np.arange(4)) == [{"tag": "a"}, {"tag": ("a",)}, {"tag": ("a", "b", "a")}, {"tag": ()}]


def test_keys_are_asked_of_whoever_knows_them() -> None:
    made = columns({}, {}, {})
    where = Any((Not(HasKey((7,))), All((HasKey((7,)), Match("owner", (1,))))))
    assert rows(made.mask(where, lambda keys: np.array([1]))) == [0, 2]


def test_many_values_give_what_few_do() -> None:
    made = columns(*({"day": day, "tag": (str(day), str(day + 1))} for day in range(100)))
    for field, values in (("day", tuple(range(40, 100))), ("tag", tuple(str(day) for day in range(41, 101)))):
        assert rows(made.mask(Match(field, values), nobody)) == list(range(40, 100))


def test_moving_closes_gaps() -> None:
    made = columns(*({"owner": row} for row in range(6)))
    made.move(sources=np.array([4, 5]), targets=np.array([0, 2]), size=4)
    assert [payload["owner"] for payload in made.read(np.arange(4))] == [4, 1, 5, 3]
    assert rows(made.mask(Match("owner", (0, 2)), nobody)) == []


def test_values_that_no_row_holds_any_more_are_forgotten_in_time() -> None:
    made = columns({"seen": 0, "kept": ("a", 5)}, {})
    for turn in range(5_000):
        made.write(np.array([0]), [{"seen": turn, "kept": ("a", 5)}])
    _codes, entries = made.dump()
    assert len(entries["seen"]) < 2_000
    assert made.read(np.arange(2)) == [{"seen": 4_999, "kept": ("a", 5)}, {}]
    assert rows(made.mask(Match("seen", (4_999,)), nobody)) == [0]
    assert rows(made.mask(Range("seen", 4_999, 5_000), nobody)) == [0]
    assert rows(made.mask(Range("kept", 5, 6), nobody)) == [0]


def test_what_was_dumped_is_restored_from_json_too() -> None:
    made = columns({"tag": ("a", 3), "owner": 1}, {"tag": "a"}, {})
    codes, entries = made.dump()
    as_json = {
        field: [list(entry) if isinstance(entry, tuple) else entry for entry in seen] for field, seen in entries.items()
    }
    back = PayloadColumns.restored(3, codes, as_json)
    assert back.read(np.arange(3)) == made.read(np.arange(3))
    assert rows(back.mask(Match("tag", ("a",)), nobody)) == [0, 1]
    assert rows(back.mask(Range("tag", 3, 4), nobody)) == [0]
