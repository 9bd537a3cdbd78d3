"""What a locked screen goes on saying: which beds call, how loudly, since when. Nobody's name."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from backend.alerts import queries as alerts
from backend.alerts.models import Alert, AlertState, Level
from backend.core import local_time

CALLING = (Level.EMERGENCY, Level.URGENT)


@dataclass(frozen=True, kw_only=True)
class Call:
    """One bed that calls."""

    level: str
    plate: str
    place: str
    since: str
    age: str
    taken: bool


def calls(session: Session, unit_id: int, now: datetime) -> list[Call]:
    """Every open emergency and urgent alert, worst first, then longest open."""
    leading = [
        one.leading
        for one in alerts.bundles(alerts.open_on_unit(session, unit_id))
        if one.leading.level in CALLING
    ]
    places = alerts.places(session, [alert.stay_id for alert in leading])
    return [_call(alert, places[alert.stay_id], now) for alert in leading]


def _call(alert: Alert, place: alerts.Place, now: datetime) -> Call:
    return Call(
        level=alert.level.value,
        plate=place.bed_label or place.code,
        place=f"Bed {place.bed_label}" if place.bed_label else f"{place.code}, no bed",
        since=local_time.machine(alert.raised_at),
        age=local_time.span(now - alert.raised_at),
        taken=alert.state is AlertState.ACKNOWLEDGED,
    )
