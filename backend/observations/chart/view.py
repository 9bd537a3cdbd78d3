"""Put the chart together from what is stored: figures, strips, sets, items, alerts."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.accounts.permissions import Permission
from backend.accounts.staff import queries as staff
from backend.alerts import queries as alerts
from backend.alerts import service as alert_service
from backend.alerts import words as alert_words
from backend.alerts.models import Alert
from backend.clinical import fluid, happening, scale
from backend.clinical.protocol import band_system
from backend.core import local_time
from backend.observations import words
from backend.observations.chart import cursor, queries, table
from backend.observations.chart.drawings import Sight, events, score_course
from backend.observations.chart.page import (
    Chart,
    ChartAlert,
    Due,
    Figure,
    Fluids,
    Happening,
    Range,
)
from backend.observations.chart.plot import Axis, Drawing
from backend.observations.chart.safety import safety_rounds
from backend.observations.chart.strips import away, vital_signs
from backend.observations.events import page as event_page
from backend.observations.models import Score
from backend.protocols import queries as protocols
from backend.rounds import coming
from backend.rounds import queries as rounds
from backend.stays.leave import queries as leave
from backend.stays.leave import words as leave_words
from backend.stays.models import Stay

RANGES = {
    "36h": ("36 h", timedelta(hours=36)),
    "24h": ("24 h", timedelta(hours=24)),
    "7d": ("7 days", timedelta(days=7)),
    "stay": ("Stay", None),
}
# The newest value must not lie on the edge.
MARGIN = 0.03
# A stay of an hour is not drawn as wide as one of a day.
SHORTEST = timedelta(hours=12)


def chart(
    session: Session, actor: Actor, stay: Stay, *, chosen: str, most: int, now: datetime
) -> Chart:
    """The chart of a stay over one of RANGES, with the newest `most` sets in its table."""
    label, length = RANGES[chosen]
    last = stay.discharged_at or now
    start = stay.admitted_at if length is None else last - length
    start = min(start, last - SHORTEST)
    axis = Axis(start=start, end=last + (last - start) * MARGIN, now=now, zone=actor.zone)
    course = queries.course(session, stay.id, start=start, end=axis.end)
    used = [key for key in _used(session, stay) if key in scale.latest()]
    sums = [key for key in used if key in scale.asked()]
    orders = rounds.orders_on_stay(session, stay.id)
    sight = Sight(
        course=course,
        axis=axis,
        shift_starts=actor.unit.shift_starts,
        intervals={one.instrument: timedelta(minutes=one.interval_minutes) for one in orders},
    )
    rows = table.rows(
        course,
        sums,
        zone=actor.zone,
        may=actor.may(Permission.CORRECT_OBSERVATION),
        sees_notes=actor.may(Permission.SEE_NOTES),
    )
    all_alerts = alerts.of_stay(session, stay.id)
    gone = leave.away(session, [stay.id]).get(stay.id)
    query = f"range={chosen}&sets={most}"
    return Chart(
        stay_id=stay.id,
        path=f"/stays/{stay.id}/chart?{query}",
        range_words=label if chosen != "stay" else "whole stay",
        ranges=tuple(
            Range(key=key, label=label, here=key == chosen) for key, (label, _) in RANGES.items()
        ),
        figures=_figures(session, stay, sums, actor, now),
        away=leave_words.told(gone, actor.zone, now) if gone else None,
        fluids=_fluids(session, stay, actor, last) if fluid.FLUID in used else None,
        due=() if gone else _due(session, stay, actor, now),
        happened=_happened(session, course, actor, now),
        alerts=_alerts(session, alerts.open_on_stay(session, stay.id), actor, now),
        closed_alerts=_alerts(session, [one for one in all_alerts if one.closed_at], actor, now),
        drawings=_drawings(session, stay, sight, sums, now),
        moments=cursor.moments(sight, sums),
        columns=tuple(words.name_of(key) for key in sums),
        rows=tuple(rows[:most]),
        more_path=f"range={chosen}&sets={most * 2}" if len(rows) > most else None,
        heats=tuple(
            heat
            for key in _itemised(sums)
            if (heat := table.heat(course, key, actor.zone)) is not None
        ),
        notice=_notice(session, stay, course, actor, now),
        may_record=actor.may(Permission.RECORD_OBSERVATION),
        sees_alerts=actor.may(Permission.SEE_ALERTS),
        may_manage=actor.may(Permission.MANAGE_STAYS),
        may_counsel=actor.may(Permission.COUNSEL),
        may_consent=actor.may(Permission.SEE_CONSENTS),
    )


def _itemised(keys: Sequence[str]) -> list[str]:
    """Those whose items can be laid side by side: more than one, and scored."""
    known = scale.latest()
    return [key for key in keys if known[key].scoring != "none" and len(known[key].items) > 1]


def _used(session: Session, stay: Stay) -> list[str]:
    """What was ever scored here, and what is ordered; the ward's order of instruments."""
    found = set(queries.instruments_of(session, stay.id))
    found |= {one.instrument for one in rounds.orders_on_stay(session, stay.id)}
    return [key for key in scale.latest() if key in found]


def _drawings(
    session: Session, stay: Stay, sight: Sight, sums: Sequence[str], now: datetime
) -> tuple[Drawing, ...]:
    in_force = protocols.in_force(session, stay.unit_id, at=now)
    found = [
        score_course(sight, key, band_system(scale.latest()[key], in_force.protocol.band_systems))
        for key in sums
    ]
    strips = [
        one
        for one in (away(sight), safety_rounds(sight), *found, vital_signs(sight))
        if one is not None
    ]
    if not (strips or sight.course.alerts or sight.course.sets or sight.course.events):
        return ()
    return (events(sight), *strips)


def _figures(
    session: Session, stay: Stay, sums: Sequence[str], actor: Actor, now: datetime
) -> tuple[Figure, ...]:
    found = []
    for key in (*(one for one in sums if one != fluid.FLUID), "news2"):
        scores = queries.newest_totals(session, stay.id, key)
        found.append(_figure(key, scores, actor, now))
    return tuple(found)


def _figure(key: str, scores: Sequence[Score], actor: Actor, now: datetime) -> Figure:
    """Without a set it is unknown: never a zero, never calm."""
    name = words.name_of(key)
    if not scores:
        return Figure(
            name=name,
            value="?",
            word="unknown",
            arrow="",
            change="",
            moved=(),
            at="never scored",
            known=False,
        )
    newest, before = scores[0], scores[1] if len(scores) > 1 else None
    arrow, change = words.change(newest.total, before.total if before else None)
    return Figure(
        name=name,
        value=words.shown(newest),
        word=newest.band or ("" if words.is_known(newest) else "incomplete"),
        arrow=arrow,
        change=change,
        moved=words.moved(newest, before) if words.is_known(newest) else (),
        at=local_time.day_and_time(newest.observed_at, actor.zone, now),
        known=words.is_known(newest),
    )


def _fluids(session: Session, stay: Stay, actor: Actor, at: datetime) -> Fluids:
    """In, out and balance of 24 hours; a side that nobody wrote down stays unknown."""
    found = fluid.running(queries.fluids(session, stay.id, at=at), at=at)
    balance = found.balance_ml
    sides = (
        ("Fluids in, 24 h", _ml(found.in_ml), found.in_ml is not None),
        ("Out", _ml(found.out_ml), found.out_ml is not None),
        ("Balance", "?" if balance is None else f"{balance:+d} mL", balance is not None),
    )
    if found.newest_at is None:
        return Fluids(sides=sides, note="Nothing was written down in 24 hours.")
    entries = "1 entry" if found.entries == 1 else f"{found.entries} entries"
    newest = local_time.day_and_time(found.newest_at, actor.zone, at)
    note = f"{entries}, the last {newest}. Only what was measured; a missing side is not a zero."
    return Fluids(sides=sides, note=note)


def _ml(amount: int | None) -> str:
    return "?" if amount is None else f"{amount} mL"


def _happened(
    session: Session, course: queries.Course, actor: Actor, now: datetime
) -> tuple[Happening, ...]:
    names = staff.names(session, [row.recorded_by for row in course.events])
    return tuple(
        Happening(
            label=happening.KINDS[row.kind].label,
            when=event_page.when(row, actor.zone, now),
            who=names.get(row.recorded_by, "not known"),
        )
        for row in reversed(course.events)
    )


def _due(session: Session, stay: Stay, actor: Actor, now: datetime) -> tuple[Due, ...]:
    return tuple(
        Due(
            name=words.name_of(row.instrument),
            words=words.due(row.due_at, now),
            at=local_time.day_and_time(row.due_at, actor.zone, now),
            due=local_time.machine(row.due_at),
            overdue=row.due_at <= now,
        )
        for row in coming.on_stay(session, stay.id)
    )


def _alerts(
    session: Session, found: Sequence[Alert], actor: Actor, now: datetime
) -> tuple[ChartAlert, ...]:
    people = {one for alert in found for one in (alert.acknowledged_by, alert.closed_by) if one}
    names = staff.names(session, list(people))
    lapses = alerts.last_lapses(session, [alert.id for alert in found])
    return tuple(
        ChartAlert(
            title=alert.title,
            level=alert.level.value,
            standing=alert_words.standing(
                alert,
                alert_service.rungs(session, alert),
                names,
                actor.zone,
                lapsed_at=lapses.get(alert.id),
            ),
            at=local_time.day_and_time(alert.raised_at, actor.zone, now),
            path=f"/alerts/{alert.id}",
        )
        for alert in found
    )


def _notice(
    session: Session, stay: Stay, course: queries.Course, actor: Actor, now: datetime
) -> str | None:
    """What the drawing alone would not say."""
    if course.cut:
        return f"Only the newest {queries.MOST_SETS} sets of this time are drawn."
    if course.sets:
        return None
    last = queries.last_observed_at(session, stay.id)
    if last is None:
        return "Nothing has been recorded for this patient yet."
    when = local_time.day_and_time(last, actor.zone, now)
    return f"No set in this time. The last one was observed {when}: choose a longer time."
