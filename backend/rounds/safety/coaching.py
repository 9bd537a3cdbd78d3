"""Where checks of the last day look alike: told to whoever made them, and to the charge nurse.

To be talked about. Nothing follows from it by itself, and nothing of it is stored.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.accounts.permissions import Permission
from backend.accounts.staff import queries as staff
from backend.accounts.units.models import Bed
from backend.clinical import honesty
from backend.clinical.honesty import Check, Pattern
from backend.core import local_time
from backend.protocols import queries as protocols
from backend.rounds.safety import queries
from backend.rounds.safety.models import SafetyCheck
from backend.stays.models import Placement

LOOK_BACK = timedelta(hours=24)
# A page that says everything is not read.
MOST = 5
HINTS = {
    "same gaps": "lie exactly as far apart as each other: is each one tapped when it is made?",
    "batch": "were entered within a minute: each is tapped at its own door.",
    "same words": "in a row say the same: true, or does the thumb know the way?",
}


def words(session: Session, actor: Actor, now: datetime) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What to think about: of one's own checks; and, for the charge nurse, of other people's."""
    limits = protocols.in_force(session, actor.unit.id, at=now).protocol.rounds.patterns
    if limits is None:
        return (), ()
    rows = queries.between(session, actor.unit.id, now - LOOK_BACK, now)
    found = honesty.patterns([_check(row) for row in rows if row.not_seen is None], limits)
    own = [one for one in found if one.recorder == actor.id]
    others = []
    if actor.may(Permission.ASSIGN_PATIENTS):
        others = [one for one in found if one.recorder != actor.id]
    beds = _beds(session, [one.stay_id for one in found if one.stay_id is not None])
    names = staff.names(session, [one.recorder for one in others])
    return (
        tuple(_sentence(one, beds, actor) for one in own[-MOST:]),
        tuple(
            f"{names.get(one.recorder, 'Somebody')}: {_sentence(one, beds, actor)}"
            for one in others[-MOST:]
        ),
    )


def _check(row: SafetyCheck) -> Check:
    return Check(
        stay_id=row.stay_id,
        recorder=row.recorded_by,
        observed_at=row.observed_at,
        entered_at=row.entered_at,
        place=row.place or "",
        doing=row.doing or "",
        words=row.note or "",
        tagged=row.tag_id is not None,
    )


def _beds(session: Session, stay_ids: Sequence[int]) -> dict[int, str]:
    rows = session.execute(
        select(Placement.stay_id, Bed.label)
        .join(Bed, Bed.id == Placement.bed_id)
        .where(Placement.stay_id.in_(stay_ids), Placement.until_at.is_(None))
    )
    return {row.stay_id: row.label for row in rows}


def _sentence(one: Pattern, beds: Mapping[int, str], actor: Actor) -> str:
    since = local_time.clock_time(one.since, actor.zone)
    where = ""
    if one.stay_id is not None:
        where = f" of bed {beds[one.stay_id]}" if one.stay_id in beds else " of one patient"
    return f"{one.checks} checks{where} from {since} {HINTS[one.kind]}"
