"""How every answer tells that somebody is off the unit."""

from pydantic import BaseModel, Field

from backend.core.strict_json import Moment
from backend.stays.leave.models import Away, Leave


class ShownAway(BaseModel):
    """Somebody who is off the unit. Nothing falls due until they are back."""

    why: Away
    left_at: Moment
    expected_at: Moment
    seen_at: Moment | None = Field(description="When somebody off the unit last saw them alert.")


def shown_away(row: Leave | None) -> ShownAway | None:
    """As every answer tells it."""
    if row is None:
        return None
    return ShownAway(
        why=row.why, left_at=row.left_at, expected_at=row.expected_at, seen_at=row.seen_at
    )
