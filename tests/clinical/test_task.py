"""The task machine, lived through for weeks, the nights when the clocks change among them."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from backend.clinical import schedule, shift, task
from backend.clinical.task import DONE, OPEN, Answer, Machine, Move, Ordered, RoundState, Task
from tests.clinical.build import at, default_protocol

PROTOCOL = default_protocol()
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
# Evenings before a night of 25 hours, of 23, and an ordinary one.
EVENINGS = (
    (datetime(2026, 10, 24, 19, 5, tzinfo=UTC), BERLIN),
    (datetime(2026, 3, 28, 19, 5, tzinfo=UTC), BERLIN),
    (datetime(2026, 10, 31, 22, 5, tzinfo=UTC), NEW_YORK),
    (datetime(2026, 3, 7, 22, 5, tzinfo=UTC), NEW_YORK),
    (datetime(2026, 11, 23, 19, 0, tzinfo=UTC), BERLIN),
)
TIMES = st.lists(
    st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30))),
    min_size=1,
    max_size=6,
    unique=True,
)
MINUTES = st.sampled_from((1, 4, 7, 14, 16, 29, 31, 59, 61, 119, 240, 241, 700, 1500, 3000))
INTERVALS = st.sampled_from((15, 30, 60, 120, 240, 360, 480))


def ordered(minutes: int = 240, **changed: object) -> Ordered:
    values = {"interval_minutes": minutes, "starts_at": at(0)} | changed
    return Ordered(**values)  # type: ignore[arg-type]


def machine(its: Ordered | None = None, zone: ZoneInfo = BERLIN) -> Machine:
    return Machine(ordered=its or ordered(), protocol=PROTOCOL, zone=zone)


def came(minutes: float, outcome: str = "assessed", **changed: object) -> Answer:
    complete = True if outcome == "assessed" else None
    values = {"at": at(minutes), "outcome": outcome, "complete": complete, "wait_minutes": 240}
    return Answer(**(values | changed))  # type: ignore[arg-type]


class Weeks(RuleBasedStateMachine):
    """One order after the other on one patient, and everything that can become of its rounds."""

    @initialize(evening=st.sampled_from(EVENINGS), minutes=INTERVALS)
    def admitted(self, evening: tuple[datetime, ZoneInfo], minutes: int) -> None:
        self.now, self.zone = evening
        self.ledger: list[tuple[Task, RoundState]] = []
        self.away_since: datetime | None = None
        self.refused = self.slept = 0
        self.last_set_at: datetime | None = None
        self.done_at: datetime | None = None
        self._begin(Ordered(interval_minutes=minutes, starts_at=self.now))

    def _begin(
        self, its: Ordered, *, last: datetime | None = None, instead: Task | None = None
    ) -> None:
        self.machine = Machine(ordered=its, protocol=PROTOCOL, zone=self.zone)
        self.open: Task | None = self.machine.first(last_done_at=last, instead=instead)
        self.done_at = None
        self.watched = False

    def _apply(self, moves: list[Move]) -> None:
        self.watched = self.watched and not moves
        for move in moves:
            assert self.open is not None
            assert move.at <= self.now
            self.open = replace(self.open, state=move.state)
            if move.state not in OPEN:
                self.ledger.append((self.open, move.state))
                self.open = move.following
                assert (move.following is None) == move.over

    def _watch(self) -> None:
        if self.open is not None and self.away_since is None:
            self._apply(list(self.machine.lived(self.open, self.now)))
        self.watched = True

    def _set(self, answer: Answer) -> list[Move]:
        if self.open is None:
            return []
        moves = self.machine.came(self.open, answer, last_done_at=self.done_at)
        if moves:
            self._apply(moves)
            self.done_at = answer.at
        return moves

    @rule(minutes=MINUTES, awake=st.booleans())
    def time_passes(self, minutes: int, awake: bool) -> None:
        """With a watch that is awake, or one that comes back later and must catch up."""
        self.now += timedelta(minutes=minutes)
        self.watched = False
        if awake:
            self._watch()

    @rule(wait=INTERVALS, complete=st.booleans())
    @precondition(lambda self: self.away_since is None)
    def a_set_is_recorded(self, wait: int, complete: bool) -> None:
        wait = min(wait, self.machine.ordered.interval_minutes)
        moves = self._set(
            Answer(at=self.now, outcome="assessed", complete=complete, wait_minutes=wait)
        )
        if moves:
            ended = self.ledger[-1][1]
            if ended in DONE and not self.machine.ordered.is_fixed:
                assert self.open is not None
                # Counted from when it was truly done, in real minutes whatever the clocks do.
                assert self.open.due_at - self.now == timedelta(minutes=wait)
            if ended in (*DONE, RoundState.PARTLY_DONE):
                self.refused = self.slept = 0
                assert self.open is None or self.open.refused_before == 0

    @rule()
    @precondition(lambda self: self.away_since is None)
    def they_refuse(self) -> None:
        moves = self._set(
            Answer(
                at=self.now,
                outcome="refused",
                complete=None,
                wait_minutes=self.machine.ordered.interval_minutes,
            )
        )
        if moves and self.ledger[-1][1] is RoundState.NOT_DONE:
            self.refused += 1
            assert moves[-1].goes_up == (self.refused >= 2)
            assert self.open is not None
            assert self.open.refused_before == self.refused
            if self.refused <= 2:
                assert self.open.due_at <= self.now + timedelta(minutes=30)

    @rule(
        breaths=st.sampled_from((8, 14)),
        alarmed=st.booleans(),
        at_risk=st.booleans(),
        do_not_wake=st.booleans(),
    )
    @precondition(lambda self: self.away_since is None)
    def they_sleep(self, breaths: int, alarmed: bool, at_risk: bool, do_not_wake: bool) -> None:
        """With or without an order of 22:00 to 06:00 on the unit's clock."""
        if self.open is None:
            return
        undisturbed = do_not_wake and schedule.falls_between(time(22), time(6), self.now, self.zone)
        why = schedule.why_wake(
            PROTOCOL,
            asleep_before=self.open.asleep_before,
            breaths_per_min=breaths,
            spo2_percent=None,
            alarmed=alarmed,
            at_risk=at_risk,
            undisturbed=undisturbed,
        )
        moves = self._set(
            Answer(
                at=self.now,
                outcome="asleep",
                complete=None,
                wait_minutes=self.machine.ordered.interval_minutes,
                excused=why is None,
            )
        )
        ends = bool(moves) and self.ledger[-1][1] is RoundState.NOT_DONE
        assert not ends or (breaths == 14 and not alarmed and not at_risk)
        if ends:
            self.slept += 1
            assert self.open is not None
            assert self.open.asleep_before == self.slept
            assert undisturbed or self.slept <= PROTOCOL.asleep_at_most

    @rule(ago=MINUTES)
    @precondition(lambda self: self.away_since is None and self.done_at is not None)
    def something_older_is_charted_late(self, ago: int) -> None:
        """It changes the history, not the schedule."""
        assert self.done_at is not None
        before = (list(self.ledger), self.open)
        if self.open is None or self.open.due_at == self.machine.ordered.starts_at:
            return
        late = Answer(
            at=self.done_at - timedelta(minutes=ago),
            outcome="assessed",
            complete=True,
            wait_minutes=15,
        )
        self._set(late)
        assert (self.ledger, self.open) == before

    @rule()
    @precondition(lambda self: self.away_since is None)
    def they_leave(self) -> None:
        self._watch()
        self.away_since = self.now

    @rule()
    @precondition(lambda self: self.away_since is not None)
    def they_come_back(self) -> None:
        self.away_since = None
        if self.open is None:
            return
        was = self.open
        back = self.machine.back(was, self.now)
        if back is None:
            assert was.due_at > self.now
            return
        ledger = len(self.ledger)
        self._apply([back])
        assert self.open is not None
        assert self.open.due_at == self.now
        # Not missed: nobody was there to be observed. And nothing that was missed is undone.
        assert self.ledger[ledger][1] is RoundState.NOT_DONE
        assert (self.open.refused_before, self.open.asleep_before) == (
            was.refused_before,
            was.asleep_before,
        )

    @rule(minutes=INTERVALS, times=TIMES | st.none(), until=st.sampled_from((None, 500, 2000)))
    def ordered_anew(self, minutes: int, times: list[time] | None, until: int | None) -> None:
        was = self.open
        is_due = was is not None and was.due_at <= self.now
        if self.open is not None:
            self._apply([Move(state=RoundState.CANCELLED, at=self.now, over=True)])
        if was is None:  # the order before had reached its end: what was counted in it is over
            self.refused = self.slept = 0
        last = self.done_at
        until_at = self.now + timedelta(minutes=until) if until else None
        its = Ordered(interval_minutes=minutes, starts_at=self.now, until_at=until_at)
        if times is not None:
            listed = tuple(sorted(times))
            gap = shift.longest_gap_minutes(listed)
            its = replace(its, interval_minutes=gap, at_times=listed)
        self._begin(its, last=last, instead=was)
        assert self.open is not None
        if is_due and times is None:
            assert self.open.due_at == self.now, "nothing is won by ordering anew"

    @invariant()
    def a_round_stands_where_its_times_say(self) -> None:
        one = self.open
        if one is None:
            assert self.machine.ordered.until_at is not None
            return
        assert one.state in OPEN
        assert one.due_at <= one.late_at <= one.missed_at
        if self.away_since is None and self.watched:
            if one.state is RoundState.SCHEDULED:
                until = self.machine.ordered.until_at
                assert self.now < one.due_at
                assert until is None or self.now < until
            elif one.state is RoundState.DUE:
                assert one.due_at <= self.now < one.late_at
            else:
                assert one.late_at <= self.now < one.missed_at

    @invariant()
    def nobody_is_left_alone_longer_than_was_ordered(self) -> None:
        its, one = self.machine.ordered, self.open
        if one is None or self.away_since is not None:
            return
        since = max(self.now, its.starts_at, self.done_at or its.starts_at)
        longest = timedelta(minutes=its.interval_minutes, hours=1 if its.at_times else 0)
        assert one.due_at <= since + longest

    @invariant()
    def fixed_times_are_read_off_the_clock_of_the_unit(self) -> None:
        its, one = self.machine.ordered, self.open
        if one is None or not its.at_times or one.state is not RoundState.SCHEDULED:
            return
        listed = shift.next_of(its.at_times, one.due_at - shift.INSTANT, self.zone)
        following = shift.next_of(its.at_times, one.due_at, self.zone)
        assert one.due_at <= listed
        assert one.missed_at <= following

    @invariant()
    def what_has_ended_stays_as_it_ended(self) -> None:
        seen = self.__dict__.setdefault("seen", [])
        assert self.ledger[: len(seen)] == seen
        seen.extend(self.ledger[len(seen) :])
        assert all(state not in OPEN for _, state in self.ledger)


Weeks.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
test_weeks_of_rounds = Weeks.TestCase


def test_hourly_checks_stay_hourly_when_the_clocks_change() -> None:
    for evening, zone in EVENINGS:
        its = machine(ordered(60, starts_at=evening), zone)
        missed = [m for m in its.lived(its.first(), evening + timedelta(hours=12)) if m.following]
        assert [m.following.due_at - evening for m in missed if m.following] == [
            timedelta(hours=hour) for hour in range(1, 13)
        ]


@pytest.mark.parametrize(
    ("evening", "zone", "due"),
    [
        # 02:30 was twice: the first of the two. It was never: right after the gap.
        (EVENINGS[0][0], BERLIN, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (EVENINGS[1][0], BERLIN, datetime(2026, 3, 29, 1, 0, tzinfo=UTC)),
    ],
)
def test_a_fixed_time_in_the_changed_hour(evening: datetime, zone: ZoneInfo, due: datetime) -> None:
    its = machine(ordered(720, starts_at=evening, at_times=(time(2, 30), time(14, 30))), zone)
    assert its.first().due_at == due


def test_a_set_shortly_before_its_fixed_time_counts_and_one_long_before_does_not() -> None:
    its = machine(ordered(720, at_times=(time(8), time(20))), BERLIN)
    first = its.first()
    early = first.due_at - timedelta(minutes=31)
    answer = replace(came(0), at=early, wait_minutes=720)
    assert its.answered(first, answer) is None
    move = its.answered(first, replace(answer, at=first.due_at - timedelta(minutes=29)))
    assert move is not None
    assert move.state is RoundState.DONE
    assert move.following is not None
    assert move.following.due_at == first.due_at + timedelta(hours=12)


def test_a_reassessment_is_done_once_and_then_over() -> None:
    its = machine(ordered(30, once=True, starts_at=at(60)))
    asked = its.first()
    assert its.answered(asked, came(10)) is None
    done = its.answered(asked, came(62))
    assert done is not None
    assert (done.state, done.over, done.following) == (RoundState.DONE, True, None)
    *_, missed = its.lived(asked, at(1000))
    assert (missed.state, missed.at, missed.over) == (RoundState.MISSED, at(90), True)


def test_the_third_refusal_waits_for_the_next_round_and_all_from_the_second_on_go_up() -> None:
    its, now = machine(), 0.0
    one, waits, ups = its.first(), [], []
    for _ in range(4):
        move = its.answered(one, came(now, "refused"))
        assert move is not None
        assert move.following is not None
        waits.append((move.following.due_at - at(now)).total_seconds() / 60)
        ups.append(move.goes_up)
        one, now = move.following, now + waits[-1]
    assert (waits, ups) == ([30, 30, 240, 240], [False, True, True, True])


def test_sleep_is_counted_in_a_row_and_a_set_begins_the_count_anew() -> None:
    its, now = machine(), 0
    one, counts = its.first(), []
    for outcome in ("asleep", "asleep", "refused", "assessed"):
        move = its.answered(one, came(now, outcome))
        assert move is not None
        assert move.following is not None
        one, now = move.following, now + 240
        counts.append(one.asleep_before)
    assert counts == [1, 2, 2, 0]


def test_an_order_until_a_time_calls_for_nothing_from_then_on() -> None:
    its = machine(ordered(60, until_at=at(90)))
    done = its.answered(its.first(), came(40, wait_minutes=60))
    assert done is not None
    assert done.following is not None
    assert its.step_at(done.following) == at(90)
    assert its.by_time(done.following, at(89)) is None
    assert its.by_time(done.following, at(90)) == Move(
        state=RoundState.CANCELLED, at=at(90), over=True
    )


def test_what_fell_due_before_the_end_of_an_order_is_still_done_or_missed() -> None:
    its = machine(ordered(60, until_at=at(90)))
    moves = list(its.lived(its.first(), at(1000)))
    assert [move.state for move in moves if move.state not in OPEN] == [
        RoundState.MISSED,
        RoundState.MISSED,
        RoundState.CANCELLED,
    ]


def test_a_new_order_counts_from_the_last_set_but_not_where_a_round_is_due() -> None:
    its = machine(ordered(240))
    due = its.first()
    assert its.first(last_done_at=at(-60)).due_at == at(180)
    assert its.first(last_done_at=at(-60), instead=due).due_at == at(0)
    assert its.first(last_done_at=at(-600)).due_at == at(0)


def test_a_correction_that_unmakes_the_set_calls_for_the_same_round_again() -> None:
    its = machine()
    one = its.first()
    assert its.again(one) == one
    assert its.after_correction(one, came(10, complete=None)) is None
    follows = its.after_correction(one, came(10))
    assert follows is not None
    assert follows.due_at == at(250)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({}, None),
        ({"asleep_before": 2}, "at most 2 sets"),
        ({"breaths_per_min": 11}, "breathing must be 12"),
        ({"breaths_per_min": None}, "breathing must be 12"),
        ({"spo2_percent": 91}, "SpO2 must be 92"),
        ({"spo2_percent": 92}, None),
        ({"alarmed": True}, "urgent alert"),
        ({"at_risk": True}, "risk window"),
        ({"asleep_before": 9, "undisturbed": True}, None),
        ({"asleep_before": 9, "undisturbed": True, "breaths_per_min": 11}, "breathing must be 12"),
        ({"undisturbed": True, "alarmed": True}, "urgent alert"),
        ({"undisturbed": True, "at_risk": True}, "risk window"),
        ({"spo2_ordered": True}, "SpO2 is ordered"),
        ({"spo2_ordered": True, "spo2_percent": 92}, None),
    ],
)
def test_when_sleep_is_no_reason_to_leave_out_a_set(
    changed: dict[str, object], why: str | None
) -> None:
    calm = {
        "asleep_before": 0,
        "breaths_per_min": 12,
        "spo2_percent": None,
        "alarmed": False,
        "at_risk": False,
    }
    said = schedule.why_wake(PROTOCOL, **(calm | changed))  # type: ignore[arg-type]
    assert (said is None) if why is None else (why in (said or ""))


@pytest.mark.parametrize(
    ("evening", "hours"), [(EVENINGS[0][0], 9), (EVENINGS[1][0], 7), (EVENINGS[4][0], 8)]
)
def test_a_night_is_read_off_the_clock_of_the_unit(evening: datetime, hours: int) -> None:
    """From 22:00 to 06:00: nine true hours where the clocks go back, seven where they go on."""
    minutes = [evening + timedelta(minutes=one) for one in range(14 * 60)]
    night = [at for at in minutes if schedule.falls_between(time(22), time(6), at, BERLIN)]
    assert len(night) == hours * 60
    by_day = [at for at in minutes if schedule.falls_between(time(6), time(22), at, BERLIN)]
    assert sorted(night + by_day) == minutes


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize("minutes", [0, 29, 30, 31, 239, 240, 245, 500, 3000])
def test_a_set_does_the_same_whether_the_watch_was_awake_or_slept(
    *, minutes: int, complete: bool
) -> None:
    its, answer = machine(), came(minutes, complete=complete)
    slept = its.came(its.first(), answer)
    watched = list(its.lived(its.first(), at(minutes)))
    current = its.first()
    for move in watched:
        current = move.following or replace(current, state=move.state)
    made = its.answered(current, answer)
    assert made is not None
    assert slept == [*watched, made]
    nothing = replace(answer, complete=None)
    assert its.came(its.first(), nothing) == []


def test_the_risk_window_counts_from_the_last_use_or_from_the_admission() -> None:
    rules = PROTOCOL.rounds
    two = ("Alcohol", "benzodiazepines")
    assert schedule.at_risk_until(rules, two, last_use_at=at(0), since=at(60)) == at(72 * 60)
    assert schedule.at_risk_until(
        rules, ("benzodiazepines",), last_use_at=None, since=at(60)
    ) == at(49 * 60)
    assert schedule.at_risk_until(rules, ("tea",), last_use_at=at(0), since=at(0)) is None


def test_scales_of_one_round_go_by_the_shortest_interval_and_vital_signs_by_their_own() -> None:
    own = {"ciwa-ar": 60, "cows": 360, "news2": 240}
    assert schedule.merged(own, PROTOCOL.rounds) == {"ciwa-ar": 60, "cows": 60, "news2": 240}
    assert schedule.merged({"news2": 15, "cows": 360}, PROTOCOL.rounds)["cows"] == 360


def test_the_words_of_outcomes_are_those_of_the_sheet() -> None:
    assert {task.ASLEEP, task.REFUSED, task.AWAY, task.ASSESSED} == {
        "asleep",
        "refused",
        "off_unit",
        "assessed",
    }
