"""The stored set, read back: the screen says "saved" only from here."""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from backend.accounts.staff import queries as staff
from backend.clinical import scale
from backend.clinical.definition import Instrument
from backend.clinical.vitals import KINDS
from backend.core import local_time
from backend.observations import words
from backend.observations.models import Observation, Outcome, Score
from backend.observations.queries import VITAL_COLUMNS, StoredSet
from backend.observations.sheet import queries
from backend.observations.sheet.beside import Beside, beside
from backend.observations.words import Moved, Part
from backend.rounds import coming
from backend.rounds import queries as rounds


@dataclass(frozen=True, kw_only=True)
class SavedScore:
    """One total with what it is made of. `arrow` and `change` compare with the set before."""

    name: str
    total: str
    complete: bool
    band: str
    bands: str
    arrow: str
    change: str
    missing: str
    told: str
    moved: tuple[Moved, ...]
    alarms: tuple[str, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True, kw_only=True)
class Raised:
    """An alert that this set raised or made worse."""

    title: str
    level: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Saved:
    """One stored set, and what followed from it."""

    stay_id: int
    observation_id: int
    key: str
    draft: str
    heading: str
    outcome: str
    who: str
    observed: str
    entered: str
    late: str | None
    waited: str | None
    scores: tuple[SavedScore, ...]
    vitals: tuple[tuple[str, str], ...]
    note: str | None
    next_due: tuple[tuple[str, str, str], ...]
    raised: tuple[Raised, ...]
    sees_alerts: bool
    correction: str | None
    still_due: str | None
    superseded_by: int | None
    can_correct: bool
    beside: tuple[Beside, ...]


def saved(
    session: Session,
    stored: StoredSet,
    *,
    zone: ZoneInfo,
    now: datetime,
    may_correct: bool,
    sees_alerts: bool,
    sees_notes: bool,
) -> Saved:
    """Everything that the screen says about a set, from what is stored."""
    row = stored.observation
    previous = queries.totals_before(session, stored)
    names = staff.names(session, [row.recorded_by])
    late = None
    if row.late_entry and row.supersedes_id is None:
        late = f"Late entry: entered {local_time.span(row.entered_at - row.observed_at)} after."
    taken_back = row.outcome is Outcome.ENTERED_IN_ERROR
    return Saved(
        stay_id=row.stay_id,
        observation_id=row.id,
        key=str(row.key),
        draft=f"{row.recorded_by}-{row.stay_id}",
        heading="Taken back"
        if taken_back
        else f"Saved {local_time.clock_time(row.entered_at, zone)}",
        outcome=words.OUTCOMES[row.outcome],
        who=names.get(row.recorded_by, "not known"),
        observed=local_time.day_and_time(row.observed_at, zone, now),
        entered=local_time.day_and_time(row.entered_at, zone, now),
        late=late,
        waited=_waited(row, zone),
        scores=tuple(
            _score(score, previous.get(key)) for key, score in sorted(stored.scores.items())
        ),
        vitals=tuple(
            (KINDS[name].label, f"{words.vital(name, value)} {KINDS[name].unit}".strip())
            for name in VITAL_COLUMNS
            if (value := getattr(row, name)) is not None
        ),
        note=row.note if sees_notes or not row.note else words.NOT_YOURS.capitalize() + ".",
        next_due=tuple(
            (
                words.name_of(due.instrument),
                local_time.day_and_time(due.due_at, zone, now),
                words.due(due.due_at, now),
            )
            for due in coming.on_stay(session, row.stay_id)
        ),
        raised=tuple(
            Raised(title=alert.title, level=alert.level.value, path=f"/alerts/{alert.id}")
            for alert, _ in queries.raised_by(session, stored)
        ),
        sees_alerts=sees_alerts,
        correction=row.correction_reason,
        still_due=_still_due(session, row),
        superseded_by=stored.superseded_by_id,
        can_correct=may_correct and stored.superseded_by_id is None and not taken_back,
        beside=tuple(beside(session, stored, zone, now)),
    )


def _still_due(session: Session, row: Observation) -> str | None:
    """Sleep that did not stand for what was due: said at once, not when it is overdue."""
    if row.outcome is not Outcome.ASLEEP:
        return None
    left = [
        one
        for one in rounds.observed_on_stay(session, row.stay_id)
        if one.due_at <= row.observed_at
    ]
    if not left:
        return None
    names = ", ".join(dict.fromkeys(words.name_of(one.instrument) for one in left))
    return f"The sleep check does not stand for it: {names} stays due. Wake for a full set."


def _waited(row: Observation, zone: ZoneInfo) -> str | None:
    """Both times of a set that was saved without contact: the device's, and ours."""
    if row.saved_on_device_at is None:
        return None
    saved = local_time.clock_time(row.saved_on_device_at, zone)
    received = local_time.clock_time(row.entered_at, zone)
    return f"Saved at {saved} on a device that had no contact; received at {received}."


def _score(row: Score, previous: Score | None) -> SavedScore:
    instrument = scale.instruments()[row.definition]
    arrow, change = words.change(row.total, previous.total if previous else None)
    return SavedScore(
        name=instrument.name,
        total=words.total_of(row),
        complete=words.is_known(row),
        band=row.band or ("" if words.is_known(row) else "incomplete"),
        bands=instrument.band_systems[row.band_system].label,
        arrow=arrow,
        change=change,
        missing=_missing(row, instrument),
        told=words.told(row),
        moved=words.moved(row, previous),
        alarms=tuple(alarm.text for alarm in scale.alarms_named(instrument, row.alarms)),
        parts=tuple(words.parts(row)),
    )


def _missing(row: Score, instrument: Instrument) -> str:
    if words.is_known(row):
        return ""
    return ", ".join(item.in_a_sentence for item in instrument.scored if item.id not in row.points)
