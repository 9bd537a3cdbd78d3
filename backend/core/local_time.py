"""Moments as people on the unit read them. UTC inside, the unit's zone outside."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo


def _repeated(moment: datetime, zone: ZoneInfo) -> bool:
    """Whether this wall-clock time comes twice that night."""
    local = moment.astimezone(zone)
    return local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()


def clock_time(moment: datetime, zone: ZoneInfo) -> str:
    """`02:10`; in the hour that comes twice, `01:30 (UTC+2)`."""
    local = moment.astimezone(zone)
    words = f"{local:%H:%M}"
    if _repeated(moment, zone):
        offset = local.utcoffset() or timedelta()
        hours = offset.total_seconds() / 3600
        words += f" (UTC{hours:+g})"
    return words


def day(moment: datetime, zone: ZoneInfo) -> str:
    """`Tue 17 Nov`."""
    local = moment.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b}"


def day_and_time(moment: datetime, zone: ZoneInfo, now: datetime | None = None) -> str:
    """`Tue 17 Nov 02:10`, or only the time where it is today's."""
    time_words = clock_time(moment, zone)
    if now is not None and moment.astimezone(zone).date() == now.astimezone(zone).date():
        return time_words
    return f"{day(moment, zone)} {time_words}"


def machine(moment: datetime) -> str:
    """For `<time datetime>` and files: ISO 8601 in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def span(length: timedelta) -> str:
    """`4 min`, `1 h 54`, `3 days`. Never negative."""
    minutes = max(0, int(length.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    if minutes < 48 * 60:
        hours, rest = divmod(minutes, 60)
        return f"{hours} h {rest:02}" if rest else f"{hours} h"
    return f"{minutes // 1440} days"
