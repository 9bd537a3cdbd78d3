"""What the page of leaves shows: where somebody is, what can be written down, and the list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.accounts.permissions import Permission
from backend.accounts.staff import queries as staff
from backend.clinical.absence import REASONS, alarm_at
from backend.core import local_time
from backend.protocols import queries as protocols
from backend.stays.leave import queries, words
from backend.stays.leave.models import Belongings, Leave, LeaveChange, UrineScreen
from backend.stays.models import Stay

# Written down longer ago than this, the list says so.
LATE = timedelta(minutes=15)
# So near to a change of the clocks an hour may be meant that comes twice.
NEAR = timedelta(hours=36)


@dataclass(frozen=True, kw_only=True)
class Own:
    """Whose form it is, of which patient, and where it goes."""

    path: str
    key: UUID
    opened_by: int
    opened_in: int | None
    opened_for: int


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One entry of a list."""

    value: str
    label: str
    chosen: bool = False


@dataclass(frozen=True, kw_only=True)
class Now:
    """Somebody who is away."""

    heading: str
    facts: tuple[tuple[str, str], ...]
    in_house: bool
    overdue: str | None
    check: str


@dataclass(frozen=True, kw_only=True)
class Was:
    """One absence of the list."""

    id: int
    label: str
    when: str
    who: str
    remarks: tuple[str, ...]
    struck: bool


@dataclass(frozen=True, kw_only=True)
class Putting:
    """The absence that is being put right."""

    id: int
    was: str
    whys: tuple[Choice, ...]
    left: str
    expected: str
    returned: str
    escort: str
    medication: str
    belongings: tuple[Choice, ...]
    urine_screens: tuple[Choice, ...]


@dataclass(frozen=True, kw_only=True)
class Leaves:
    """Everything on the page but the patient's banner."""

    own: Own
    away: Now | None
    may_write: bool
    may_say_seen: bool
    may_correct: bool
    ended: bool
    undecided: bool
    clocks_change: bool
    whys: tuple[Choice, ...]
    belongings: tuple[Choice, ...]
    urine_screens: tuple[Choice, ...]
    correcting: Putting | None
    listed: tuple[Was, ...]


def leaves(
    session: Session, actor: Actor, stay: Stay, *, correct: int | None, now: datetime
) -> Leaves:
    """The page as it stands now."""
    zone = actor.zone
    rows = queries.chain(session, stay.id)
    people = {one for row in rows for one in (row.recorded_by, row.seen_by) if one}
    names = staff.names(session, list(people))
    superseded = {row.supersedes_id for row in rows}
    protocol = protocols.in_force(session, stay.unit_id, at=now).protocol
    may_correct = actor.may(Permission.CORRECT_OBSERVATION)
    wanted = next((row for row in rows if row.id == correct and row.id not in superseded), None)
    away = queries.away(session, [stay.id]).get(stay.id)
    return Leaves(
        own=Own(
            path=f"/stays/{stay.id}/leave",
            key=uuid4(),
            opened_by=actor.id,
            opened_in=actor.sign_in_id,
            opened_for=stay.id,
        ),
        away=_now(away, names, zone, now) if away else None,
        may_write=actor.may(Permission.RECORD_OBSERVATION),
        may_say_seen=actor.may(Permission.SAY_SEEN),
        may_correct=may_correct,
        ended=stay.discharged_at is not None,
        undecided=alarm_at(protocol, now) is None,
        clocks_change=(now - NEAR).astimezone(zone).utcoffset()
        != (now + NEAR).astimezone(zone).utcoffset(),
        whys=_whys(),
        belongings=_choices(Belongings),
        urine_screens=_choices(UrineScreen),
        correcting=_putting(wanted, zone, now) if wanted and may_correct else None,
        listed=tuple(_listed(rows, names, zone, now)),
    )


def _whys(chosen: str = "") -> tuple[Choice, ...]:
    return tuple(
        Choice(value=why.key, label=why.label, chosen=why.key == chosen) for why in REASONS.values()
    )


def _choices(
    kind: type[Belongings] | type[UrineScreen], chosen: str | None = None
) -> tuple[Choice, ...]:
    return tuple(
        Choice(value=one.value, label=one.value, chosen=one.value == chosen) for one in kind
    )


def _now(row: Leave, names: Mapping[int, str], zone: ZoneInfo, now: datetime) -> Now:
    why = words.why(row)
    left = local_time.day_and_time(row.left_at, zone, now)
    expected = local_time.day_and_time(row.expected_at, zone, now)
    facts = [("Where", why.label), ("Since", left), ("Expected", expected)]
    facts += [("Escort", row.escort or "nobody written down")]
    facts.append(("Medication given to take", row.medication or "none written down"))
    if row.seen_at is not None:
        by = names.get(row.seen_by or 0, "somebody")
        facts.append(("Last word", f"{words.seen(row, zone, now)}, by {by}"))
    check = "" if why.in_house else "A return check falls due: vital signs and sedation."
    return Now(
        heading=why.state,
        facts=tuple(facts),
        in_house=why.in_house,
        overdue=words.overdue(row, now),
        check=check,
    )


CHANGES = {LeaveChange.CORRECTED: "corrected", LeaveChange.TAKEN_BACK: "taken back"}


def _listed(
    rows: Sequence[Leave], names: Mapping[int, str], zone: ZoneInfo, now: datetime
) -> list[Was]:
    """Newest first. What was put right or taken back stays, struck through, with who and why."""
    after = {row.supersedes_id: row for row in rows if row.supersedes_id is not None}
    found = []
    for row in sorted(rows, key=lambda one: (one.left_at, one.id), reverse=True):
        by = after.get(row.id)
        if row.change is LeaveChange.TAKEN_BACK or (by and by.change not in CHANGES):
            continue  # told with the row before or after it
        remarks = list(_remarks(row, names, zone, now))
        if by is not None:
            who = names.get(by.recorded_by, "somebody")
            when = local_time.day_and_time(by.entered_at, zone, now)
            remarks.append(f"{CHANGES[by.change]} {when} by {who}: {by.reason}")
        found.append(
            Was(
                id=row.id,
                label=words.why(row).label,
                when=_when(row, zone, now),
                who=names.get(row.recorded_by, "not known"),
                remarks=tuple(remarks),
                struck=by is not None,
            )
        )
    return found


def _when(row: Leave, zone: ZoneInfo, now: datetime) -> str:
    if row.returned_at is None:
        return words.since(row, zone, now)
    left = local_time.day_and_time(row.left_at, zone, now)
    returned = local_time.day_and_time(row.returned_at, zone, now)
    return f"{left} to {returned}, {local_time.span(row.returned_at - row.left_at)}"


def _remarks(row: Leave, names: Mapping[int, str], zone: ZoneInfo, now: datetime) -> Sequence[str]:
    told = []
    if row.change is LeaveChange.LEFT and row.entered_at - row.left_at > LATE:
        told.append(f"entered {local_time.span(row.entered_at - row.left_at)} after")
    if row.returned_at is not None and row.returned_at - row.expected_at >= words.MINUTE:
        told.append(f"back {local_time.span(row.returned_at - row.expected_at)} after the time")
    if row.escort:
        told.append(f"with {row.escort}")
    if row.medication:
        told.append(f"given to take: {row.medication}")
    if row.seen_at is not None:
        told.append(f"{words.seen(row, zone, now)} by {names.get(row.seen_by or 0, 'somebody')}")
    if row.returned_at is not None and not words.why(row).in_house:
        told.append(f"belongings {row.belongings.value if row.belongings else 'not said'}")
        screen = row.urine_screen.value if row.urine_screen else "not said"
        told.append(f"urine drug screen {screen}")
    return told


def _local(moment: datetime | None, zone: ZoneInfo) -> str:
    """For a `datetime-local` input."""
    return f"{moment.astimezone(zone):%Y-%m-%dT%H:%M}" if moment else ""


def _putting(row: Leave, zone: ZoneInfo, now: datetime) -> Putting | None:
    if row.change is LeaveChange.TAKEN_BACK:
        return None
    return Putting(
        id=row.id,
        was=f"{words.why(row).label}, {_when(row, zone, now)}",
        whys=_whys(row.why.value),
        left=_local(row.left_at, zone),
        expected=_local(row.expected_at, zone),
        returned=_local(row.returned_at, zone),
        escort=row.escort or "",
        medication=row.medication or "",
        belongings=_choices(Belongings, row.belongings),
        urine_screens=_choices(UrineScreen, row.urine_screen),
    )
