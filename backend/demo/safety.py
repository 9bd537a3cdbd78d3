"""Two patients of the demo unit are on safety rounds."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from sqlalchemy import select

from backend.accounts.units.models import Bed
from backend.clinical.safety import Level
from backend.clinical.scale import SAFETY
from backend.core import clock
from backend.core.db import console_session
from backend.protocols import queries as protocols
from backend.rounds import queries as rounds
from backend.rounds.safety import service as safety
from backend.rounds.safety_orders import service as safety_orders
from backend.stays.models import Placement, Stay

SPACE = UUID("0d4b8f0e-6a27-4a55-8c39-8d2a1c0f7b41")
# Bed, level, and how many minutes ago somebody looked; the first look follows the order.
WATCHED = (("2", Level.Q30, (118, 91, 66, 38, 12)), ("5", Level.Q60, (95, 40)))
SEEN = ({"place": "D", "doing": "T"}, {"place": "R", "doing": "S", "breathing": "Y"})


def look_after_some(
    staff: Mapping[str, int], now: datetime, *, until: Callable[[datetime], None]
) -> None:
    """Two patients are on safety rounds since before the visitor came."""
    looks = sorted((ago, bed) for bed, _, looked in WATCHED for ago in looked)
    for ago, bed in reversed(looks):
        at = now - timedelta(minutes=ago)
        until(at)
        with clock.as_if(at), console_session.begin() as session:
            stay = session.scalars(
                select(Stay)
                .join(Placement, Placement.stay_id == Stay.id)
                .join(Bed, Bed.id == Placement.bed_id)
                .where(Bed.label == bed, Placement.until_at.is_(None))
            ).one()
            level = next(level for label, level, _ in WATCHED if label == bed)
            if rounds.standing(session, stay.id, SAFETY) is None:
                safety_orders.watch(
                    session,
                    staff["nora"],
                    stay,
                    key=uuid5(SPACE, f"watched {bed}"),
                    level=level,
                    reason="Very low since the visit of her family.",
                    until_at=None,
                    then=None,
                    may_lower=False,
                    at=at - timedelta(minutes=1),
                    in_force=protocols.in_force(session, stay.unit_id, at=at),
                )
            safety.record(
                session,
                staff["tess"],
                stay,
                key=uuid5(SPACE, f"looked {bed} {ago}"),
                look=safety.Look(answers=SEEN[ago % 2]),
                draw=0.5,
            )
