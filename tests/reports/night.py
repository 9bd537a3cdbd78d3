"""A shift of the past, lived through on the test's session: the watch turns, people record."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from backend.alerts import queries as alert_queries
from backend.alerts.answers import service as answers
from backend.alerts.ladder import service as ladder
from backend.care.admission import service as admission
from backend.care.disclosures.service import NOBODY, Clearance
from backend.clinical import shift as shifts
from backend.clinical.shift import Shift
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.observations import service as observations
from backend.observations.models import Observation
from backend.reports.shift import service
from backend.reports.shift.report import Detail, Report
from backend.rounds import queries as round_queries
from backend.rounds import service as rounds
from backend.stays import service as stays
from backend.stays.models import DischargeReason, Stay
from tests import build
from tests.people import Ward

BERLIN = ZoneInfo("Europe/Berlin")
# What happens after the shift still changes its report.
AFTER = timedelta(hours=4)
ILL = Vitals(
    respiratory_rate_per_min=26,
    spo2_percent=90,
    on_oxygen=False,
    systolic_mmhg=95,
    diastolic_mmhg=60,
    pulse_per_min=128,
    temperature_c=build.CALM.temperature_c,
    consciousness="A",
)


def shift_of(ward: Ward, local: str) -> Shift:
    """The shift that holds this moment of the unit's clock."""
    moment = shifts.local_to_utc(datetime.fromisoformat(local), BERLIN)
    return shifts.shift_at(moment, ward.unit.shift_starts, BERLIN)


def report_of(
    session: Session,
    ward: Ward,
    shift: Shift,
    *,
    detail: Detail = Detail.CODED,
    now: datetime | None = None,
    clearance: Clearance = NOBODY,
) -> Report:
    """As made a day later, unless another time is given."""
    return service.prepare(
        session,
        ward.unit,
        shift,
        detail=detail,
        prepared_by="Chen",
        now=now or shift.ends_at + timedelta(days=1),
        clearance=clearance,
    )


def watch(session: Session, until: datetime) -> None:
    """What the watch does, on this session, until nothing is past its time."""
    with clock.as_if(until):
        while (row := rounds.past_its_time(session, until, set())) is not None:
            rounds.move_on(session, row, until)
            session.flush()
            session.expire_all()
        while (alert := ladder.past_its_time(session, until, set())) is not None:
            ladder.move_on(session, alert, until)
            session.flush()


def chart(
    session: Session,
    ward: Ward,
    stay: Stay,
    at: datetime,
    *,
    written_at: datetime | None = None,
    **fields: Any,
) -> Observation:
    """A set observed at a moment of the past, and written down then or later."""
    with clock.as_if(written_at or at):
        return build.recorded(session, ward, stay, observed_at=at, **fields)


def admitted(
    session: Session, ward: Ward, at: datetime, *, bed: str | None = "7", **orders: int
) -> Stay:
    """A patient with these orders (ciwa_b=240)."""
    return build.stay(
        session,
        ward,
        bed=bed,
        admitted_at=at,
        orders={name.replace("_", "-"): minutes for name, minutes in orders.items()},
    )


@dataclass(frozen=True, kw_only=True)
class Night:
    """Who is there, what has been written down, and the dice."""

    session: Session
    ward: Ward
    random: Random
    stays: list[Stay]
    made: list[Observation]


def busy(session: Session, ward: Ward, shift: Shift, seed: int = 1989) -> list[Stay]:
    """Half a day before the shift and some hours after it, with everything that happens.

    Somebody comes, somebody goes, somebody moves; sets are made, skipped, refused, slept through,
    written late, put right and taken back; alerts are seen, taken, and left to lapse.
    """
    start, end = shift.starts_at, shift.ends_at
    there = [
        admitted(session, ward, start - timedelta(hours=hours), bed=bed, news2=240, ciwa_b=240)
        for bed, hours in (("1", 14), ("2", 19), ("3", 12))
    ]
    random = Random(seed)  # noqa: S311 (the same night again, not a secret)
    night = Night(session=session, ward=ward, random=random, stays=there, made=[])
    at = start - timedelta(hours=12)
    while at < end + AFTER:
        at = min(at + timedelta(minutes=random.randint(5, 40)), end + AFTER)
        watch(session, at)
        if len(there) == 3 and at > start + timedelta(hours=2):
            _come_and_move(night, at)
        if there[1].discharged_at is None and at > start + timedelta(hours=7):
            _leave(night, there[1], at)
        _something(night, at)
    session.expire_all()
    return there


def _come_and_move(night: Night, at: datetime) -> None:
    session, ward = night.session, night.ward
    night.stays.append(admitted(session, ward, at, bed="8", news2=120, cows=120))
    with clock.as_if(at):
        bed_id, nora = ward.beds["9"].id, ward.staff["nora"].id
        stays.place(session, nora, night.stays[0], key=uuid4(), bed_id=bed_id, at=at)


def _leave(night: Night, stay: Stay, at: datetime) -> None:
    with clock.as_if(at):
        priya = night.ward.staff["priya"].id
        reason = DischargeReason.AGAINST_ADVICE
        admission.discharge(night.session, priya, stay, at=at, reason=reason)


def _something(night: Night, at: datetime) -> None:
    random = night.random
    stay = _next_patient(night, at)
    observed_at = max(stay.admitted_at, at - timedelta(minutes=random.choice((0, 0, 3, 50))))
    found: dict[str, Any] = {"by": random.choice(("nora", "tess", "chen"))}
    lot = random.random()
    if 0.7 <= lot < 0.8 and night.made:
        _put_right(night, at)
    elif lot >= 0.8:
        _answer(night, at)
    if lot >= 0.7:
        return
    if lot < 0.5:
        found |= _found(random)
    else:
        outcome = random.choice(("asleep", "refused", "off_unit", "unable_to_assess"))
        found |= {"vitals": Vitals(), "outcome": outcome}
    made = chart(night.session, night.ward, stay, observed_at, written_at=at, **found)
    night.made.append(made)


def _next_patient(night: Night, at: datetime) -> Stay:
    """Often one for whom something is late, as it would be."""
    here = {stay.id: stay for stay in night.stays if stay.discharged_at is None}
    late = [
        row.stay_id
        for row in round_queries.open_on_unit(night.session, night.ward.unit.id)
        if row.late_at < at
    ]
    if late and night.random.random() < 0.6:
        return here[night.random.choice(late)]
    return night.random.choice(list(here.values()))


def _found(random: Random) -> dict[str, Any]:
    found: dict[str, Any] = {"answers": build.ciwa_b(random.randint(0, 45))}
    if random.random() < 0.3:
        found["vitals"] = ILL
    if random.random() < 0.3:
        found["answers"] = {"ciwa-b": {"tense": 2}}  # one item of twenty
    if random.random() < 0.2:
        found["answers"] = {"cows": dict.fromkeys(build.COWS, 0)}
    return found


def _put_right(night: Night, at: datetime) -> None:
    wrong = night.made.pop(night.random.randrange(len(night.made)))
    stay = next(stay for stay in night.stays if stay.id == wrong.stay_id)
    corrected = taken_back if night.random.random() < 0.5 else corrected_to
    with clock.as_if(at):
        corrected(night.session, night.ward, stay, wrong)


def taken_back(session: Session, ward: Ward, stay: Stay, wrong: Observation) -> Observation:
    """Entered in error."""
    return observations.entered_in_error(
        session,
        ward.staff["nora"].id,
        stay,
        key=uuid4(),
        supersedes_id=wrong.id,
        reason="Written on the wrong chart.",
    )


def corrected_to(
    session: Session, ward: Ward, stay: Stay, wrong: Observation, **fields: Any
) -> Observation:
    """The set as it should have been."""
    values: dict[str, Any] = {"observed_at": wrong.observed_at, "answers": build.ciwa_b(12)}
    return observations.correct(
        session,
        ward.staff["nora"].id,
        stay,
        key=uuid4(),
        supersedes_id=wrong.id,
        reason="Read from the wrong column.",
        sheet=build.sheet(**(values | fields)),
    )


def _answer(night: Night, at: datetime) -> None:
    session, nora = night.session, night.ward.staff["nora"].id
    waiting = alert_queries.open_on_unit(session, night.ward.unit.id)
    if not waiting:
        return
    # Dice of its own: how many alerts a rule raises must not change the rest of the night.
    dice = Random(str(at))  # noqa: S311 (the same night again, not a secret)
    alert = dice.choice(waiting)
    with clock.as_if(at):
        if dice.random() < 0.5:
            answers.see(session, nora, alert, key=uuid4(), at=at)
            return
        answers.acknowledge(
            session,
            nora,
            alert,
            key=uuid4(),
            at=at,
            plan="Bedside now",
            recheck_minutes=30,
        )
