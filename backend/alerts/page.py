"""What the list of alerts shows, loaded and put into words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from backend.accounts import census
from backend.accounts.access import Actor
from backend.accounts.staff import queries as staff
from backend.alerts import queries, words
from backend.alerts import service as alerts
from backend.alerts.models import Alert, AlertState, AlertStep, Level
from backend.alerts.queries import Bundle, Place
from backend.alerts.words import Look
from backend.clinical import shift
from backend.core import local_time

Show = Literal["open", "mine", "closed"]


@dataclass(frozen=True, kw_only=True)
class Link:
    """Another alert, named."""

    alert_id: int
    words: str


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the list. `since` is empty for what is closed."""

    alert_id: int
    look: Look
    plate: str
    place: str
    code: str
    title: str
    sentence: str
    standing: str
    also_met: tuple[Link, ...]
    beside: tuple[Link, ...]
    since: str
    age: str
    here: bool


@dataclass(frozen=True, kw_only=True)
class Tab:
    """One way to look at the list."""

    label: str
    path: str
    here: bool


@dataclass(frozen=True, kw_only=True)
class Figure:
    """How many are open of one look."""

    level: str
    word: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The list with what stands above it."""

    refresh: str
    heading: str
    tabs: tuple[Tab, ...]
    figures: tuple[Figure, ...]
    rows: tuple[Row, ...]
    empty: str
    last_closed: str
    # Emergencies that nobody has: a screen that may sound sounds for them.
    sounds: int


def listing(
    session: Session, actor: Actor, *, show: Show, opened: int | None, now: datetime
) -> Listing:
    """The open ones, those that the actor has promised, or those closed this shift."""
    unit, zone = actor.unit, actor.zone
    starts_at = shift.shift_at(now, unit.shift_starts, zone).starts_at
    standing_open = queries.bundles(queries.open_on_unit(session, unit.id))
    closed = queries.closed_since(session, unit.id, starts_at)
    mine = queries.bundles(queries.taken_by(session, unit.id, actor.id))
    shown = {
        "open": standing_open,
        "mine": mine,
        "closed": [Bundle(leading=alert, muted=()) for alert in closed],
    }[show]
    last = queries.last_closed_at(session, unit.id)
    labels: list[tuple[Show, str, int]] = [
        ("open", "Open", len(standing_open)),
        ("mine", "Mine", len(mine)),
        ("closed", "Closed this shift", len(closed)),
    ]
    return Listing(
        refresh=f"/alerts/list?show={show}" + (f"&opened={opened}" if opened else ""),
        heading={"open": "Open alerts", "mine": "My alerts", "closed": "Closed this shift"}[show],
        tabs=tuple(
            Tab(label=f"{label} {count}", path=f"/alerts?show={name}", here=name == show)
            for name, label, count in labels
        ),
        figures=_figures(standing_open),
        rows=_rows(session, shown, actor, opened=opened, now=now),
        empty={
            "open": "No open alerts",
            "mine": "You have promised nothing that is still open",
            "closed": f"Nothing was closed since {local_time.clock_time(starts_at, zone)}",
        }[show],
        last_closed=f"The last one was closed {local_time.day_and_time(last, zone, now)}."
        if last
        else "None has been closed yet.",
        sounds=sum(_is_nobodys_emergency(one.leading) for one in standing_open),
    )


def _is_nobodys_emergency(alert: Alert) -> bool:
    taken = alert.state is AlertState.ACKNOWLEDGED or alert.cleared_at is not None
    return alert.level is Level.EMERGENCY and not taken


def _figures(bundles: Sequence[Bundle]) -> tuple[Figure, ...]:
    """Emergency, urgent and advisory always, because nought of them is worth knowing."""
    counts = dict.fromkeys(("emergency", "urgent", "overdue", "unknown", "advisory"), 0)
    for one in bundles:
        counts[words.look(one.leading).level] += 1
    always = ("emergency", "urgent", "advisory")
    return tuple(
        Figure(level=level, word=level, count=count)
        for level, count in counts.items()
        if count or level in always
    )


def _rows(
    session: Session, bundles: Sequence[Bundle], actor: Actor, *, opened: int | None, now: datetime
) -> tuple[Row, ...]:
    leading = [one.leading for one in bundles]
    census.shown(session, actor, "alerts", [alert.stay_id for alert in leading], now)
    places = queries.places(session, [alert.stay_id for alert in leading])
    names = names_of(session, leading, ())
    lapses = queries.last_lapses(session, [alert.id for alert in leading])
    return tuple(
        _row(
            one,
            places[one.leading.stay_id],
            standing=words.standing(
                one.leading,
                alerts.rungs(session, one.leading),
                names,
                actor.zone,
                lapsed_at=lapses.get(one.leading.id),
            ),
            beside=[
                other
                for other in leading
                if other.stay_id == one.leading.stay_id and other.id != one.leading.id
            ],
            here=opened in {one.leading.id, *(alert.id for alert in one.muted)},
            now=now,
        )
        for one in bundles
    )


def _row(
    one: Bundle,
    place: Place,
    *,
    standing: str,
    beside: Sequence[Alert],
    here: bool,
    now: datetime,
) -> Row:
    alert = one.leading
    return Row(
        alert_id=alert.id,
        look=words.look(alert),
        plate=place.bed_label or "–",
        place=f"Bed {place.bed_label}" if place.bed_label else "No bed",
        code="" if place.bed_label else place.code,
        title=alert.title,
        sentence=alert.sentence,
        standing=standing,
        also_met=tuple(Link(alert_id=muted.id, words=muted.title) for muted in one.muted),
        beside=tuple(Link(alert_id=other.id, words=other.title) for other in beside),
        since=local_time.machine(alert.raised_at) if alert.closed_at is None else "",
        age=words.age(alert, now),
        here=here,
    )


def names_of(session: Session, some: Sequence[Alert], steps: Sequence[AlertStep]) -> dict[int, str]:
    """Everybody who did something to these alerts."""
    ids = {step.actor_id for step in steps}
    for alert in some:
        ids |= {alert.acknowledged_by, alert.closed_by, alert.seen_by}
    return staff.names(session, [one for one in ids if one is not None])
