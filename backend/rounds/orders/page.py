"""What the page of orders shows: words, formatted once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from backend.accounts.staff import queries as staff
from backend.clinical import safety, scale
from backend.clinical.safety import Level
from backend.core import local_time
from backend.protocols import queries as protocols
from backend.protocols.queries import InForce
from backend.rounds import queries
from backend.rounds.models import ObservationOrder, Round
from backend.rounds.nights import queries as night_queries
from backend.rounds.nights import words as night_words
from backend.rounds.orders.choices import EVERY_MINUTES
from backend.rounds.orders.service import at_risk_until
from backend.stays.models import Stay


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One entry of a list."""

    value: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """One order that stands."""

    order_id: int
    name: str
    how_often: str
    next_due: str
    overdue: bool
    now_every: str | None
    until: str | None
    who: str
    why: str | None
    gap: str | None
    once: bool


@dataclass(frozen=True, kw_only=True)
class Night:
    """One order for the night that stands."""

    kind: str
    told: str
    who: str
    why: str | None


@dataclass(frozen=True, kw_only=True)
class Orders:
    """Everything on the page but the patient's banner."""

    stay_id: int
    ended: bool
    lines: tuple[Line, ...]
    at_risk: str | None
    may_order: bool
    instruments: tuple[Choice, ...]
    every: tuple[Choice, ...]
    # Safety rounds: levels that may be chosen, and after an end; none for whoever may not.
    levels: tuple[Choice, ...]
    levels_then: tuple[Choice, ...]
    safety_words: str
    safety_key: str
    key: str
    end_keys: Mapping[int, str]
    nights: tuple[Night, ...]
    may_order_nights: bool
    night_key: str
    opened_by: int
    opened_in: int | None


def nights(session: Session, stay: Stay, *, zone: ZoneInfo, now: datetime) -> tuple[Night, ...]:
    """What a prescriber has ordered for the night."""
    found = night_queries.standing(session, stay.id).values()
    names = staff.names(session, [one.ordered_by for one in found])
    return tuple(
        Night(
            kind=one.kind.value,
            told=night_words.told(one),
            who=f"{names.get(one.ordered_by, 'not known')},"
            f" {local_time.day_and_time(one.created_at, zone, now)}",
            why=one.reason,
        )
        for one in found
    )


def name_of(instrument: str) -> str:
    """What people call it."""
    if instrument == "news2":
        return "Vital signs, NEWS2"
    return scale.latest()[instrument].name if instrument in scale.latest() else instrument


def spoken(minutes: int) -> str:
    """`every 4 h`, `every 30 min`."""
    return f"every {local_time.span(timedelta(minutes=minutes))}"


def _times(times: Sequence[time]) -> str:
    return "at " + ", ".join(f"{one:%H:%M}" for one in times)


def lines(
    session: Session, stay: Stay, *, in_force: InForce, zone: ZoneInfo, now: datetime
) -> tuple[Line, ...]:
    """The orders that stand, next due first."""
    found = queries.orders_on_stay(session, stay.id)
    open_rounds = {row.order_id: row for row in queries.open_on_stay(session, stay.id)}
    names = staff.names(session, [one.ordered_by for one in found])
    made = [
        _line(
            session,
            one,
            open_rounds.get(one.id),
            warn=in_force.protocol.rounds.warn_gap_minutes,
            names=names,
            zone=zone,
            now=now,
        )
        for one in found
    ]
    far = datetime.max.replace(tzinfo=zone)
    due = {one.id: open_rounds[one.id].due_at if one.id in open_rounds else far for one in found}
    return tuple(sorted(made, key=lambda line: due[line.order_id]))


def _line(
    session: Session,
    one: ObservationOrder,
    row: Round | None,
    *,
    warn: int | None,
    names: Mapping[int, str],
    zone: ZoneInfo,
    now: datetime,
) -> Line:
    how_often = _times(one.at_times) if one.at_times else spoken(one.interval_minutes)
    if one.one_to_one:
        how_often = Level.ONE_TO_ONE.words
    shortened = row is not None and not one.once and row.interval_minutes < one.interval_minutes
    version = protocols.by_id(session, one.protocol_id).version
    by = names.get(one.ordered_by, "not known")
    until = None
    if one.until_at is not None:
        until = f"until {local_time.day_and_time(one.until_at, zone, now)}"
        if one.then_minutes is not None:
            until += f", then {spoken(one.then_minutes)}"
    return Line(
        order_id=one.id,
        name=name_of(one.instrument),
        how_often="once" if one.once else how_often,
        next_due=_due(row, zone, now),
        overdue=row is not None and row.due_at <= now,
        now_every=spoken(row.interval_minutes) if row is not None and shortened else None,
        until=until,
        who=f"{by}, {local_time.day_and_time(one.created_at, zone, now)}, protocol {version}",
        why=one.reason,
        gap=_gap(one, warn),
        once=one.once,
    )


def _due(row: Round | None, zone: ZoneInfo, now: datetime) -> str:
    if row is None:
        return "no round"
    at = local_time.day_and_time(row.due_at, zone, now)
    if row.due_at <= now:
        return f"due since {at}"
    return f"next {at}, in {local_time.span(row.due_at - now)}"


def _gap(one: ObservationOrder, warn: int | None) -> str | None:
    if warn is None or one.once or one.interval_minutes <= warn:
        return None
    return f"Leaves up to {local_time.span(timedelta(minutes=one.interval_minutes))} unobserved."


def at_risk(stay: Stay, in_force: InForce, zone: ZoneInfo, now: datetime) -> str | None:
    """The sentence about the risk window, while it is open."""
    until = at_risk_until(stay, in_force)
    if until is None or now >= until:
        return None
    counted = "the last use" if stay.last_use_at else "the admission, as nobody knows the last use"
    return (
        f"Risk window until {local_time.day_and_time(until, zone, now)}, counted from {counted}:"
        " nothing is observed less often before."
    )


def instruments(in_force: InForce) -> tuple[Choice, ...]:
    """What the unit has intervals for."""
    known = sorted(in_force.protocol.intervals, key=lambda key: key != "news2")
    return tuple(Choice(value=key, label=name_of(key)) for key in known)


def levels(closest: Level | None, *, may_lower: bool) -> tuple[Choice, ...]:
    """The levels of safety rounds that can be ordered: only the closer ones, for some."""
    return tuple(
        Choice(value=level.value, label=level.words)
        for level in safety.LEVELS
        if may_lower or not safety.lowers(closest, level, None)
    )


def level_now(standing: ObservationOrder | None) -> Level | None:
    """How closely somebody is looked after now; None without safety rounds."""
    if standing is None:
        return None
    return safety.level_of(standing.interval_minutes, one_to_one=standing.one_to_one)


def every() -> tuple[Choice, ...]:
    """The intervals that can be ordered."""
    return tuple(Choice(value=str(minutes), label=spoken(minutes)) for minutes in EVERY_MINUTES)
