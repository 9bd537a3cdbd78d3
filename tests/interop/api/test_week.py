"""A week of ward life in which the clocks change: every figure of timeliness, worked out twice.

What Vigil says comes from its rounds. What it is compared with is worked out here from what people
did (the orders, the sets with their two times, the times away) by the sentences of the handbook,
without a row of the schedule and without its code.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import uuid4
from zoneinfo import ZoneInfo

from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from backend.clinical.shift import Shift, shift_at
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.observations import service as observations
from backend.rounds.leave import service as leaves
from backend.rounds.leave.overdue import service as overdue
from backend.stays.leave.facts import Facts
from backend.stays.leave.models import Away
from backend.stays.models import Stay
from tests import build
from tests.people import Ward
from tests.reports.night import chart, report_of, watch

BERLIN = ZoneInfo("Europe/Berlin")
# Monday to Monday; on Sunday at 03:00 it is 02:00 again.
START = datetime(2026, 10, 19, 7, tzinfo=BERLIN).astimezone(UTC)
END = datetime(2026, 10, 26, 7, tzinfo=BERLIN).astimezone(UTC)
MINUTE = timedelta(minutes=1)
# Vital signs and the sedation scale.
CHECKS = 2
# What happens at a bed, and how often: while the watch is awake, and while it sleeps.
SLEPT = {"set": 60, "part": 8, "refused": 10, "asleep": 14}
AWAKE = SLEPT | {"set": 40, "late entry": 6, "wrong": 6, "corrected": 6, "away": 10}
FATES = (
    "on time", "late", "partly done", "missed", "asleep", "refused", "off unit", "taken back",
    "called off", "still open",
)  # fmt: skip


@dataclass
class ByHand:
    """One order every so many minutes, kept by hand: what fell due when, and what came of it."""

    minutes: int
    due: datetime
    fates: list[tuple[datetime, str]] = field(default_factory=list)
    last: datetime | None = None
    refused: int = 0
    asleep: int = 0
    missed: int = 0
    calls: bool = False  # an urgent alert, for two missed or two refused
    calls_for_refusal: bool = False
    unchecked_from: datetime | None = None  # back from outside, and nobody looked
    began: datetime | None = None

    def __post_init__(self) -> None:
        self.began = self.due

    @property
    def interval(self) -> timedelta:
        return self.minutes * MINUTE

    @property
    def grace(self) -> timedelta:
        return min(max(self.interval / 4, 5 * MINUTE), 30 * MINUTE)

    def until(self, now: datetime) -> None:
        """What the next one falling due has made missed."""
        while self.due + self.interval <= now:
            self.fates.append((self.due, "missed"))
            self.due += self.interval
            self.missed += 1
            self.calls = self.calls or self.missed >= 2

    def _counts(self, at: datetime) -> bool:
        return self.due == self.began or self.last is None or at > self.last

    def _done(self, fate: str, at: datetime, wait: timedelta) -> None:
        self.fates.append((self.due, fate))
        self.due, self.last = at + wait, at
        self.missed, self.calls = 0, False

    def assessed(self, at: datetime, *, complete: bool) -> None:
        if not self._counts(at):
            return
        fate = "on time" if at <= self.due + self.grace else "late"
        wait = self.interval if complete else min(30 * MINUTE, self.interval)
        self._done(fate if complete else "partly done", at, wait)
        self.refused, self.asleep, self.calls_for_refusal = 0, 0, False

    def refuses(self, at: datetime) -> None:
        if self._counts(at) and self.due <= at:
            self.refused += 1
            self._done("refused", at, 30 * MINUTE if self.refused <= 2 else self.interval)
            self.calls_for_refusal = self.calls_for_refusal or self.refused >= 2

    def sleeps(self, at: datetime) -> None:
        unlooked = self.unchecked_from is not None and at >= self.unchecked_from
        woken = self.calls or self.calls_for_refusal or unlooked or self.asleep >= 2
        if self._counts(at) and self.due <= at and not woken:
            self.asleep += 1
            self._done("asleep", at, self.interval)

    def taken_back(self) -> None:
        """The last set: what it had done is due again, since when it was."""
        self.due, _ = self.fates.pop()

    def leaves(self, at: datetime) -> None:
        self.until(at)
        self.calls = False

    def is_back(self, at: datetime) -> None:
        if self.due < at:
            self.fates.append((self.due, "off unit"))
            self.due, self.missed = at, 0


@dataclass
class Patient:
    """Who lives through the week, with the two ways to keep their order."""

    stay: Stay
    instrument: str
    hand: ByHand
    where: Away
    checks: list[tuple[datetime, str]] = field(default_factory=list)


def _lived(session: Session, until: datetime) -> None:
    with clock.as_if(until):
        while (state := overdue.past_its_time(session, until, ())) is not None:
            overdue.move_on(session, state, until)
            session.flush()
    watch(session, until)


def _answers(instrument: str, *, complete: bool) -> dict[str, dict[str, int]]:
    found = build.ciwa_b(10) if instrument == "ciwa-b" else {"cows": dict.fromkeys(build.COWS, 0)}
    if not complete:
        del found[instrument][next(iter(found[instrument]))]
    return found


Then = tuple[datetime, Callable[[datetime], None]]


def _away(session: Session, ward: Ward, one: Patient, at: datetime, hours: float) -> Then:
    nora = ward.staff["nora"].id
    facts = Facts(why=one.where, left_at=at, expected_at=at + timedelta(hours=2))
    with clock.as_if(at):
        leaves.leave(session, nora, one.stay, key=uuid4(), facts=facts)
    one.hand.leaves(at)

    def back(at: datetime) -> None:
        with clock.as_if(at):
            leaves.come_back(session, nora, one.stay, key=uuid4())
        one.hand.is_back(at)
        if one.where is Away.PASS:
            # Each within a quarter of an hour; nobody looked.
            one.checks += [(at, "missed")] * CHECKS
            one.hand.unchecked_from = one.hand.unchecked_from or at + 15 * MINUTE

    return at + timedelta(hours=hours), back


def _something(
    session: Session, ward: Ward, one: Patient, at: datetime, dice: Random, *, watched: bool
) -> Then | None:
    """One deed at a bed, told to both; and what it leads to, later."""
    deeds = AWAKE if watched else SLEPT
    what = dice.choices(list(deeds), list(deeds.values()))[0]
    observed = at - 45 * MINUTE if what == "late entry" else at
    one.hand.until(at)
    if what == "away":
        return _away(session, ward, one, at, dice.choice((0.5, 1.9, 3, 5.5)))
    if what in {"refused", "asleep"}:
        vitals = Vitals(respiratory_rate_per_min=14) if what == "asleep" else Vitals()
        chart(session, ward, one.stay, at, outcome=what, vitals=vitals)
        (one.hand.sleeps if what == "asleep" else one.hand.refuses)(at)
        return None
    answers = _answers(one.instrument, complete=what != "part")
    row = chart(session, ward, one.stay, observed, written_at=at, answers=answers, vitals=Vitals())
    before = len(one.hand.fates)
    one.hand.assessed(observed, complete=what != "part")
    if what not in {"wrong", "corrected"} or len(one.hand.fates) == before:
        return None
    whole = _answers(one.instrument, complete=True)

    def taken_back(at: datetime) -> None:
        one.hand.until(at)
        with clock.as_if(at):
            observations.entered_in_error(
                session,
                ward.staff["nora"].id,
                one.stay,
                key=uuid4(),
                supersedes_id=row.id,
                reason="another bed",
            )
        one.hand.taken_back()

    def put_right(at: datetime) -> None:
        with clock.as_if(at):
            observations.correct(
                session,
                ward.staff["nora"].id,
                one.stay,
                key=uuid4(),
                supersedes_id=row.id,
                reason="misread",
                sheet=build.sheet(observed_at=observed, vitals=Vitals(), answers=whole),
            )

    return at + 4 * MINUTE, taken_back if what == "wrong" else put_right


def _people(session: Session, ward: Ward) -> list[Patient]:
    made = []
    for bed, instrument, minutes, where in (
        ("1", "ciwa-b", 240, Away.THERAPY),
        ("2", "cows", 360, Away.PASS),
        ("3", "ciwa-b", 120, Away.ACTIVITY),
    ):
        stay = build.stay(
            session,
            ward,
            bed=bed,
            admitted_at=START - timedelta(days=9),
            orders={instrument: minutes},
            ordered_at=START,
        )
        hand = ByHand(minutes=minutes, due=START)
        made.append(Patient(stay=stay, instrument=instrument, hand=hand, where=where))
    return made


def _week(session: Session, ward: Ward, seed: int) -> list[Patient]:
    dice = Random(seed)  # noqa: S311 (the same week again, not a secret)
    made = _people(session, ward)
    # For ten hours of the Thursday the watch sleeps, and people go on.
    asleep = START + timedelta(days=3), START + timedelta(days=3, hours=10)
    waits: list[tuple[datetime, int, Callable[[datetime], None] | None]] = [
        (START, number, None) for number in range(len(made))
    ]
    while waits:
        at, number, deed = heapq.heappop(waits)
        one, then = made[number], None
        watched = not asleep[0] <= at < asleep[1]
        if watched:
            _lived(session, at)
        if deed is not None:
            deed(at)
        elif at > START:
            then = _something(session, ward, one, at, dice, watched=watched)
        if then is not None:
            heapq.heappush(waits, (then[0], number, then[1]))
            at = then[0]
        if deed is None and (at := at + dice.uniform(0.4, 1.6) * one.hand.interval) < END:
            heapq.heappush(waits, (at, number, None))
    # A day on, what was open at the end has come to its own.
    _lived(session, END + timedelta(days=1))
    for one in made:
        one.hand.until(END + timedelta(days=1))
    return made


def _shifts(ward: Ward) -> Iterator[Shift]:
    at = START
    while at < END:
        found = shift_at(at, ward.unit.shift_starts, BERLIN)
        yield found
        at = found.ends_at


def test_a_week_reads_the_same_from_the_report_the_api_and_by_hand(
    session: Session, ward: Ward, machine: Callable[..., TestClient]
) -> None:
    lived = _week(session, ward, seed=1989)
    everything = Counter(fate for one in lived for _, fate in (*one.hand.fates, *one.checks))
    assert {fate for fate in FATES if everything[fate]} >= {
        "on time", "late", "partly done", "missed", "asleep", "refused", "off unit",
    }  # fmt: skip
    interface, hours = machine(), []
    for shift in _shifts(ward):
        fallen = [
            (one, fate)
            for one in lived
            for due, fate in (*one.hand.fates, *one.checks)
            if shift.starts_at <= due < shift.ends_at
        ]
        expected = dict.fromkeys(FATES, 0) | Counter(fate for _, fate in fallen)
        expected["due"] = len(fallen)
        report = report_of(session, ward, shift)
        told = {
            row.subject: row.value
            for row in report.rows
            if row.section == "observations" and row.figure == "all"
        }
        assert {name: told[name] for name in expected} == expected, shift
        begins = shift.starts_at.isoformat()
        rows = interface.get("/api/v1/reports/shift", params={"start": begins}).json()["rows"]
        sent = {
            row["subject"]: row["value"]
            for row in rows
            if row["section"] == "observations" and row["figure"] == "all"
        }
        assert {name: sent[name] for name in expected} == expected, shift
        hours.append(shift.hours)
    assert sorted(set(hours)) == [12, 13]
