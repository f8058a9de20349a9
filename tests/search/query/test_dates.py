"""Dates as people write them."""

from datetime import date

import pytest

from search.query.dates import Period, read_period, trailing_date

TODAY = date(2026, 11, 26)  # a Thursday


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2024", "2024-01-01", "2025-01-01"),
        ("2024-07", "2024-07-01", "2024-08-01"),
        ("2024-7", "2024-07-01", "2024-08-01"),
        ("2024-12", "2024-12-01", "2025-01-01"),
        ("2024-07-14", "2024-07-14", "2024-07-15"),
        ("2024/07/14", "2024-07-14", "2024-07-15"),
        ("2024.7.14", "2024-07-14", "2024-07-15"),
        ("2024-02-29", "2024-02-29", "2024-03-01"),
        ("2024-12-31", "2024-12-31", "2025-01-01"),
        ("July 2023", "2023-07-01", "2023-08-01"),
        ("JULY  2023", "2023-07-01", "2023-08-01"),
        ("July-2023", "2023-07-01", "2023-08-01"),
        ("july_2023", "2023-07-01", "2023-08-01"),
        ("jul 2023", "2023-07-01", "2023-08-01"),
        ("July, 2023", "2023-07-01", "2023-08-01"),
        ("sept 2023", "2023-09-01", "2023-10-01"),
        ("may 2023", "2023-05-01", "2023-06-01"),
        ("14 July 2023", "2023-07-14", "2023-07-15"),
        ("14th july 2023", "2023-07-14", "2023-07-15"),
        ("July 4th, 2023", "2023-07-04", "2023-07-05"),
        ("1-may-2023", "2023-05-01", "2023-05-02"),
        ("spring 2023", "2023-03-01", "2023-06-01"),
        ("summer 2023", "2023-06-01", "2023-09-01"),
        ("autumn 2023", "2023-09-01", "2023-12-01"),
        ("fall 2023", "2023-09-01", "2023-12-01"),
        ("winter 2023", "2023-12-01", "2024-03-01"),
        ("Christmas 2022", "2022-12-24", "2022-12-27"),
        ("today", "2026-11-26", "2026-11-27"),
        ("Yesterday", "2026-11-25", "2026-11-26"),
        ("this week", "2026-11-23", "2026-11-30"),
        ("last week", "2026-11-16", "2026-11-23"),
        ("this month", "2026-11-01", "2026-12-01"),
        ("last month", "2026-10-01", "2026-11-01"),
        ("this year", "2026-01-01", "2027-01-01"),
        ("last year", "2025-01-01", "2026-01-01"),
        ("last summer", "2026-06-01", "2026-09-01"),
        ("last-summer", "2026-06-01", "2026-09-01"),
        ("last autumn", "2025-09-01", "2025-12-01"),
        ("this autumn", "2026-09-01", "2026-12-01"),
        ("last winter", "2025-12-01", "2026-03-01"),
        ("last december", "2025-12-01", "2026-01-01"),
        ("last christmas", "2025-12-24", "2025-12-27"),
    ],
)
def test_reads(text: str, start: str, end: str) -> None:
    assert read_period(text, today=TODAY) == Period(date.fromisoformat(start), date.fromisoformat(end))


@pytest.mark.parametrize(
    ("text", "today", "start"),
    [
        ("last summer", "2026-07-15", "2025-06-01"),  # this one isn't over
        ("last summer", "2026-09-01", "2026-06-01"),
        ("this summer", "2026-07-15", "2026-06-01"),
        ("last winter", "2027-01-15", "2025-12-01"),
        ("this winter", "2027-01-15", "2026-12-01"),  # began in the year before
        ("last month", "2026-01-31", "2025-12-01"),
        ("last month", "2026-03-31", "2026-02-01"),
        ("yesterday", "2024-03-01", "2024-02-29"),
        ("last week", "2026-01-01", "2025-12-22"),
    ],
)
def test_counts_from_today(text: str, today: str, start: str) -> None:
    period = read_period(text, today=date.fromisoformat(today))
    assert period is not None
    assert period.start == date.fromisoformat(start)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "24",
        "0999",
        "20245",
        "2024-00",
        "2024-13",
        "2024-02-30",
        "2023-02-29",
        "2024-07/14",
        "2024-",
        "07/14/2023",  # month or day first?
        "July",
        "32 July 2023",
        "14 summer 2023",
        "smarch 2023",
        "last",
        "last tuesday",
        "next year",
        "٢٠٢٤",
    ],
)
def test_is_no_date(text: str) -> None:
    assert read_period(text, today=TODAY) is None


@pytest.mark.parametrize(
    ("words", "taken", "written"),
    [
        ("beach July 2023", 2, "on:2023-07"),
        ("July 2023", 2, "on:2023-07"),
        ("beach jul-2023", 1, "on:2023-07"),
        ("beach 14 July 2023", 3, "on:2023-07-14"),
        ("beach July 14, 2023", 3, "on:2023-07-14"),
        ("beach 2023-07-14", 1, "on:2023-07-14"),
        ("beach in July 2023", 3, "on:2023-07"),
        ("beach from July 2023", 3, "on:2023-07"),
        ("beach before July 2023", 3, "before:2023-07"),
        ("beach After 2023-07-14", 2, "after:2023-07-14"),
    ],
)
def test_ends_words(words: str, taken: int, written: str) -> None:
    found = trailing_date(words.split(), today=TODAY)
    assert found is not None
    assert (found.words, f"{found.field}:{found.value}") == (taken, written)


@pytest.mark.parametrize(
    "words",
    [
        "beach",
        "beach 2023",  # a number
        "beach 2023-07",  # perhaps a part number
        "beach July",
        "see you last july",
        "summer 2023",
        "July 2023 beach",
        "battle of July 1800",  # before photography
        "concert July 2031",  # not yet
        "beach since July 2023",
        "from June 2023 to July 2023",
        "beach 31 June 2023x",
        "",
    ],
)
def test_leaves_words(words: str) -> None:
    assert trailing_date(words.split(), today=TODAY) is None
