"""Who is told next, and when."""

from datetime import UTC, datetime, timedelta

import pytest

from backend.clinical import ladder
from backend.clinical.protocol import Rung

T = datetime(2026, 11, 17, 2, 0, tzinfo=UTC)
RUNGS = tuple(
    Rung(after_minutes=after, roles=(role,))
    for after, role in ((0, "nurse"), (15, "charge"), (40, "physician"))
)


@pytest.mark.parametrize(("rung", "minutes"), [(0, 15), (1, 25), (2, None)])
def test_the_gap_to_the_next_rung_counts_from_the_last(rung: int, minutes: int | None) -> None:
    expected = None if minutes is None else T + timedelta(minutes=minutes)
    assert ladder.next_at(RUNGS, rung=rung, since=T) == expected


@pytest.mark.parametrize(
    ("rung", "expected"),
    [(0, [(0, "charge"), (25, "physician")]), (1, [(0, "physician")]), (2, [])],
)
def test_the_rungs_to_come_follow_each_other(rung: int, expected: list[tuple[int, str]]) -> None:
    found = ladder.still_to_come(RUNGS, rung=rung, next_step_at=T)
    assert [((at - T) // timedelta(minutes=1), one.roles[0]) for at, one in found] == expected
