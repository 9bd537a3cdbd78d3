"""Everything stored about one shift, loaded once: the figures are worked out without a database."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from backend.accounts.staff import queries as staff_queries
from backend.accounts.units.models import Bed
from backend.alerts import queries as alert_queries
from backend.alerts.models import Alert, AlertStep
from backend.clinical.scale import SAFETY
from backend.clinical.shift import INSTANT, Shift
from backend.core.errors import NotFound
from backend.observations import queries as observation_queries
from backend.observations.events import queries as event_queries
from backend.observations.events.models import Event
from backend.observations.models import Observation, Outcome, Score, ScoreStatus
from backend.patients import queries as patient_queries
from backend.patients.models import Patient
from backend.protocols import queries as protocols
from backend.reports.shift import on_watch
from backend.reports.shift.on_watch import OnWatch
from backend.rounds import queries as round_queries
from backend.rounds.models import Round, RoundState, RoundStep
from backend.stays import queries as stay_queries
from backend.stays.leave import queries as leave_queries
from backend.stays.leave.models import Leave
from backend.stays.models import Placement, Stay


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A version of the unit's protocol that was in force."""

    name: str
    version: int


@dataclass(frozen=True, kw_only=True)
class Stored:
    """One shift as the database holds it now, with every correction made since.

    `until` ends what is counted: the end of the shift or, while it is still running, now.
    """

    shift: Shift
    until: datetime
    now: datetime
    rules: tuple[Rule, ...]
    beds: Sequence[Bed]
    # Everybody who was on the unit for any part of it.
    stays: Sequence[Stay]
    patients: Mapping[int, Patient]
    flagged_patients: Collection[int]
    placements: Sequence[Placement]
    rounds: Sequence[Round]
    called_off_at: Mapping[int, datetime]
    # Sets by id: those observed in the shift, those that its rounds name, and all corrections.
    sets: Mapping[int, Observation]
    # The set that corrected this one.
    corrected_by: Mapping[int, int]
    scores: Mapping[int, Mapping[str, Score]]
    # The last complete score before the shift, by stay and instrument.
    earlier_scores: Mapping[tuple[int, str], Score]
    # When a stay was last assessed before the shift.
    earlier_assessed_at: Mapping[int, datetime]
    # Raised in the shift, or before it and still open at its end.
    alerts: Sequence[Alert]
    steps: Mapping[int, Sequence[AlertStep]]
    # Every time away that touches the shift, as it is known now.
    leaves: Sequence[Leave]
    # What began in the shift, as it is known now.
    events: Sequence[Event]
    safety: OnWatch
    names: Mapping[int, str]

    def is_away(self, stay_id: int, moment: datetime) -> bool:
        """Whether they were off the unit then."""
        return any(
            row.stay_id == stay_id
            and row.left_at <= moment
            and (row.returned_at is None or moment < row.returned_at)
            for row in self.leaves
        )

    def in_shift(self, moment: datetime) -> bool:
        """The moment of change belongs to the later shift."""
        return self.shift.starts_at <= moment < self.until

    def current(self, set_id: int) -> Observation:
        """The set as it reads now: the last of its corrections."""
        while set_id in self.corrected_by:
            set_id = self.corrected_by[set_id]
        return self.sets[set_id]


def stored(session: Session, unit_id: int, shift: Shift, now: datetime) -> Stored:
    """A dozen statements, whatever the number of patients."""
    start = shift.starts_at
    until = shift.ends_at if shift.ends_at <= now else now + INSTANT
    stays = _stays(session, unit_id, start, until)
    stay_ids = [stay.id for stay in stays]
    due = round_queries.due_between(session, unit_id, start, until)
    rounds = [row for row in due if row.instrument != SAFETY]
    corrections = _corrections(session, stay_ids)
    sets = _sets(session, stay_ids, rounds, start, until) | corrections
    corrected_by = {row.supersedes_id: row.id for row in corrections.values() if row.supersedes_id}
    alerts = _alerts(session, unit_id, start, until)
    patients = session.scalars(
        select(Patient).where(Patient.id.in_({stay.patient_id for stay in stays}))
    )
    steps = _steps(session, alerts)
    return Stored(
        shift=shift,
        until=until,
        now=now,
        rules=_rules(session, unit_id, (start, until - INSTANT)),
        beds=_beds(session, unit_id),
        stays=stays,
        patients={patient.id: patient for patient in patients},
        flagged_patients=set(patient_queries.risks(session, [stay.patient_id for stay in stays])),
        placements=stay_queries.placements_between(session, unit_id, start - INSTANT, until),
        rounds=rounds,
        called_off_at=_called_off_at(session, due),
        sets=sets,
        corrected_by=corrected_by,
        scores=observation_queries.scores_of(session, list(sets)),
        earlier_scores=_earlier_scores(session, stay_ids, start),
        earlier_assessed_at=_earlier_assessed_at(session, stay_ids, start),
        alerts=alerts,
        steps=steps,
        leaves=leave_queries.between(session, unit_id, start, max(until, now)),
        events=event_queries.between(session, unit_id, start, until),
        safety=on_watch.on_watch(session, unit_id, due, start, until),
        names=staff_queries.names(session, [row.recorded_by for row in sets.values()]),
    )


def on_the_unit(session: Session, unit_id: int, shift: Shift, now: datetime) -> dict[int, int]:
    """Who was there for any part of the shift: the stay, and whose it is."""
    until = shift.ends_at if shift.ends_at <= now else now + INSTANT
    return {s.id: s.patient_id for s in _stays(session, unit_id, shift.starts_at, until)}


def _stays(session: Session, unit_id: int, start: datetime, until: datetime) -> Sequence[Stay]:
    return session.scalars(
        select(Stay)
        .where(
            Stay.unit_id == unit_id,
            Stay.admitted_at < until,
            or_(Stay.discharged_at.is_(None), Stay.discharged_at >= start),
        )
        .order_by(Stay.id)
    ).all()


def _beds(session: Session, unit_id: int) -> Sequence[Bed]:
    """With the retired ones: somebody may have lain in them."""
    return session.scalars(
        select(Bed).where(Bed.unit_id == unit_id).order_by(Bed.position, Bed.id)
    ).all()


def _corrections(session: Session, stay_ids: Sequence[int]) -> dict[int, Observation]:
    rows = session.scalars(
        select(Observation).where(
            Observation.stay_id.in_(stay_ids), Observation.supersedes_id.is_not(None)
        )
    )
    return {row.id: row for row in rows}


def _sets(
    session: Session,
    stay_ids: Sequence[int],
    rounds: Sequence[Round],
    start: datetime,
    until: datetime,
) -> dict[int, Observation]:
    named = {row.observation_id for row in rounds if row.observation_id is not None}
    observed = (
        Observation.stay_id.in_(stay_ids)
        & (Observation.observed_at >= start)
        & (Observation.observed_at < until)
    )
    found = {row.id: row for row in session.scalars(select(Observation).where(observed))}
    rest = session.scalars(select(Observation).where(Observation.id.in_(named - set(found))))
    # What a correction corrected is told beside it, wherever it was observed.
    newer = aliased(Observation)
    corrected = session.scalars(
        select(Observation)
        .join(newer, newer.supersedes_id == Observation.id)
        .where(newer.stay_id.in_(stay_ids))
    )
    return found | {row.id: row for row in (*rest, *corrected)}


def _earlier_scores(
    session: Session, stay_ids: Sequence[int], start: datetime
) -> dict[tuple[int, str], Score]:
    newer = aliased(Observation)
    rows = session.scalars(
        select(Score)
        .join(Observation, Observation.id == Score.observation_id)
        .outerjoin(newer, newer.supersedes_id == Observation.id)
        .where(
            Score.stay_id.in_(stay_ids),
            Score.observed_at < start,
            Score.status == ScoreStatus.OK,
            newer.id.is_(None),
            Observation.outcome != Outcome.ENTERED_IN_ERROR,
        )
        .ext(distinct_on(Score.stay_id, Score.instrument))
        .order_by(Score.stay_id, Score.instrument, Score.observed_at.desc(), Score.id.desc())
    )
    return {(row.stay_id, row.instrument): row for row in rows}


def _earlier_assessed_at(
    session: Session, stay_ids: Sequence[int], start: datetime
) -> dict[int, datetime]:
    newer = aliased(Observation)
    rows = session.execute(
        select(Observation.stay_id, func.max(Observation.observed_at))
        .outerjoin(newer, newer.supersedes_id == Observation.id)
        .where(
            Observation.stay_id.in_(stay_ids),
            Observation.observed_at < start,
            Observation.outcome == Outcome.ASSESSED,
            newer.id.is_(None),
        )
        .group_by(Observation.stay_id)
    )
    return {row.stay_id: row[1] for row in rows}


def _called_off_at(session: Session, rounds: Sequence[Round]) -> dict[int, datetime]:
    cancelled = [row.id for row in rounds if row.state is RoundState.CANCELLED]
    rows = session.execute(
        select(RoundStep.round_id, RoundStep.at).where(
            RoundStep.round_id.in_(cancelled), RoundStep.state == RoundState.CANCELLED
        )
    )
    return {row.round_id: row.at for row in rows}


def _alerts(session: Session, unit_id: int, start: datetime, until: datetime) -> Sequence[Alert]:
    left_open = session.scalars(
        select(Alert)
        .where(
            Alert.unit_id == unit_id,
            Alert.raised_at < start,
            or_(Alert.closed_at.is_(None), Alert.closed_at >= until),
        )
        .order_by(Alert.raised_at, Alert.id)
    ).all()
    return [*left_open, *alert_queries.raised_between(session, unit_id, start, until)]


def _steps(session: Session, alerts: Sequence[Alert]) -> dict[int, list[AlertStep]]:
    found: dict[int, list[AlertStep]] = {alert.id: [] for alert in alerts}
    rows = session.scalars(
        select(AlertStep).where(AlertStep.alert_id.in_(list(found))).order_by(AlertStep.id)
    )
    for row in rows:
        found[row.alert_id].append(row)
    return found


def _rules(session: Session, unit_id: int, moments: Sequence[datetime]) -> tuple[Rule, ...]:
    """The versions in force at these moments; none where the unit has not approved any."""
    try:
        found = [protocols.in_force(session, unit_id, at=moment) for moment in moments]
    except NotFound:
        return ()
    rules = [Rule(name=one.protocol.name, version=one.version) for one in found]
    return tuple(dict.fromkeys(rules))
