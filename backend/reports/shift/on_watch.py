"""What the shift report needs of the safety rounds, which are told apart from the observations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from backend.clinical.scale import SAFETY
from backend.rounds.models import ObservationOrder, Round
from backend.rounds.safety import queries
from backend.rounds.safety.models import SafetyCheck


@dataclass(frozen=True, kw_only=True)
class OnWatch:
    """The safety rounds of a shift."""

    orders: Sequence[ObservationOrder]
    rounds: Sequence[Round]
    # What was seen in the shift, and the look that ended each round, as both read now.
    checks: Sequence[SafetyCheck]
    ended_by: Mapping[int, SafetyCheck]
    # When a stay was last seen on a round before the shift.
    earlier_seen_at: Mapping[int, datetime]


def on_watch(
    session: Session, unit_id: int, due: Sequence[Round], start: datetime, until: datetime
) -> OnWatch:
    """Of all that fell due, the safety rounds; with the orders that held and what was seen."""
    rounds = [row for row in due if row.instrument == SAFETY]
    orders = queries.orders_between(session, unit_id, start, until)
    stay_ids = {row.stay_id for row in orders}
    return OnWatch(
        orders=orders,
        rounds=rounds,
        checks=queries.between(session, unit_id, start, until),
        ended_by=queries.of_rounds(session, [row.id for row in rounds]),
        earlier_seen_at=queries.last_seen(session, stay_ids, before=start),
    )
