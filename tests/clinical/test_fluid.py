"""The running balance: only what was written down, and never a zero for what was not."""

from datetime import UTC, datetime, timedelta

import pytest

from backend.clinical import fluid, scale
from backend.clinical.definition import Answer

NOW = datetime(2026, 10, 25, 5, tzinfo=UTC)  # the morning after the clocks went back in Berlin
Numbers = dict[str, Answer]


def running(*entries: tuple[float, Numbers]) -> fluid.Balance:
    """Entries by how many hours ago they were observed."""
    return fluid.running([(NOW - timedelta(hours=ago), given) for ago, given in entries], at=NOW)


def test_every_entry_of_the_definition_goes_in_or_comes_out() -> None:
    sides = (fluid.GOES_IN, fluid.COMES_OUT)
    assert all(entry.id.endswith(sides) for entry in scale.latest()["fluid"].unscored)


@pytest.mark.parametrize(
    ("entries", "in_ml", "out_ml", "balance_ml"),
    [
        ([], None, None, None),
        ([(1, {"oral_in_ml": 250})], 250, None, None),
        ([(1, {"urine_out_ml": 300})], None, 300, None),
        ([(1, {"oral_in_ml": 250}), (2, {"urine_out_ml": 300})], 250, 300, -50),
        ([(1, {"oral_in_ml": 0, "urine_out_ml": 0})], 0, 0, 0),
        ([(1, {"oral_in_ml": 200, "iv_in_ml": 500, "urine_out_ml": 100, "vomit_out_ml": 50,
               "stool_out_ml": 25})], 700, 175, 525),
        ([(24, {"oral_in_ml": 900}), (23.9, {"oral_in_ml": 100})], 100, None, None),
        ([(-0.1, {"oral_in_ml": 900})], None, None, None),
        ([(0, {"oral_in_ml": 120})], 120, None, None),
    ],
)  # fmt: skip
def test_it_runs_over_24_hours_and_a_missing_side_stays_unknown(
    entries: list[tuple[float, Numbers]],
    in_ml: int | None,
    out_ml: int | None,
    balance_ml: int | None,
) -> None:
    found = running(*entries)
    assert (found.in_ml, found.out_ml, found.balance_ml) == (in_ml, out_ml, balance_ml)


def test_it_says_how_many_entries_and_how_old_the_last_is() -> None:
    found = running((20, {"oral_in_ml": 1}), (3, {"oral_in_ml": 2}), (30, {"oral_in_ml": 4}))
    assert (found.entries, found.newest_at) == (2, NOW - timedelta(hours=3))
    assert (running().entries, running().newest_at) == (0, None)
