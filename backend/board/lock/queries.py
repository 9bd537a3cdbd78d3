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
    more: int


def calls(session: Session, unit_id: int, now: datetime) -> list[Call]:
    """Every bed with an open emergency or urgent alert, worst first, then longest open."""
    of_stay: dict[int, list[Alert]] = {}
    for alert in alerts.open_on_unit(session, unit_id):
        if alert.level in CALLING:
            of_stay.setdefault(alert.stay_id, []).append(alert)
    places = alerts.places(session, list(of_stay))
    return [_call(found, places[stay_id], now) for stay_id, found in of_stay.items()]


def _call(found: list[Alert], place: alerts.Place, now: datetime) -> Call:
    """A bed speaks by its worst alert: the longest open of those that nobody has, if any."""
    worst = [alert for alert in found if alert.level is found[0].level]
    nobodys = [alert for alert in worst if alert.state is not AlertState.ACKNOWLEDGED]
    alert = (nobodys or worst)[0]
    return Call(
        level=alert.level.value,
        plate=place.bed_label or place.code,
        place=f"Bed {place.bed_label}" if place.bed_label else f"{place.code}, no bed",
        since=local_time.machine(alert.raised_at),
        age=local_time.span(now - alert.raised_at),
        taken=not nobodys,
        more=len(found) - 1,
    )
