"""Who is told next when nobody has taken an alert, and when."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from backend.clinical.protocol import Rung


def next_at(rungs: Sequence[Rung], *, rung: int, since: datetime) -> datetime | None:
    """When the rung above this one is told, if this one was told at `since`; None at the top."""
    if rung + 1 >= len(rungs):
        return None
    return since + timedelta(minutes=rungs[rung + 1].after_minutes - rungs[rung].after_minutes)


def still_to_come(
    rungs: Sequence[Rung], *, rung: int, next_step_at: datetime
) -> list[tuple[datetime, Rung]]:
    """The rungs above this one with their times, if the next one is told at `next_step_at`."""
    above, times = list(rungs[rung + 1 :]), [next_step_at]
    for place in range(rung + 1, rung + len(above)):
        gap = rungs[place + 1].after_minutes - rungs[place].after_minutes
        times.append(times[-1] + timedelta(minutes=gap))
    return list(zip(times, above, strict=False))
