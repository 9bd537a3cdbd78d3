"""Which shift somebody means, on a unit's own clock."""

from datetime import datetime
from zoneinfo import ZoneInfo

from backend.accounts.units.models import Unit
from backend.clinical import shift as shifts
from backend.clinical.shift import Shift
from backend.core import local_time
from backend.core.errors import Invalid

YEARS = (1900, 2200)


def shifts_of_day(unit: Unit, typed: str) -> list[Shift]:
    """Those that begin on a day written as 2026-11-17."""
    try:
        day = datetime.strptime(typed.strip(), "%Y-%m-%d").date()  # noqa: DTZ007 (a day, no time)
    except ValueError:
        raise Invalid("Write the day as 2026-11-17.", {"day": "This is no day."}) from None
    if not YEARS[0] <= day.year < YEARS[1]:
        raise Invalid("There was no shift on that day.", {"day": "Choose another day."})
    return shifts.shifts_on(day, unit.shift_starts, ZoneInfo(unit.time_zone))


def recent_shifts(unit: Unit, now: datetime, count: int) -> list[Shift]:
    """The one that is running and those before it, newest first."""
    zone = ZoneInfo(unit.time_zone)
    found = [shifts.shift_at(now, unit.shift_starts, zone)]
    while len(found) < count:
        found.append(shifts.previous(found[-1], unit.shift_starts, zone))
    return found


def shift_starting(unit: Unit, typed: str, now: datetime) -> Shift:
    """The shift that begins at this moment; the unit's clock where no offset is given.

    Invalid, with the shifts of that day, where none does; and where it has not begun.
    """
    zone = ZoneInfo(unit.time_zone)
    try:
        moment = datetime.fromisoformat(typed.strip())
    except ValueError:
        raise Invalid("Write the start of the shift as 2026-11-17T07:00.") from None
    if not YEARS[0] < moment.year < YEARS[1]:
        raise Invalid("There was no shift on that day.")
    own = moment.replace(tzinfo=None) if moment.tzinfo is None else None
    day = (own or moment.astimezone(zone)).date()
    there = shifts.shifts_on(day, unit.shift_starts, zone)
    for shift in there:
        local = shift.starts_at.astimezone(zone).replace(tzinfo=None)
        begins = local == own if own else shift.starts_at == moment
        if begins and shift.starts_at > now:
            raise Invalid("This shift has not begun yet.")
        if begins:
            return shift
    windows = ", ".join(window_words(shift, zone) for shift in there)
    raise Invalid(f"No shift starts then. On {day:%d %b %Y} they are: {windows}.")


def window_words(shift: Shift, zone: ZoneInfo) -> str:
    """`19:00 to 07:00`, with the true length where the clocks change in it."""
    begin, end = (local_time.clock_time(at, zone) for at in (shift.starts_at, shift.ends_at))
    offsets = {at.astimezone(zone).utcoffset() for at in (shift.starts_at, shift.ends_at)}
    changed = f" ({shift.hours:g} h: the clocks change)" if len(offsets) > 1 else ""
    return f"{begin} to {end}{changed}"
