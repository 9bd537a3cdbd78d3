"""What a browser sends from the record sheet."""

from typing import Any
from uuid import uuid4

from sqlalchemy.orm import Session

from backend.observations.models import Observation
from backend.stays.models import Stay
from tests import build
from tests.people import Ward, opens

CALM = {
    "pulse_per_min": "72",
    "respiratory_rate_per_min": "16",
    "systolic_mmhg": "124",
    "diastolic_mmhg": "78",
    "spo2_percent": "97",
    "temperature_c": "36.8",
    "on_oxygen": "false",
    "consciousness": "A",
}


def form(ward: Ward, stay: Stay, *, by: str = "nora", **fields: str) -> dict[str, str]:
    """An assessed set of calm vital signs; fields named with `__` stand for a dot."""
    sent = {
        "key": str(uuid4()),
        **opens(ward.staff[by]),
        "opened_for": str(stay.id),
        "outcome": "assessed",
        **CALM,
    }
    return sent | {name.replace("__", "."): value for name, value in fields.items()}


def ciwa_b(total: int) -> dict[str, str]:
    """Inputs of a CIWA-B that adds up to this."""
    return {f"ciwa-b.{item}": str(n) for item, n in build.ciwa_b(total)["ciwa-b"].items()}


def stored(session: Session, stay: Stay) -> list[Observation]:
    """Every set of a stay, oldest row first."""
    session.flush()
    rows: Any = session.query(Observation).where(Observation.stay_id == stay.id)
    return list(rows.order_by(Observation.id).populate_existing())
