"""How screens say that somebody is away."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from backend.clinical.absence import REASONS, Why
from backend.core import local_time
from backend.stays.leave.models import Leave

MINUTE = timedelta(minutes=1)


def why(row: Leave) -> Why:
    """Where they are."""
    return REASONS[row.why.value]


def since(row: Leave, zone: ZoneInfo, now: datetime) -> str:
    """`since 10:00, expected 11:00`, and how long it has been over."""
    left = local_time.day_and_time(row.left_at, zone, now)
    expected = local_time.day_and_time(row.expected_at, zone, now)
    words = overdue(row, now)
    return f"since {left}, expected {expected}" + (f", {words}" if words else "")


def overdue(row: Leave, now: datetime) -> str | None:
    """`12 min overdue`; None while they are expected."""
    late = now - row.expected_at
    return f"{local_time.span(late)} overdue" if late >= MINUTE else None


def told(row: Leave, zone: ZoneInfo, now: datetime) -> str:
    """`On leave since 10:00, expected 11:00`."""
    return f"{why(row).state} {since(row, zone, now)}"


def seen(row: Leave, zone: ZoneInfo, now: datetime) -> str | None:
    """`seen, alert 10:20`."""
    if row.seen_at is None:
        return None
    return f"seen, alert {local_time.day_and_time(row.seen_at, zone, now)}"
