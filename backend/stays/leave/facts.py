"""What is known of one absence, apart from who wrote it down and when."""

from dataclasses import dataclass
from datetime import datetime

from backend.stays.leave.models import Away, Belongings, Leave, UrineScreen


@dataclass(frozen=True, kw_only=True)
class Facts:
    """One absence, whole. Without `returned_at` they are still away."""

    why: Away
    left_at: datetime
    expected_at: datetime
    escort: str | None = None
    medication: str | None = None
    seen_at: datetime | None = None
    seen_by: int | None = None
    returned_at: datetime | None = None
    belongings: Belongings | None = None
    urine_screen: UrineScreen | None = None


def known(row: Leave) -> Facts:
    """What a row says."""
    return Facts(**{name: getattr(row, name) for name in Facts.__dataclass_fields__})
