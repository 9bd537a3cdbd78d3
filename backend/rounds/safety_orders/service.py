"""Order safety rounds. Closer is for any nurse, less close for a prescriber or the charge nurse."""

from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from backend.clinical import safety
from backend.clinical.safety import Level
from backend.clinical.scale import SAFETY
from backend.clinical.schedule import HowOften
from backend.core.errors import Invalid
from backend.protocols.queries import InForce
from backend.rounds import queries
from backend.rounds.models import ObservationOrder
from backend.rounds.orders import service as orders
from backend.stays.models import Stay

LOWERED = "Less close is for a prescriber or the charge nurse to order."


def watch(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    level: Level,
    reason: str,
    until_at: datetime | None,
    then: Level | None,
    may_lower: bool,
    at: datetime,
    in_force: InForce,
) -> ObservationOrder:
    """From now on this closely. The stay is locked: two orders at once are one after the other."""
    stay = orders.in_turn(session, stay)
    orders.goes_on(stay)
    standing = queries.standing(session, stay.id, SAFETY)
    if standing is not None and standing.key == key:
        return standing
    now = None
    if standing is not None:
        now = safety.level_of(standing.interval_minutes, one_to_one=standing.one_to_one)
    if safety.lowers(now, level, then) and not may_lower:
        raise Invalid("Not ordered.", {"level": LOWERED})
    return orders.order(
        session,
        actor_id,
        stay,
        key=key,
        instrument=SAFETY,
        how_often=HowOften(
            interval_minutes=level.minutes,
            until_at=until_at,
            then_minutes=then.minutes if until_at is not None and then is not None else None,
        ),
        at=at,
        in_force=in_force,
        reason=reason,
        one_to_one=level is Level.ONE_TO_ONE,
    )
