"""What a sheet must know before it is filled in: what is due, and what was found last."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from backend.alerts.models import Alert, AlertStep, StepKind
from backend.clinical import scale, shift
from backend.observations import queries as observations
from backend.observations import words
from backend.observations.models import Observation, Outcome, Score, ScoreStatus
from backend.observations.queries import VITAL_COLUMNS, StoredSet
from backend.rounds import coming
from backend.rounds.coming import Falling

# A sheet offers what falls due this soon together with what is due now.
SOON = timedelta(minutes=30)
# What a nurse needs beside the sheet lies within the last sets of a day or two.
LOOK_BACK = 48
# Two people at one bed: what lies this near may be the same look at the patient, twice.
BESIDE = timedelta(minutes=10)
MOST_BESIDE = 5


@dataclass(frozen=True, kw_only=True)
class Found:
    """A value, and when it was observed."""

    value: Any
    observed_at: datetime


@dataclass(frozen=True, kw_only=True)
class Before:
    """What is due, and what was found last."""

    rounds: Sequence[Falling]
    vitals: dict[str, Found]
    totals: dict[str, Found]
    asked_today: dict[str, Found]

    def due(self, now: datetime) -> tuple[str, ...]:
        """The instruments to offer: what is due or soon will be; else all that is ordered."""
        soon = tuple(row.instrument for row in self.rounds if row.due_at <= now + SOON)
        return soon or tuple(row.instrument for row in self.rounds)


def before(
    session: Session, stay_id: int, *, now: datetime, shift_starts: Sequence[time], zone: ZoneInfo
) -> Before:
    """Of the newest sets: the last of each vital sign, each total, each answer asked once a day."""
    sets = observations.recent(session, stay_id, most=LOOK_BACK, with_corrected=False)
    return Before(
        rounds=[one for one in coming.on_stay(session, stay_id) if one.instrument != scale.SAFETY],
        vitals=_last_vitals(sets),
        totals=_last_totals(sets),
        asked_today=_asked_since(sets, day_began(now, shift_starts, zone)),
    )


def day_began(now: datetime, shift_starts: Sequence[time], zone: ZoneInfo) -> datetime:
    """The last start of the unit's first shift: from then on "last night" is another night."""
    today = now.astimezone(zone).date()
    first = [min(shift_starts)]
    begun = (
        shift.shifts_on(today - timedelta(days=days), first, zone)[0].starts_at for days in (0, 1)
    )
    return next(moment for moment in begun if moment <= now)


def _last_vitals(sets: Sequence[StoredSet]) -> dict[str, Found]:
    found: dict[str, Found] = {}
    for stored in sets:
        for name in VITAL_COLUMNS:
            value = getattr(stored.observation, name)
            if value is not None:
                found.setdefault(name, Found(value=value, observed_at=_at(stored)))
    return found


def _last_totals(sets: Sequence[StoredSet]) -> dict[str, Found]:
    found: dict[str, Found] = {}
    for stored in sets:
        for key, score in stored.scores.items():
            if words.is_known(score):
                found.setdefault(key, Found(value=words.shown(score), observed_at=_at(stored)))
    return found


def _asked_since(sets: Sequence[StoredSet], since: datetime) -> dict[str, Found]:
    """Answers that are asked once a day, by `instrument.item`."""
    found: dict[str, Found] = {}
    for stored in sets:
        if _at(stored) < since:
            continue
        for key, score in stored.scores.items():
            instrument = scale.instruments()[score.definition]
            for name in instrument.asked_daily:
                value = (score.answers | score.unscored).get(name)
                if value is not None:
                    found.setdefault(f"{key}.{name}", Found(value=value, observed_at=_at(stored)))
    return found


def _at(stored: StoredSet) -> datetime:
    return stored.observation.observed_at


def totals_before(session: Session, stored: StoredSet) -> dict[str, Score]:
    """For each instrument of a set, the complete score before it that still stands."""
    newer = aliased(Observation)
    found = {}
    for key in stored.scores:
        previous = session.scalars(
            select(Score)
            .outerjoin(newer, newer.supersedes_id == Score.observation_id)
            .where(
                Score.stay_id == stored.observation.stay_id,
                Score.instrument == key,
                Score.status == ScoreStatus.OK,
                Score.observed_at < stored.observation.observed_at,
                newer.id.is_(None),
            )
            .order_by(Score.observed_at.desc())
            .limit(1)
        ).first()
        if previous is not None:
            found[key] = previous
    return found


def recorded_beside(session: Session, stored: StoredSet) -> list[StoredSet]:
    """Sets of other people that stand beside this one, observed within a few minutes of it."""
    row, newer = stored.observation, aliased(Observation)
    if stored.superseded_by_id is not None or row.outcome is Outcome.ENTERED_IN_ERROR:
        return []
    rows = session.scalars(
        select(Observation)
        .outerjoin(newer, newer.supersedes_id == Observation.id)
        .where(
            Observation.stay_id == row.stay_id,
            Observation.recorded_by != row.recorded_by,
            Observation.observed_at.between(row.observed_at - BESIDE, row.observed_at + BESIDE),
            Observation.outcome != Outcome.ENTERED_IN_ERROR,
            newer.id.is_(None),
        )
        .order_by(Observation.observed_at, Observation.id)
        .limit(MOST_BESIDE)
    ).all()
    scores = observations.scores_of(session, [one.id for one in rows])
    return [
        StoredSet(observation=one, scores=scores.get(one.id, {}), superseded_by_id=None)
        for one in rows
    ]


def raised_by(session: Session, stored: StoredSet) -> Sequence[tuple[Alert, StepKind]]:
    """What this set raised, made worse or brought back."""
    told = (StepKind.RAISED, StepKind.WORSENED, StepKind.RETURNED)
    rows = session.execute(
        select(Alert, AlertStep.kind)
        .join(AlertStep, AlertStep.alert_id == Alert.id)
        .where(
            Alert.stay_id == stored.observation.stay_id,
            AlertStep.observation_id == stored.observation.id,
            AlertStep.kind.in_(told),
        )
        .order_by(AlertStep.id)
    )
    return [(alert, kind) for alert, kind in rows]
