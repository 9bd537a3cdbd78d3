"""What the simulated staff does: goes where something is due, and writes it down as people do.

Mostly in time and mostly soon; some rounds late, some never, some charted hours afterwards. Each
deed is one of the services that the screens use, and plans what follows from it.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from random import Random
from uuid import uuid5

from sqlalchemy.orm import Session

from backend.clinical.sheet import Sheet
from backend.core.errors import UserError
from backend.demo import courses
from backend.demo.alarms import hear
from backend.demo.unit import SPACE
from backend.demo.ward import Ward, dice
from backend.observations import service as observations
from backend.observations.events import service as events
from backend.observations.events.models import EventKind
from backend.observations.models import Source
from backend.rounds import queries as rounds
from backend.stays.models import Stay

# How often something does not go by the book. Invented, and told by `vigil demo --describe`.
MISSED_BY_DAY, MISSED_BY_NIGHT = 0.01, 0.025
LATE = 0.03
# Written down at the end of the shift, whatever is due meanwhile.
DESK = 0.08
REFUSED = 0.02
CORRECTED = 0.012
ASLEEP_AT_NIGHT = 0.6
# Then somebody is woken.
MOST_SLEEPS = 2
VOMITS = 0.08
ASLEEP = "Breaths counted, on the right side, colour good."
NIGHT_BEGINS_H, NIGHT_ENDS_H = 23, 6


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def look(ward: Ward, stay_id: int, session: Session, at: datetime) -> None:
    """When to go next: near what is due, later, or not at all."""
    rng = dice("visit", ward.persons[stay_id].number, ward.visits[stay_id])
    ward.visits[stay_id] += 1
    due = [(row.due_at, row.interval_minutes) for row in rounds.open_on_stay(session, stay_id)]
    if not due:
        ward.plan(at + timedelta(hours=1), partial(look_again, ward, stay_id), now=at)
        return
    due_at, interval_minutes = due[0]
    night = not NIGHT_ENDS_H <= ward.local_hour(due_at) < NIGHT_BEGINS_H
    if rng.random() < (MISSED_BY_NIGHT if night else MISSED_BY_DAY):
        again = max(due_at, at) + timedelta(hours=2.5)
        ward.plan(again, partial(look_again, ward, stay_id), now=at)
        return
    delay = minutes(courses.delay_minutes(rng.random()))
    if rng.random() >= DESK:
        # Who comes again soon writes it down at the bed.
        delay = min(delay, minutes(interval_minutes / 5))
    # Who knows that it will be written down only at the desk goes early.
    early = 0.8 * _early(interval_minutes)
    seen_at = due_at - min(delay, early) + minutes(rng.uniform(-3, 6))
    if rng.random() < LATE:
        seen_at += minutes(rng.uniform(30, 100))
    seen_at = max(seen_at, at + minutes(1))
    ward.plan(seen_at + delay, partial(chart, ward, stay_id, delay), now=at)


def _early(interval_minutes: int) -> timedelta:
    """Rounds that fall due this soon after a visit are done with it."""
    return minutes(min(interval_minutes / 4, 30))


def look_again(ward: Ward, stay_id: int, session: Session, at: datetime) -> None:
    if stay_id in ward.persons:
        look(ward, stay_id, session, at)


def chart(
    ward: Ward,
    stay_id: int,
    delay: timedelta,
    session: Session,
    at: datetime,
    *,
    goes_on: bool = True,
) -> None:
    """Write down what was found at the bed a while ago, and for which rounds."""
    someone = ward.persons.get(stay_id)
    if someone is None:
        return
    stay = session.get_one(Stay, stay_id)
    seen_at = max(at - delay / ward.speed, stay.admitted_at)
    rng = dice("set", someone.number, ward.visits[stay_id], goes_on)
    orders = {one.id: one.instrument for one in rounds.orders_on_stay(session, stay_id)}
    due = {
        orders[row.order_id]
        for row in rounds.open_on_stay(session, stay_id)
        if row.due_at <= seen_at + _early(row.interval_minutes) or not goes_on or ward.speed > 1
    }
    found = courses.at_hour(someone, ward.hour(stay.admitted_at, seen_at))
    sheet = _sheet(ward, stay_id, found, due, seen_at=seen_at, rng=rng)
    _record(ward, session, stay, at, sheet=sheet, rng=rng)
    if "opioids" in someone.kind.value and found.totals.get("cows", 0) >= 8:
        _vomits(ward, session, stay, seen_at, rng)
    hear(ward, session, at, look_in=partial(chart, ward, goes_on=False))
    if goes_on:
        look(ward, stay_id, session, at)


def _sheet(
    ward: Ward, stay_id: int, found: courses.Found, due: set[str], *, seen_at: datetime, rng: Random
) -> Sheet:
    """What is written down of it."""
    hour = ward.local_hour(seen_at)
    night = not NIGHT_ENDS_H <= hour < NIGHT_BEGINS_H
    awake = ward.slept[stay_id] >= MOST_SLEEPS
    if (
        night
        and not awake
        and found.strain < 0.55
        and found.sinking < 0.3
        and rng.random() < ASLEEP_AT_NIGHT
    ):
        ward.slept[stay_id] += 1
        return Sheet(
            observed_at=seen_at, outcome="asleep", vitals=courses.sleeping_signs(rng), note=ASLEEP
        )
    if rng.random() < REFUSED:
        return Sheet(observed_at=seen_at, outcome="refused")
    ward.slept[stay_id] = 0
    vitals = courses.sinking_signs(rng, found)
    return Sheet(
        observed_at=seen_at,
        vitals=vitals,
        answers={
            name: courses.answers_adding_up_to(name, total, rng, vitals=vitals)
            for name, total in found.totals.items()
            if name in due
        },
    )


def _record(
    ward: Ward, session: Session, stay: Stay, at: datetime, *, sheet: Sheet, rng: Random
) -> None:
    """At the first try, or with one value read wrongly and put right some minutes later."""
    by = ward.nurse(stay.id, at)
    key = uuid5(SPACE, f"set {stay.id} {sheet.observed_at}")
    wrong = sheet
    pulse = sheet.vitals.pulse_per_min
    if pulse is not None and rng.random() < CORRECTED:
        misread = int(str(pulse)[::-1].lstrip("0") or "7")
        wrong = replace(sheet, vitals=replace(sheet.vitals, pulse_per_min=max(misread, 40)))
    try:
        with session.begin_nested():
            stored = observations.record(
                session, by, stay, key=key, sheet=wrong, source=Source.TYPED
            )
    except UserError as refused:
        # Somebody who must not be left asleep: it waits for the next round, and is late.
        ward.refused[refused.sentence] += 1
        return
    if wrong is not sheet:
        later = at + minutes(rng.uniform(5, 20))
        puts_right = partial(_put_right, ward, stay.id, observation_id=stored.id, sheet=sheet)
        ward.plan(later, puts_right, now=at)


def _put_right(
    ward: Ward, stay_id: int, session: Session, at: datetime, *, observation_id: int, sheet: Sheet
) -> None:
    if stay_id not in ward.persons:
        return
    observations.correct(
        session,
        ward.nurse(stay_id, at),
        session.get_one(Stay, stay_id),
        key=uuid5(SPACE, f"correction {observation_id}"),
        supersedes_id=observation_id,
        reason="Read wrongly from the monitor.",
        sheet=sheet,
    )


def _vomits(ward: Ward, session: Session, stay: Stay, at: datetime, rng: Random) -> None:
    if rng.random() < VOMITS:
        events.record(
            session,
            ward.nurse(stay.id, at),
            stay,
            key=uuid5(SPACE, f"vomits {stay.id} {at}"),
            kind=EventKind.VOMITING,
            started_at=at,
        )
