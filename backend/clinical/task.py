"""The life of one round: what a set, a person or time makes of it, and what falls due after it.

Values in, values out. `rounds` keeps the rows; the tests live through weeks without one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from backend.clinical import schedule, shift
from backend.clinical.protocol import Protocol


class RoundState(StrEnum):
    """Where a round stands: time moves the first three, a person or an order ends it."""

    SCHEDULED = "scheduled"
    DUE = "due"
    LATE = "late"
    MISSED = "missed"
    DONE = "done"
    DONE_LATE = "done_late"
    PARTLY_DONE = "partly_done"
    NOT_DONE = "not_done"
    CANCELLED = "cancelled"


OPEN = (RoundState.SCHEDULED, RoundState.DUE, RoundState.LATE)
DONE = (RoundState.DONE, RoundState.DONE_LATE)
ASSESSED, ASLEEP, REFUSED, AWAY = "assessed", "asleep", "refused", "off_unit"


@dataclass(frozen=True, kw_only=True)
class Ordered:
    """What an order asks for: every so often, or at times on the unit's clock, or once.

    `interval_minutes` is the longest that two may lie apart; of fixed times it is the longest gap.
    """

    interval_minutes: int
    starts_at: datetime
    at_times: tuple[time, ...] = ()
    until_at: datetime | None = None
    once: bool = False

    @property
    def is_fixed(self) -> bool:
        """Whether a set long before its time leaves it to be done."""
        return self.once or bool(self.at_times)


@dataclass(frozen=True, kw_only=True)
class Task:
    """One round that was called for, and how often in a row it was refused or slept through."""

    interval_minutes: int
    due_at: datetime
    late_at: datetime
    missed_at: datetime
    state: RoundState = RoundState.SCHEDULED
    refused_before: int = 0
    asleep_before: int = 0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came of going there. `complete` is None where nothing of this order was assessed.

    `wait_minutes` is how long the score and the rounds merged with it allow until the next one;
    `excused` whether sleep may stand for a set; `sooner` by how much the next one comes before its
    time, so that nobody can wait for it.
    """

    at: datetime
    outcome: str
    complete: bool | None
    wait_minutes: int
    excused: bool = True
    sooner: timedelta = timedelta()


@dataclass(frozen=True, kw_only=True)
class Move:
    """A round's next state, and the round that follows it. `over` ends the order with it."""

    state: RoundState
    at: datetime
    following: Task | None = None
    over: bool = False
    goes_up: bool = False


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The rules of one order, under the unit's protocol and on the unit's clock."""

    ordered: Ordered
    protocol: Protocol
    zone: ZoneInfo

    def first(self, *, last_done_at: datetime | None = None, instead: Task | None = None) -> Task:
        """The first round of an order: due at once, but counted from the last true set.

        Where the round `instead` of which it comes is due, nothing is won by ordering anew; nor is
        forgotten how often that one was refused or slept through.
        """
        is_due = instead is not None and instead.due_at <= self.ordered.starts_at
        due_at = self.ordered.starts_at
        if self.ordered.at_times:
            just_before = due_at - shift.INSTANT
            due_at = shift.next_of(self.ordered.at_times, just_before, self.zone)
        elif last_done_at is not None and not is_due and not self.ordered.once:
            due_at = max(due_at, schedule.next_due(last_done_at, self.ordered.interval_minutes))
        return self._called(due_at, self.ordered.interval_minutes, like=instead)

    def step_at(self, task: Task) -> datetime | None:
        """When time next makes something of a round."""
        until = self.ordered.until_at
        if task.state is RoundState.SCHEDULED:
            return min(task.due_at, until) if until else task.due_at
        return {RoundState.DUE: task.late_at, RoundState.LATE: task.missed_at}.get(task.state)

    def by_time(self, task: Task, now: datetime) -> Move | None:
        """What time makes of an open round; None while nothing has come."""
        step_at = self.step_at(task)
        if step_at is None or now < step_at:
            return None
        if task.state is RoundState.SCHEDULED:
            over = step_at == self.ordered.until_at
            return Move(
                state=RoundState.CANCELLED if over else RoundState.DUE, at=step_at, over=over
            )
        if task.state is RoundState.DUE:
            return Move(state=RoundState.LATE, at=step_at)
        if self.ordered.once:
            return Move(state=RoundState.MISSED, at=step_at, over=True)
        following = self._called(task.missed_at, task.interval_minutes, like=task)
        return Move(state=RoundState.MISSED, at=step_at, following=following)

    def lived(self, task: Task, now: datetime) -> Iterator[Move]:
        """Everything that time has made of a round and of those that followed it."""
        current: Task | None = task
        while current is not None and (move := self.by_time(current, now)) is not None:
            yield move
            current = None if move.over else move.following or replace(current, state=move.state)

    def answered(
        self, task: Task, answer: Answer, *, last_done_at: datetime | None = None
    ) -> Move | None:
        """What a set makes of the open round: its end and the round after it, or nothing.

        What time has made of the round comes before: see `came`.
        """
        if not self._counts(task, answer, last_done_at):
            return None
        state = self._answered_as(task, answer)
        return None if state is None else self._ends(task, state, answer)

    def came(
        self, task: Task, answer: Answer, *, last_done_at: datetime | None = None
    ) -> list[Move]:
        """What time until the set, and then the set, make of a round and those after it.

        The set ends the round that stood open when it was observed, however long the watch slept.
        Empty where the set does nothing: then time is for the watch to write down.
        """
        current, moves = task, []
        for move in self.lived(task, answer.at):
            if move.over:
                return []
            moves.append(move)
            current = move.following or replace(current, state=move.state)
        made = self.answered(current, answer, last_done_at=last_done_at)
        return [*moves, made] if made else []

    def back(self, task: Task, at: datetime) -> Move | None:
        """Somebody is back who was away: what fell due meanwhile is due now."""
        if task.due_at > at:
            return None
        following = self._called(at, task.interval_minutes, like=task)
        return Move(state=RoundState.NOT_DONE, at=at, following=following)

    def again(self, task: Task) -> Task:
        """The same round anew: its set was taken back."""
        return self._called(task.due_at, task.interval_minutes, like=task)

    def after_correction(self, task: Task, answer: Answer) -> Task | None:
        """What follows a round whose set now reads differently; None where it was never done."""
        state = self._answered_as(task, answer)
        return None if state is None else self._ends(task, state, answer).following

    def _counts(self, task: Task, answer: Answer, last_done_at: datetime | None) -> bool:
        """Whether the set is about this round: no older than the last one, nor far too early."""
        if self.ordered.is_fixed:
            early = schedule.grace(task.interval_minutes, self.protocol)
            if answer.at < task.due_at - early:
                return False
        if task.due_at == self.ordered.starts_at:
            return True
        return answer.at > (last_done_at or self.ordered.starts_at)

    def _answered_as(self, task: Task, answer: Answer) -> RoundState | None:
        if answer.outcome == ASSESSED:
            if answer.complete is None:
                return None
            if not answer.complete:
                return RoundState.PARTLY_DONE
            return RoundState.DONE_LATE if answer.at > task.late_at else RoundState.DONE
        if task.due_at > answer.at or (answer.outcome == ASLEEP and not answer.excused):
            return None
        return RoundState.NOT_DONE

    def _ends(self, task: Task, state: RoundState, answer: Answer) -> Move:
        refused, asleep = task.refused_before, task.asleep_before
        if answer.outcome == ASSESSED:
            refused = asleep = 0
        elif answer.outcome == REFUSED:
            refused += 1
        elif answer.outcome == ASLEEP:
            asleep += 1
        if self.ordered.once and state in DONE:
            return Move(state=state, at=answer.at, over=True)
        due_at = self._next(task, state, answer, refused)
        up = self.protocol.rounds.refusals_go_up_after
        return Move(
            state=state,
            at=answer.at,
            following=replace(
                self._called(due_at, answer.wait_minutes),
                refused_before=refused,
                asleep_before=asleep,
            ),
            goes_up=answer.outcome == REFUSED and up is not None and refused >= up,
        )

    def _next(self, task: Task, state: RoundState, answer: Answer, refused: int) -> datetime:
        """When to go again: at the next time, or sooner if the score or a refusal asks for it."""
        wait, most = answer.wait_minutes, self.protocol.rounds.reoffers_at_most
        sleeps = answer.outcome == ASLEEP and not self.ordered.once
        if state not in DONE and not sleeps and (most is None or refused <= most):
            wait = min(self.protocol.reoffer_minutes, wait)
        due_at = schedule.next_due(answer.at, wait) - answer.sooner
        if not self.ordered.at_times:
            return due_at
        early = schedule.grace(task.interval_minutes, self.protocol)
        listed = shift.next_of(
            self.ordered.at_times, max(answer.at + early, task.due_at), self.zone
        )
        return min(due_at, listed) if wait < self.ordered.interval_minutes else listed

    def _called(self, due_at: datetime, minutes: int, *, like: Task | None = None) -> Task:
        times = schedule.times(due_at, minutes, self.protocol)
        missed_at = times.missed_at
        if self.ordered.at_times:
            missed_at = min(missed_at, shift.next_of(self.ordered.at_times, due_at, self.zone))
        return Task(
            interval_minutes=minutes,
            due_at=due_at,
            late_at=min(times.late_at, missed_at),
            missed_at=missed_at,
            refused_before=like.refused_before if like else 0,
            asleep_before=like.asleep_before if like else 0,
        )
