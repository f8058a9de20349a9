"""The lease of the one process that writes to a server's index."""

from datetime import timedelta

import pytest
from django.utils import timezone

from search import cursors
from search.cursors import LeaseLost, leased
from search.models import IndexCursor, ModelVersion


def read(version: ModelVersion) -> ModelVersion:
    return ModelVersion.objects.select_related("cursor").get(pk=version.pk)


def test_only_one_holds_it_at_a_time(version: ModelVersion) -> None:
    with leased(version, location="here") as first:
        assert first is not None
        with leased(version, location="here") as second:
            assert second is None
    with leased(version, location="here") as again:
        assert again is not None


def test_it_is_given_back_when_the_work_fails(version: ModelVersion) -> None:
    with pytest.raises(ZeroDivisionError), leased(version, location="here"):
        raise ZeroDivisionError
    with leased(version, location="here") as again:
        assert again is not None


def test_what_was_reached_is_remembered(version: ModelVersion) -> None:
    ModelVersion.objects.filter(pk=version.pk).update(last_seq=9)
    assert cursors.lag(read(version)) == 9
    with leased(version, location="here") as lease:
        assert lease is not None
        lease.advance(7)
        lease.checked(41)
    assert cursors.lag(read(version)) == 2
    with leased(version, location="here") as lease:
        assert lease is not None
        assert (lease.seq, lease.checked_key) == (7, 41)
        lease.checked(None)
    cursor = IndexCursor.objects.get()
    assert cursor.checked_key == -1
    assert cursor.checked_at is not None


def test_an_index_in_another_place_starts_from_nothing(version: ModelVersion, caplog: pytest.LogCaptureFixture) -> None:
    with leased(version, location="here") as lease:
        assert lease is not None
        lease.advance(7)
    with leased(version, location="there") as lease:
        assert lease is not None
        assert lease.seq == 0
    assert "was at here and is filled anew at there" in caplog.text
    assert IndexCursor.objects.get().seq == 0


def test_who_gives_no_sign_for_too_long_loses_it(version: ModelVersion) -> None:
    with leased(version, location="here") as slow:
        assert slow is not None
        IndexCursor.objects.update(held_until=timezone.now() - timedelta(seconds=1))
        with leased(version, location="here") as quick:
            assert quick is not None
            quick.advance(5)
            with pytest.raises(LeaseLost):
                slow.advance(3)
    assert IndexCursor.objects.get().seq == 5


def test_each_mark_prolongs_it(version: ModelVersion) -> None:
    with leased(version, location="here") as lease:
        assert lease is not None
        IndexCursor.objects.update(held_until=timezone.now() + timedelta(seconds=1))
        lease.advance(1)
        assert IndexCursor.objects.get().held_until > timezone.now() + timedelta(seconds=30)


@pytest.mark.parametrize(
    ("last_seq", "seq", "is_far"),
    [
        (0, 0, False),  # nothing to have
        (5, 0, True),  # nothing there
        (70, 6, False),
        (71, 6, True),
        (50_000, 49_500, False),  # a hundredth
        (50_000, 49_499, True),
        (10_000_000, 9_999_000, False),
        (10_000_000, 9_998_999, True),
    ],
)
def test_how_far_behind_is_far(version: ModelVersion, last_seq: int, seq: int, is_far: bool) -> None:
    ModelVersion.objects.filter(pk=version.pk).update(last_seq=last_seq)
    assert cursors.is_far_behind(read(version)) is (last_seq > 0)
    with leased(version, location="here") as lease:
        assert lease is not None
        lease.advance(seq)
    assert cursors.is_far_behind(read(version)) is is_far
