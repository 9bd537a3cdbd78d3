"""What the board asks, built once: building a statement costs more than asking it."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Executable,
    Integer,
    and_,
    bindparam,
    func,
    literal,
    literal_column,
    select,
    true,
    union,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import InstrumentedAttribute, aliased

from backend.accounts.units.models import Bed
from backend.clinical.scale import SAFETY
from backend.observations.models import Observation, Outcome, Score
from backend.patients.models import Patient
from backend.rounds.models import OPEN, ObservationOrder, Round, RoundState
from backend.stays.models import Placement, Stay

NEWS2 = "news2"
# Bounded by count, never by time: a day with a thousand device readings costs no more.
SCORES = 24
SETS = 6
# A list goes over as one array: the text of a question is always the same, and its plan is kept.
STAY_IDS = bindparam("stay_ids", type_=ARRAY(Integer))


def _is_one_of(column: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    return column == func.any(STAY_IDS)


PEOPLE = (
    select(Stay, Patient, Bed)
    .select_from(Stay)
    .join(Patient, Patient.id == Stay.patient_id)
    .outerjoin(Placement, and_(Placement.stay_id == Stay.id, Placement.until_at.is_(None)))
    .outerjoin(Bed, Bed.id == Placement.bed_id)
    .where(Stay.unit_id == bindparam("unit_id"), Stay.discharged_at.is_(None))
    .order_by(Bed.position.nulls_first(), Stay.id)
)


def _superseded(observation_id: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    newer = aliased(Observation)
    return select(newer.id).where(newer.supersedes_id == observation_id).exists()


NEWEST_FIRST = (Score.observed_at.desc(), Score.id.desc())
# What is asked of the newest score only.
ONCE = ("status", "lowest", "value", "band", "band_system", "severity", "definition")


def _courses_statement() -> Executable:
    """What is ordered, and NEWS2, with the newest scores. One index walk for each."""
    ordered = select(
        ObservationOrder.stay_id, ObservationOrder.instrument, ObservationOrder.interval_minutes
    ).where(
        _is_one_of(ObservationOrder.stay_id),
        ObservationOrder.ended_at.is_(None),
        ~ObservationOrder.once,
    )
    ordered_news2 = ordered.where(ObservationOrder.instrument == NEWS2).subquery("ordered_news2")
    wanted = union(
        ordered.where(ObservationOrder.instrument.not_in((NEWS2, SAFETY))),
        select(Stay.id, literal(NEWS2), ordered_news2.c.interval_minutes)
        .outerjoin(ordered_news2, ordered_news2.c.stay_id == Stay.id)
        .where(_is_one_of(Stay.id)),
    ).subquery("wanted")
    newest = (
        select(Score, func.row_number().over(order_by=NEWEST_FIRST).label("place"))
        .where(
            Score.stay_id == wanted.c.stay_id,
            Score.instrument == wanted.c.instrument,
            ~_superseded(Score.observation_id),
        )
        .order_by(*NEWEST_FIRST)
        .limit(SCORES)
        .lateral("newest")
    )

    def gathered(column: Any) -> Any:
        return func.array_agg(
            aggregate_order_by(column, newest.c.observed_at.desc(), newest.c.id.desc())
        )

    # The parts of the last two say what moved; of two dozen they would be most of the answer.
    last_two = [
        gathered(newest.c[name]).filter(newest.c.place <= 2).label(label)
        for name, label in (("points", "points"), ("definition", "definitions"))
    ]
    return (
        select(
            wanted,
            gathered(newest.c.observed_at).label("times"),
            gathered(newest.c.total).label("totals"),
            *last_two,
            *(gathered(newest.c[name])[1].label(name) for name in ONCE),
        )
        .join(newest, true(), isouter=True)
        .group_by(wanted.c.stay_id, wanted.c.instrument, wanted.c.interval_minutes)
    )


COURSES = _courses_statement()


def _last_sets_statement() -> Executable:
    last = (
        select(Observation)
        .where(
            Observation.stay_id == Stay.id,
            Observation.outcome != Outcome.ENTERED_IN_ERROR,
            ~_superseded(Observation.id),
        )
        .order_by(Observation.observed_at.desc(), Observation.id.desc())
        .limit(SETS)
        .lateral("last")
    )
    return (
        select(
            Stay.id.label("stay_id"),
            last.c.outcome,
            last.c.observed_at,
            last.c.respiratory_rate_per_min,
            last.c.consciousness,
        )
        .join(last, true())
        .where(_is_one_of(Stay.id))
        .order_by(Stay.id, last.c.observed_at.desc(), last.c.id.desc())
    )


LAST_SETS = _last_sets_statement()


def _due_statement() -> Executable:
    """The open rounds. A round missed before them makes them overdue since then, not since now."""
    ended, missed = aliased(Round), aliased(Round)
    # Beside the round, not inside the question below: row-level security uses an index only for
    # what it compares with a plain value.
    never: ColumnElement[datetime] = literal_column("'-infinity'::timestamptz")
    last_done = (
        select(func.coalesce(func.max(ended.done_at), never).label("at"))
        .where(
            ended.order_id == Round.order_id,
            ended.done_at.is_not(None),
            # Else it is this round itself, called anew after its set was corrected.
            ended.due_at < Round.due_at,
        )
        .lateral()
    )
    first_missed = (
        select(func.min(missed.due_at))
        .where(
            missed.stay_id == Round.stay_id,
            missed.order_id == Round.order_id,
            missed.state == RoundState.MISSED,
            missed.due_at > last_done.c.at,
        )
        .scalar_subquery()
    )
    since = func.coalesce(first_missed, Round.due_at).label("since")
    return (
        select(
            Round.stay_id,
            Round.order_id,
            Round.instrument,
            Round.due_at,
            Round.late_at,
            Round.state,
            ObservationOrder.until_at,
            since,
        )
        .join(ObservationOrder, ObservationOrder.id == Round.order_id)
        .join(last_done, true())
        .where(_is_one_of(Round.stay_id), Round.state.in_(OPEN))
        .order_by(since, Round.due_at, Round.instrument, Round.id)
    )


DUE = _due_statement()
