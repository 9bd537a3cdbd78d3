"""What a chart is drawn from: the sets of a stretch of time, what was missed, what was raised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from backend.accounts.staff import queries as staff
from backend.alerts.models import Alert
from backend.clinical import fluid
from backend.clinical.definition import Answer
from backend.clinical.scale import SAFETY
from backend.observations.events import queries as events
from backend.observations.events.models import Event
from backend.observations.models import Observation, Outcome, Score, ScoreStatus
from backend.observations.queries import StoredSet, scores_of
from backend.rounds.models import Round, RoundState
from backend.rounds.safety import queries as safety
from backend.rounds.safety.models import SafetyCheck
from backend.stays.leave import queries as leave
from backend.stays.leave.models import Leave

# One entry of fluids: when, and its numbers by name.
Entry = tuple[datetime, Mapping[str, Answer]]
# A month of hourly sets is 744; what a monitor sends every minute is drawn from its newest.
MOST_SETS = 2_000


@dataclass(frozen=True, kw_only=True)
class Course:
    """All that happened on a stay in a stretch of time, oldest first."""

    sets: Sequence[StoredSet]
    cut: bool
    names: dict[int, str]
    not_done: Sequence[Round]
    alerts: Sequence[Alert]
    events: Sequence[Event]
    # The safety rounds: what was seen, and what was missed.
    checks: Sequence[SafetyCheck]
    safety_missed: Sequence[Round]
    leaves: Sequence[Leave]

    @property
    def standing(self) -> list[StoredSet]:
        """The sets that nothing has superseded and nobody has taken back."""
        return [
            stored
            for stored in self.sets
            if stored.superseded_by_id is None
            and stored.observation.outcome is not Outcome.ENTERED_IN_ERROR
        ]


def course(session: Session, stay_id: int, *, start: datetime, end: datetime) -> Course:
    """Read in eight questions, however long the stretch is."""
    newer = aliased(Observation)
    rows = session.execute(
        select(Observation, newer.id)
        .outerjoin(newer, newer.supersedes_id == Observation.id)
        .where(
            Observation.stay_id == stay_id,
            Observation.observed_at >= start,
            Observation.observed_at <= end,
        )
        .order_by(Observation.observed_at.desc(), Observation.id.desc())
        .limit(MOST_SETS + 1)
    ).all()
    cut = len(rows) > MOST_SETS
    rows = rows[:MOST_SETS][::-1]
    scores = scores_of(session, [observation.id for observation, _ in rows])
    sets = [
        StoredSet(
            observation=observation,
            scores=scores.get(observation.id, {}),
            superseded_by_id=superseded_by_id,
        )
        for observation, superseded_by_id in rows
    ]
    not_done = _not_done(session, stay_id, start, end)
    return Course(
        sets=sets,
        cut=cut,
        names=staff.names(session, [stored.observation.recorded_by for stored in sets]),
        not_done=[row for row in not_done if row.instrument != SAFETY],
        alerts=session.scalars(
            select(Alert)
            .where(Alert.stay_id == stay_id, Alert.raised_at >= start, Alert.raised_at <= end)
            .order_by(Alert.raised_at, Alert.id)
        ).all(),
        events=[row for row in events.standing(session, stay_id) if start <= row.started_at <= end],
        checks=safety.of_stay(session, stay_id, start, end),
        safety_missed=[
            row for row in not_done if row.instrument == SAFETY and row.state is RoundState.MISSED
        ],
        leaves=[
            row
            for row in leave.standing(session, stay_id)
            if row.left_at <= end and (row.returned_at is None or row.returned_at >= start)
        ],
    )


def _not_done(session: Session, stay_id: int, start: datetime, end: datetime) -> Sequence[Round]:
    return session.scalars(
        select(Round)
        .where(
            Round.stay_id == stay_id,
            Round.due_at >= start,
            Round.due_at <= end,
            Round.state.in_((RoundState.MISSED, RoundState.NOT_DONE)),
        )
        .order_by(Round.due_at)
    ).all()


def newest_totals(session: Session, stay_id: int, instrument: str) -> Sequence[Score]:
    """The newest score of an instrument and the complete one before it; at most two."""
    newer = aliased(Observation)
    standing = (
        select(Score)
        .outerjoin(newer, newer.supersedes_id == Score.observation_id)
        .where(Score.stay_id == stay_id, Score.instrument == instrument, newer.id.is_(None))
        .order_by(Score.observed_at.desc(), Score.id.desc())
        .limit(1)
    )
    newest = session.scalars(standing).first()
    if newest is None:
        return []
    before = session.scalars(
        standing.where(
            Score.status == ScoreStatus.OK,
            Score.observed_at < newest.observed_at,
        )
    ).first()
    return [newest, before] if before else [newest]


def fluids(session: Session, stay_id: int, *, at: datetime) -> list[Entry]:
    """What was written down of fluids in the time of a running balance, as it stands now."""
    newer = aliased(Observation)
    rows = session.execute(
        select(Score.observed_at, Score.unscored)
        .outerjoin(newer, newer.supersedes_id == Score.observation_id)
        .where(
            Score.stay_id == stay_id,
            Score.instrument == fluid.FLUID,
            Score.observed_at > at - fluid.RUNNING,
            Score.observed_at <= at,
            newer.id.is_(None),
        )
    )
    return [(observed_at, numbers) for observed_at, numbers in rows]


def instruments_of(session: Session, stay_id: int) -> Sequence[str]:
    """The instruments that have ever been used on this stay."""
    return session.scalars(
        select(Score.instrument).where(Score.stay_id == stay_id).distinct()
    ).all()


def last_observed_at(session: Session, stay_id: int) -> datetime | None:
    """When this patient was last observed, whatever came of it."""
    return session.scalars(
        select(Observation.observed_at)
        .where(Observation.stay_id == stay_id, Observation.outcome != Outcome.ENTERED_IN_ERROR)
        .order_by(Observation.observed_at.desc())
        .limit(1)
    ).first()
