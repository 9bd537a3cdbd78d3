"""Order what the unit usually orders: instrument by instrument, or by a template."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from backend.clinical.protocol_rounds import Template
from backend.clinical.schedule import HowOften
from backend.protocols.queries import InForce
from backend.rounds.orders.service import order
from backend.stays.models import Stay


def order_defaults(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    keys: Mapping[str, UUID],
    at: datetime,
    in_force: InForce,
) -> None:
    """The unit's usual orders for the instruments named in `keys`."""
    for instrument, key in keys.items():
        every = in_force.protocol.intervals[instrument].ordered_minutes
        order(
            session,
            actor_id,
            stay,
            key=key,
            instrument=instrument,
            how_often=HowOften(interval_minutes=every),
            at=at,
            in_force=in_force,
        )


def from_templates(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    templates: Sequence[Template],
    at: datetime,
    in_force: InForce,
) -> None:
    """The orders of these templates; where several name an instrument, the shortest wins."""
    found: dict[str, tuple[Template, HowOften]] = {}
    for template in templates:
        for one in template.orders:
            often = HowOften(
                interval_minutes=one.interval_minutes,
                until_at=at + timedelta(hours=one.until_hours) if one.until_hours else None,
                then_minutes=one.then_minutes,
            )
            known = found.get(one.instrument)
            if known is None or often.interval_minutes < known[1].interval_minutes:
                found[one.instrument] = (template, often)
    for instrument, (template, often) in found.items():
        order(
            session,
            actor_id,
            stay,
            key=uuid5(key, f"order {instrument}"),
            instrument=instrument,
            how_often=often,
            at=at,
            in_force=in_force,
            reason=f"As usual for {template.title.lower()}.",
        )
