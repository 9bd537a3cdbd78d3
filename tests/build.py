"""Rows that tests need, made through the services, with defaults that say nothing special."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from sqlalchemy.orm import Session

from backend.clinical import scale
from backend.clinical.safety import Level
from backend.clinical.schedule import HowOften
from backend.clinical.sheet import Sheet
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.observations import service as observations
from backend.observations.models import Observation, Source
from backend.patients import service as patients
from backend.patients.models import Patient
from backend.protocols import queries as protocols
from backend.rounds.models import ObservationOrder
from backend.rounds.orders import service as orders_of
from backend.rounds.safety_orders import service as safety_orders
from backend.stays import service as stays
from backend.stays.models import Stay
from tests.people import Ward

# A set of vital signs that scores 0 on NEWS2.
CALM = Vitals(
    respiratory_rate_per_min=16,
    spo2_percent=97,
    on_oxygen=False,
    systolic_mmhg=124,
    diastolic_mmhg=78,
    pulse_per_min=72,
    temperature_c=Decimal("36.8"),
    consciousness="A",
)
CIWA_B = tuple(item.id for item in scale.latest()["ciwa-b"].scored)
CIWA_AR = tuple(item.id for item in scale.latest()["ciwa-ar"].scored)
COWS = tuple(item.id for item in scale.latest()["cows"].scored)


def patient(session: Session, ward: Ward, **fields: Any) -> Patient:
    """A patient with an ordinary name."""
    values: dict[str, Any] = {
        "unit_id": ward.unit.id,
        "family_name": "Pennywhistle",
        "given_name": "Rosa",
        "born_on": date(1985, 3, 4),
        "allergies": "penicillin (rash)",
    } | fields
    return patients.register(session, ward.staff["nora"].id, **values)


def stay(
    session: Session,
    ward: Ward,
    *,
    bed: str | None = "7",
    admitted_at: datetime | None = None,
    orders: dict[str, int] | None = None,
    ordered_at: datetime | None = None,
    substances: tuple[str, ...] = ("benzodiazepines",),
    patient_row: Patient | None = None,
) -> Stay:
    """A stay admitted two days ago. `orders`: instrument -> interval in minutes, due at once.

    `ordered_at` is when that was: else at the admission.
    """
    at = admitted_at or clock.now() - timedelta(days=2)
    nora = ward.staff["nora"].id
    made = stays.admit(
        session,
        nora,
        key=uuid4(),
        patient_id=(patient_row or patient(session, ward)).id,
        unit_id=ward.unit.id,
        at=at,
        bed_id=ward.beds[bed].id if bed else None,
        substances=substances,
    )
    in_force = protocols.in_force(session, ward.unit.id, at=at)
    for instrument, interval_minutes in (orders or {}).items():
        orders_of.order(
            session,
            nora,
            made,
            key=uuid4(),
            instrument=instrument,
            how_often=HowOften(interval_minutes=interval_minutes),
            at=ordered_at or at,
            in_force=in_force,
        )
    return made


def sheet(**fields: Any) -> Sheet:
    """A calm set of vital signs, observed now."""
    values: dict[str, Any] = {"observed_at": clock.now(), "vitals": CALM} | fields
    return Sheet(**values)


def ciwa_b(total: int) -> dict[str, dict[str, int]]:
    """CIWA-B answers that add up to this total (0 to 80)."""
    full, rest = divmod(total, len(CIWA_B))
    return {"ciwa-b": {item: full + (position < rest) for position, item in enumerate(CIWA_B)}}


def recorded(session: Session, ward: Ward, stay_row: Stay, **fields: Any) -> Observation:
    """A stored set; `by` names who recorded it."""
    by = fields.pop("by", "nora")
    return observations.record(
        session,
        ward.staff[by].id,
        stay_row,
        key=fields.pop("key", None) or uuid4(),
        sheet=sheet(**fields),
        source=Source.TYPED,
    )


def watched(
    session: Session,
    ward: Ward,
    stay_row: Stay,
    level: str,
    *,
    at: datetime | None = None,
    may_lower: bool = True,
    **fields: Any,
) -> ObservationOrder:
    """An order of safety rounds."""
    now = at or clock.now()
    values: dict[str, Any] = {"until_at": None, "then": None, "key": uuid4()} | fields
    return safety_orders.watch(
        session,
        ward.staff["nora"].id,
        stay_row,
        level=Level(level),
        reason="found with a cord",
        may_lower=may_lower,
        at=now,
        in_force=protocols.in_force(session, stay_row.unit_id, at=now),
        **values,
    )
