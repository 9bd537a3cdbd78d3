"""What the working list shows: visits by room and time, and what the next hours ask of whom."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.accounts.units.models import Bed
from backend.clinical import forecast
from backend.clinical.forecast import Coming, Visit
from backend.clinical.scale import SAFETY
from backend.core import local_time
from backend.patients.models import Patient
from backend.protocols import queries as protocols
from backend.rounds import moves
from backend.rounds.assignments import queries as assignments
from backend.rounds.models import ObservationOrder, Round
from backend.rounds.orders.page import name_of
from backend.rounds.working_list import queries
from backend.stays.leave import queries as leave
from backend.stays.leave import words as leave_words
from backend.stays.leave.models import Leave
from backend.stays.models import Stay

HOURS = 4
# What falls due at one bed this soon after the first is done in one go, as on the board.
TOGETHER = timedelta(minutes=30)
MINUTE = timedelta(minutes=1)
NO_BED = "–"
NOBODY = "nobody has them"


@dataclass(frozen=True, kw_only=True)
class Stop:
    """One patient to go to, and everything that is due there."""

    stay_id: int
    plate: str
    place: str
    title: str
    what: str
    due: str
    due_words: str
    overdue: bool
    who: str
    # Where what is due is written down.
    path: str
    act: str


@dataclass(frozen=True, kw_only=True)
class Group:
    """Stops under a heading."""

    title: str
    stops: tuple[Stop, ...]


@dataclass(frozen=True, kw_only=True)
class Load:
    """The visits that one person has in each of the next hours."""

    who: str
    counts: tuple[int, ...]
    total: int
    mine: bool


@dataclass(frozen=True, kw_only=True)
class Held:
    """One patient in the form of assignments."""

    stay_id: int
    words: str
    who: str


@dataclass(frozen=True, kw_only=True)
class Gone:
    """One patient who is off the unit: nobody goes there, but somebody waits."""

    stay_id: int
    plate: str
    place: str
    title: str
    told: str
    overdue: str | None


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """The working list."""

    whose: str
    heading: str
    groups: tuple[Group, ...]
    hours: tuple[str, ...]
    loads: tuple[Load, ...]
    elsewhere: int
    away: tuple[Gone, ...]
    empty: str


@dataclass(frozen=True, kw_only=True)
class _Ward:
    """What one look at the unit found."""

    people: Sequence[tuple[Stay, Patient, Bed | None]]
    open_rounds: Sequence[tuple[ObservationOrder, Round]]
    holders: Mapping[int, int]
    names: Mapping[int, str]
    away: Mapping[int, Leave]


def look(session: Session, unit_id: int, now: datetime) -> _Ward:
    """The unit as it stands."""
    people = queries.lying(session, unit_id)
    return _Ward(
        people=people,
        open_rounds=queries.open_rounds(session, unit_id),
        holders=assignments.holders(session, unit_id, now),
        names=assignments.who_can(session, unit_id),
        away=leave.away(session, [stay.id for stay, _, _ in people]),
    )


def rounds(session: Session, actor: Actor, ward: _Ward, *, whose: str, now: datetime) -> Rounds:
    """What is to be done in the next hours, by whoever asks or by all.

    Of other people's patients a list of one's own still shows who is overdue: nothing that is
    chosen here hides one. A patient whom nobody has is everybody's.
    """
    stops = _stops(ward, now)
    mine = {
        stay.id for stay, _, _ in ward.people if ward.holders.get(stay.id, actor.id) == actor.id
    }
    shown = [one for one in stops if whose == "all" or one.stay_id in mine or one.overdue]
    overdue = [one for one in shown if one.overdue]
    later = [one for one in shown if not one.overdue]
    return Rounds(
        whose=whose,
        heading=_heading(len(overdue), len(shown)),
        groups=tuple(
            group
            for group in (
                Group(title="Overdue, longest first", stops=tuple(overdue)),
                Group(title="Next, by time and room", stops=tuple(later)),
            )
            if group.stops
        ),
        hours=tuple(
            local_time.clock_time(now + hour * forecast.HOUR, actor.zone) for hour in range(HOURS)
        ),
        loads=_loads(session, actor, ward, now),
        elsewhere=sum(one.overdue and one.stay_id not in mine for one in shown),
        away=_away(actor, ward, now),
        empty=f"Nothing falls due in the next {HOURS} hours.",
    )


def _heading(overdue: int, shown: int) -> str:
    patients = f"{shown} patient" if shown == 1 else f"{shown} patients"
    return f"{patients} to see, {overdue} overdue" if overdue else f"{patients} to see"


def _stops(ward: _Ward, now: datetime) -> list[Stop]:
    by_stay: dict[int, list[Round]] = {}
    for ordered, row in ward.open_rounds:
        stays_on = ordered.until_at is None or row.due_at < ordered.until_at
        if row.stay_id in ward.away:
            continue
        if stays_on and row.due_at < now + HOURS * forecast.HOUR:
            by_stay.setdefault(row.stay_id, []).append(row)
    found = []
    for place, (stay, patient, bed) in enumerate(ward.people):
        due = by_stay.get(stay.id)
        if due:
            found.append((due[0].due_at, place, _stop(ward, stay, patient, bed, due, now=now)))
    overdue = sorted((one for one in found if one[2].overdue), key=lambda one: one[0])
    # Rooms that lie side by side are gone to together: by quarters of an hour, then by room.
    rest = sorted(
        (one for one in found if not one[2].overdue),
        key=lambda one: ((one[0] - now) // timedelta(minutes=15), one[1]),
    )
    return [stop for _, _, stop in (*overdue, *rest)]


def _stop(
    ward: _Ward, stay: Stay, patient: Patient, bed: Bed | None, due: list[Round], *, now: datetime
) -> Stop:
    first = due[0].due_at
    together = [row for row in due if row.due_at <= max(first, now) + TOGETHER]
    holder = ward.holders.get(stay.id)
    safe = due[0].instrument == SAFETY
    left = first - now
    words = "now" if abs(left) < MINUTE else f"in {local_time.span(left)}"
    return Stop(
        stay_id=stay.id,
        plate=bed.label if bed else NO_BED,
        place=_place(bed),
        title=f"{patient.family_name}, {patient.given_name}",
        what=" · ".join(dict.fromkeys(_short(row.instrument) for row in together)),
        due=local_time.machine(first),
        due_words=f"{local_time.span(-left)} overdue" if left <= -MINUTE else words,
        overdue=left <= -MINUTE,
        who=ward.names.get(holder, "somebody") if holder else NOBODY,
        path=f"/rounds/safety?stay={stay.id}" if safe else f"/stays/{stay.id}/record",
        act="Look" if safe else "Record",
    )


def _away(actor: Actor, ward: _Ward, now: datetime) -> tuple[Gone, ...]:
    """Who is expected first, first."""
    gone = [one for one in ward.people if one[0].id in ward.away]
    return tuple(
        Gone(
            stay_id=stay.id,
            plate=bed.label if bed else NO_BED,
            place=_place(bed),
            title=f"{patient.family_name}, {patient.given_name}",
            told=leave_words.told(ward.away[stay.id], actor.zone, now),
            overdue=leave_words.overdue(ward.away[stay.id], now),
        )
        for stay, patient, bed in sorted(gone, key=lambda one: ward.away[one[0].id].expected_at)
    )


def _place(bed: Bed | None) -> str:
    if bed is None:
        return "No bed"
    return f"Room {bed.room}, bed {bed.label}" if bed.room else f"Bed {bed.label}"


def _short(instrument: str) -> str:
    return "vital signs" if instrument == "news2" else name_of(instrument)


def _loads(session: Session, actor: Actor, ward: _Ward, now: datetime) -> tuple[Load, ...]:
    found = forecast.visits(
        _coming(session, actor, ward, now), start=now, hours=HOURS, together=TOGETHER
    )
    counted = forecast.by_hour(found, start=now, hours=HOURS)
    named = [
        Load(
            who=NOBODY.capitalize() if owner is None else ward.names.get(owner, "Somebody"),
            counts=counts,
            total=sum(counts),
            mine=owner == actor.id,
        )
        for owner, counts in counted.items()
    ]
    unit = Load(who="The unit", counts=_sums(found, now), total=len(found), mine=False)
    return (*sorted(named, key=lambda load: (not load.mine, load.who)), unit)


def _sums(found: Sequence[Visit], now: datetime) -> tuple[int, ...]:
    counts = forecast.by_hour(found, start=now, hours=HOURS).values()
    return tuple(sum(hour) for hour in zip(*counts, strict=True)) or (0,) * HOURS


def _coming(session: Session, actor: Actor, ward: _Ward, now: datetime) -> list[Coming]:
    protocol = protocols.in_force(session, actor.unit.id, at=now).protocol
    return [
        Coming(
            stay_id=row.stay_id,
            owner=ward.holders.get(row.stay_id),
            its=moves.machine(session, ordered, protocol),
            task=moves.task(row),
        )
        for ordered, row in ward.open_rounds
        if row.stay_id not in ward.away
    ]


def held(ward: _Ward) -> tuple[Held, ...]:
    """Every patient, for the form of assignments."""
    return tuple(
        Held(
            stay_id=stay.id,
            words=f"{_place(bed)}: {patient.family_name}, {patient.given_name}",
            who=ward.names.get(ward.holders[stay.id], "somebody")
            if stay.id in ward.holders
            else NOBODY,
        )
        for stay, patient, bed in ward.people
    )
