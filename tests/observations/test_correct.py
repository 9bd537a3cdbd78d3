"""Putting right: a correction counts as if it had been right at first, and nothing disappears."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.units import service as units
from backend.alerts import queries as alerts
from backend.audit.models import AuditEntry
from backend.board import queries as board
from backend.board.cards import card
from backend.clinical import fluid, scale
from backend.clinical.sheet import Answer, Sheet
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.core.errors import Conflict, NotFound
from backend.observations import queries, service
from backend.observations.chart import queries as chart
from backend.observations.models import Observation, Outcome, Score, Source
from backend.rounds import queries as rounds
from backend.rounds import service as rounds_service
from backend.stays.models import Stay
from tests import build
from tests.people import Ward

RED = Vitals(respiratory_rate_per_min=7, spo2_percent=90, on_oxygen=False)
ORDERS = {"ciwa-b": 240, "news2": 240}


def corrected(
    session: Session, ward: Ward, stay: Stay, wrong: Observation, sheet: Sheet, **fields: Any
) -> Observation:
    return service.correct(
        session,
        ward.staff[fields.pop("by", "nora")].id,
        stay,
        key=fields.pop("key", None) or uuid4(),
        supersedes_id=wrong.id,
        reason="digits typed for another bed",
        sheet=sheet,
    )


def taken_back(session: Session, ward: Ward, stay: Stay, wrong: Observation) -> Observation:
    return service.entered_in_error(
        session,
        ward.staff["nora"].id,
        stay,
        key=uuid4(),
        supersedes_id=wrong.id,
        reason="wrong patient",
    )


@dataclass(frozen=True)
class Picture:
    """All that a nurse acts on: what calls, what is due, what the course and the board say."""

    calls: frozenset[tuple[str, str]]
    due: frozenset[tuple[str, datetime]]
    scores: tuple[tuple[datetime, str, tuple[object, ...]], ...]
    board: tuple[object, ...]


def picture(session: Session, stay: Stay) -> Picture:
    session.flush()
    return Picture(
        calls=frozenset(
            (alert.rule, alert.level.value)
            for alert in alerts.open_on_stay(session, stay.id)
            if alert.cleared_at is None
        ),
        due=frozenset(
            (row.instrument, row.due_at) for row in rounds.open_on_stay(session, stay.id)
        ),
        scores=tuple(
            (stored.observation.observed_at, key, said(score))
            for stored in queries.recent(session, stay.id, with_corrected=False)
            for key, score in sorted(stored.scores.items())
        ),
        board=on_the_board(session, stay),
    )


def said(score: Score) -> tuple[object, ...]:
    """Everything that is read off a stored score."""
    parts = (score.answers, score.unscored, score.points)
    whole = (score.status, score.total, score.lowest, score.highest, score.value, score.band)
    return *whole, tuple(score.alarms), *(tuple(sorted(part.items())) for part in parts)


def on_the_board(session: Session, stay: Stay) -> tuple[object, ...]:
    """The card of the stay, but for the alert's own number and age."""
    (here,) = (one for one in board.lying(session, stay.unit_id) if one.stay.id == stay.id)
    shown = card(here, names={}, asleep_at_most=2, zone=ZoneInfo("UTC"), now=clock.now())
    figures = (shown.news2, shown.consciousness, shown.due_words, shown.due_what, shown.last_words)
    running = fluid.running(chart.fluids(session, stay.id, at=clock.now()), at=clock.now())
    return shown.scores, figures, running


@dataclass(frozen=True)
class Set:
    """What was, or should have been, written down: CIWA-B, vital signs, and one other kind."""

    total: int
    vitals: Vitals
    outcome: str = "assessed"
    other: str = ""
    answers: Mapping[str, Answer] = field(default_factory=dict)
    numbers: Mapping[str, Answer] = field(default_factory=dict)

    def sheet(self, at: datetime) -> Sheet:
        if self.outcome != "assessed":
            return build.sheet(observed_at=at, outcome=self.outcome, vitals=self.vitals)
        answers: dict[str, Mapping[str, Answer]] = {**build.ciwa_b(self.total)}
        if self.answers:
            answers[self.other] = self.answers
        numbers = {self.other: self.numbers} if self.numbers else {}
        return build.sheet(observed_at=at, vitals=self.vitals, answers=answers, unscored=numbers)


def answers_to(draw: st.DrawFn, key: str) -> tuple[dict[str, Answer], dict[str, Answer]]:
    """Some legal answers to an instrument and some of its numbers; now and then none at all."""
    instrument = scale.asked()[key]
    answers: dict[str, Answer] = {
        item.id: draw(st.sampled_from([value for value in item.legal if value not in item.ends]))
        for item in instrument.items
        if draw(st.integers(0, 9))
    }
    numbers: dict[str, Answer] = {
        entry.id: draw(st.integers(int(entry.low) + 1, int(entry.high)))
        for entry in instrument.unscored
        if not entry.same_as and draw(st.integers(0, 3))
    }
    return answers, numbers


@st.composite
def sets(draw: st.DrawFn, other: str = "") -> Set:
    answers, numbers = answers_to(draw, other) if other else ({}, {})
    usual = ["assessed", "assessed", "assessed"]
    return Set(
        total=draw(st.integers(0, 80)),
        vitals=draw(st.sampled_from([build.CALM, RED, Vitals(pulse_per_min=112), Vitals()])),
        outcome=draw(st.sampled_from(usual if other else [*usual, "refused", "asleep"])),
        other=other,
        answers=answers,
        numbers=numbers,
    )


def after(
    session: Session,
    ward: Ward,
    *,
    before: int,
    versions: list[Set],
    ago: timedelta,
    uses: str = "",
) -> Picture:
    """How it stands after the last version, whatever stood there before it; then undone."""
    now = clock.now()
    nora = ward.staff["nora"].id
    nested = session.begin_nested()
    try:
        if uses and scale.latest()[uses].permission:
            units.permit(session, nora, ward.unit, scale=uses, ground="for this test")
        if uses and scale.latest()[uses].one_of == scale.SEDATION:
            units.sedate_by(session, nora, ward.unit, scale=uses)
        orders = ORDERS | ({uses: 240} if uses else {})
        stay = build.stay(session, ward, admitted_at=now - timedelta(hours=6), orders=orders)
        earlier = now - timedelta(hours=4)
        build.recorded(session, ward, stay, observed_at=earlier, answers=build.ciwa_b(before))
        first, *later = (one.sheet(now - ago) for one in versions)
        row = service.record(session, nora, stay, key=uuid4(), sheet=first, source=Source.TYPED)
        for sheet in later:
            row = corrected(session, ward, stay, row, sheet)
        # A set that answers a round first says what became of those before it; the watch says it
        # where no set does. Here no watch runs.
        rounds_service.let_pass(session, stay, until=now)
        return picture(session, stay)
    finally:
        nested.rollback()
        session.expire_all()


@settings(
    max_examples=10,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    before=st.integers(0, 80),
    mistakes=st.lists(sets(), min_size=1, max_size=2),
    truth=sets(),
    minutes=st.sampled_from([1, 14, 200]),
)
@example(before=10, mistakes=[Set(10, RED)], truth=Set(45, build.CALM), minutes=1)
@example(before=45, mistakes=[Set(70, build.CALM)], truth=Set(5, Vitals()), minutes=14)
@example(before=9, mistakes=[Set(34, Vitals())], truth=Set(65, RED), minutes=200)
@example(
    before=9, mistakes=[Set(0, RED, "refused"), Set(70, RED)], truth=Set(5, build.CALM), minutes=1
)
def test_corrected_is_the_same_as_right_at_first(
    session: Session, ward: Ward, *, before: int, mistakes: list[Set], truth: Set, minutes: int
) -> None:
    with clock.as_if(clock.now()):
        ago = timedelta(minutes=minutes)
        right = after(session, ward, before=before, versions=[truth], ago=ago)
        mended = after(session, ward, before=before, versions=[*mistakes, truth], ago=ago)
    assert mended == right


@pytest.mark.parametrize("key", [key for key in scale.asked() if key != "ciwa-b"])
@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_so_it_is_for_every_kind_that_is_written_down(
    session: Session, ward: Ward, key: str, data: st.DataObject
) -> None:
    mistakes, truth = [data.draw(sets(key))], data.draw(sets(key))
    with clock.as_if(clock.now()):
        ago = timedelta(minutes=1)
        right = after(session, ward, before=9, versions=[truth], ago=ago, uses=key)
        mended = after(session, ward, before=9, versions=[*mistakes, truth], ago=ago, uses=key)
    assert mended == right


def test_what_nobody_did_after_all_is_overdue_since_it_was_first_missed(
    session: Session, ward: Ward
) -> None:
    """The round that the mistake ticked off is no sign that somebody was there."""
    drank = Set(0, build.CALM, other="fluid", numbers={"oral_in_ml": 1})
    versions = [drank, replace(drank, numbers={})]
    with clock.as_if(clock.now()):
        ago = timedelta(minutes=1)
        mended = after(session, ward, before=9, versions=versions, ago=ago, uses="fluid")
    _, figures, _ = mended.board
    assert "6 h overdue" in figures  # type: ignore[operator]  # a tuple of words


def test_a_correction_keeps_both_rows_and_says_why(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward)
    wrong = build.recorded(session, ward, stay, answers=build.ciwa_b(61))
    right = corrected(session, ward, stay, wrong, build.sheet(answers=build.ciwa_b(16)))
    found = {stored.observation.id: stored for stored in queries.recent(session, stay.id)}
    assert found[wrong.id].superseded_by_id == right.id
    assert found[wrong.id].scores["ciwa-b"].total == 61
    assert right.correction_reason == "digits typed for another bed"
    entry = session.scalars(
        select(AuditEntry).where(AuditEntry.action == "observation.corrected")
    ).one()
    assert entry.reason == "digits typed for another bed"


def test_of_two_corrections_the_first_wins(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward)
    wrong = build.recorded(session, ward, stay)
    corrected(session, ward, stay, wrong, build.sheet(answers=build.ciwa_b(3)))
    with pytest.raises(Conflict, match="corrected this set already"):
        corrected(session, ward, stay, wrong, build.sheet(answers=build.ciwa_b(4)), by="chen")
    assert len(queries.recent(session, stay.id, with_corrected=False)) == 1


def test_a_correction_sent_again_is_the_same_correction(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward)
    wrong = build.recorded(session, ward, stay)
    key, sheet = uuid4(), build.sheet(answers=build.ciwa_b(3))
    first = corrected(session, ward, stay, wrong, sheet, key=key)
    assert corrected(session, ward, stay, wrong, sheet, key=key).id == first.id


def test_what_was_taken_back_stays_readable_and_calls_nobody(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward, orders=ORDERS, ordered_at=clock.now())
    due_before = {row.due_at for row in rounds.open_on_stay(session, stay.id)}
    wrong = build.recorded(session, ward, stay, vitals=RED, answers=build.ciwa_b(70))
    assert picture(session, stay).calls
    mark = taken_back(session, ward, stay, wrong)
    assert mark.outcome is Outcome.ENTERED_IN_ERROR
    after = picture(session, stay)
    assert after.calls == frozenset()
    assert after.scores == ()
    assert {at for _, at in after.due} == due_before
    stored = queries.one(session, stay.id, wrong.id)
    assert stored is not None
    assert stored.scores["ciwa-b"].total == 70


def test_what_was_taken_back_is_not_corrected_but_recorded_anew(
    session: Session, ward: Ward
) -> None:
    stay = build.stay(session, ward)
    mark = taken_back(session, ward, stay, build.recorded(session, ward, stay))
    with pytest.raises(Conflict, match="taken back"):
        corrected(session, ward, stay, mark, build.sheet())


def test_a_set_of_another_stay_cannot_be_corrected_from_here(session: Session, ward: Ward) -> None:
    mine = build.stay(session, ward, bed="7")
    other = build.stay(
        session, ward, bed="8", patient_row=build.patient(session, ward, family_name="Hollowell")
    )
    theirs = build.recorded(session, ward, other)
    with pytest.raises(NotFound):
        corrected(session, ward, mine, theirs, build.sheet())
    with pytest.raises(NotFound):
        taken_back(session, ward, mine, theirs)


def test_an_old_mistake_put_right_clears_what_it_had_raised(session: Session, ward: Ward) -> None:
    """It was never true, so it does not matter that it is no longer fresh."""
    stay = build.stay(session, ward)
    then = clock.now() - timedelta(hours=9)
    with clock.as_if(then):
        wrong = build.recorded(session, ward, stay, observed_at=then, vitals=RED)
    assert picture(session, stay).calls
    corrected(session, ward, stay, wrong, build.sheet(observed_at=then))
    assert picture(session, stay).calls == frozenset()
