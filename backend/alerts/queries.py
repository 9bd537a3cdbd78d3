"""Questions about alerts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import bindparam, case, func, select
from sqlalchemy.orm import Session, load_only

from backend.accounts.units.models import Bed
from backend.alerts.models import Alert, AlertState, AlertStep, Level, StepKind
from backend.patients.models import Patient
from backend.stays.models import Placement, Stay

# Worst first.
WORST_FIRST = (Level.EMERGENCY, Level.URGENT, Level.ADVISORY)
RANK = case({level: place for place, level in enumerate(WORST_FIRST)}, value=Alert.level)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a patient lies, and the code that stands for the name."""

    bed_label: str | None
    code: str


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """One alert that is shown, and those of its family that it mutes: "also met"."""

    leading: Alert
    muted: tuple[Alert, ...]


def bundles(alerts: Sequence[Alert]) -> list[Bundle]:
    """Of the alerts of one patient and family the worst leads; worst first, then longest open.

    What is muted goes on climbing: only the screens say one thing once. What no newer set has
    cleared is never behind what one has, nor what came later behind what somebody already has.
    """
    by_family = sorted(alerts, key=lambda alert: (alert.patient_id, alert.family))
    found = []
    for _, family in groupby(by_family, key=lambda alert: (alert.patient_id, alert.family)):
        together = sorted(family, key=_place)
        found += _told_once([alert for alert in together if alert.cleared_at is None])
        found += _told_once([alert for alert in together if alert.cleared_at is not None])
    return sorted(found, key=lambda one: _urgency(one.leading))


def _told_once(family: list[Alert]) -> list[Bundle]:
    if not family:
        return []
    leading, *others = family
    news = [alert for alert in others if _is_news(alert, leading)]
    muted = tuple(alert for alert in others if alert not in news)
    return [Bundle(leading=leading, muted=muted), *_told_once(news)]


def _is_news(alert: Alert, leading: Alert) -> bool:
    """Whether it was raised after somebody took on what leads: they cannot have known of it."""
    if not _is_taken(leading) or _is_taken(alert):
        return False
    return leading.acknowledged_at is not None and alert.raised_at > leading.acknowledged_at


def _is_taken(alert: Alert) -> bool:
    return alert.state is AlertState.ACKNOWLEDGED


def _place(alert: Alert) -> tuple[int, bool, int, int]:
    """Worst first; of equals what nobody has, then the rule that tells most."""
    return WORST_FIRST.index(alert.level), _is_taken(alert), -alert.rank, alert.id


def _urgency(alert: Alert) -> tuple[int, datetime, int]:
    return WORST_FIRST.index(alert.level), alert.raised_at, alert.id


def is_alarmed(session: Session, stay_id: int) -> bool:
    """Whether something urgent is open that no newer set has cleared."""
    return session.scalars(
        select(
            select(Alert.id)
            .where(
                Alert.stay_id == stay_id,
                Alert.closed_at.is_(None),
                Alert.cleared_at.is_(None),
                Alert.level.in_((Level.EMERGENCY, Level.URGENT)),
            )
            .exists()
        )
    ).one()


def open_on_unit(session: Session, unit_id: int) -> Sequence[Alert]:
    """Everything that still needs somebody, worst first, then longest open."""
    return session.scalars(
        select(Alert)
        .where(Alert.unit_id == unit_id, Alert.closed_at.is_(None))
        .order_by(RANK, Alert.raised_at, Alert.id)
    ).all()


OPEN_ON_STAY = (
    select(Alert)
    .where(Alert.stay_id == bindparam("of_stay"), Alert.closed_at.is_(None))
    .order_by(RANK, Alert.raised_at, Alert.id)
)


def open_on_stay(session: Session, stay_id: int) -> Sequence[Alert]:
    """What is open for one patient, worst first."""
    return session.scalars(OPEN_ON_STAY, {"of_stay": stay_id}).all()


def of_stay(session: Session, stay_id: int, *, most: int = 200) -> Sequence[Alert]:
    """All alerts of a stay, newest first."""
    return session.scalars(
        select(Alert)
        .where(Alert.stay_id == stay_id)
        .order_by(Alert.raised_at.desc(), Alert.id.desc())
        .limit(most)
    ).all()


def closed_since(session: Session, unit_id: int, since: datetime) -> Sequence[Alert]:
    """What was closed since then, newest first."""
    return session.scalars(
        select(Alert)
        .where(Alert.unit_id == unit_id, Alert.closed_at >= since)
        .order_by(Alert.closed_at.desc(), Alert.id.desc())
    ).all()


def steps(session: Session, alert_id: int) -> Sequence[AlertStep]:
    """What has happened to an alert, in order."""
    return session.scalars(
        select(AlertStep).where(AlertStep.alert_id == alert_id).order_by(AlertStep.id)
    ).all()


# What `bundles` looks at, and no more: every screen asks this at once.
OPEN_TO_COUNT = (
    select(Alert)
    .where(Alert.unit_id == bindparam("of_unit"), Alert.closed_at.is_(None))
    .options(
        load_only(
            Alert.patient_id,
            Alert.family,
            Alert.rank,
            Alert.level,
            Alert.state,
            Alert.raised_at,
            Alert.acknowledged_at,
            Alert.cleared_at,
        )
    )
)


def open_counts(session: Session, unit_id: int) -> dict[Level, int]:
    """How many are shown as open, by level; a level without any is 0 because we have counted."""
    counts = dict.fromkeys(Level, 0)
    for one in bundles(session.scalars(OPEN_TO_COUNT, {"of_unit": unit_id}).all()):
        counts[one.leading.level] += 1
    return counts


def taken_by(session: Session, unit_id: int, staff_id: int) -> Sequence[Alert]:
    """What this person has promised to see to, and what they promised and nobody has now."""
    return [
        alert
        for alert in open_on_unit(session, unit_id)
        if alert.acknowledged_by == staff_id
        and alert.state in (AlertState.ACKNOWLEDGED, AlertState.LAPSED)
    ]


def places(session: Session, stay_ids: Sequence[int]) -> dict[int, Place]:
    """Where the patients of these stays lie now."""
    rows = session.execute(
        select(Stay.id, Bed.label, Patient.code)
        .join(Patient, Patient.id == Stay.patient_id)
        .outerjoin(Placement, (Placement.stay_id == Stay.id) & Placement.until_at.is_(None))
        .outerjoin(Bed, Bed.id == Placement.bed_id)
        .where(Stay.id.in_(stay_ids))
    )
    return {stay_id: Place(bed_label=label, code=code) for stay_id, label, code in rows}


def last_closed_at(session: Session, unit_id: int) -> datetime | None:
    """When the last alert of the unit was closed, if any ever was."""
    return session.scalars(select(func.max(Alert.closed_at)).where(Alert.unit_id == unit_id)).one()


def last_lapses(session: Session, alert_ids: Sequence[int]) -> dict[int, datetime]:
    """When a promise last lapsed, for those alerts where one did."""
    rows = session.execute(
        select(AlertStep.alert_id, func.max(AlertStep.at).label("last_at"))
        .where(AlertStep.alert_id.in_(alert_ids), AlertStep.kind == StepKind.LAPSED)
        .group_by(AlertStep.alert_id)
    )
    return {row.alert_id: row.last_at for row in rows}


def raised_between(
    session: Session, unit_id: int, start: datetime, end: datetime
) -> Sequence[Alert]:
    """What was raised in this time, in order."""
    return session.scalars(
        select(Alert)
        .where(Alert.unit_id == unit_id, Alert.raised_at >= start, Alert.raised_at < end)
        .order_by(Alert.raised_at, Alert.id)
    ).all()


def first_step_of(alert_steps: Sequence[AlertStep], kind: StepKind) -> AlertStep | None:
    """When this first happened, if it did."""
    return next((step for step in alert_steps if step.kind == kind), None)
