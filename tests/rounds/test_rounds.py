"""What is due: ticked off by sets, moved by time, never rewritten."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.alerts import queries as alert_queries
from backend.alerts.models import Level
from backend.clinical.schedule import HowOften
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.protocols import queries as protocols
from backend.rounds import queries
from backend.rounds import service as rounds
from backend.rounds.models import Round, RoundState, RoundStep
from backend.rounds.orders import service as orders
from backend.stays.models import Stay
from tests import build
from tests.people import Ward

# What a sleep check counts without waking anybody.
BREATHING = Vitals(respiratory_rate_per_min=14)


def _rounds(session: Session, stay: Stay, instrument: str = "ciwa-b") -> list[Round]:
    return list(
        session.scalars(
            select(Round)
            .where(Round.stay_id == stay.id, Round.instrument == instrument)
            .order_by(Round.id)
            .execution_options(populate_existing=True)
        )
    )


def _let_pass(session: Session, until: object = None) -> None:
    """What the watch does, on this session, until nothing is past its time."""
    now = until or clock.now()
    while (row := rounds.past_its_time(session, now, set())) is not None:  # type: ignore[arg-type]
        rounds.move_on(session, row, now)  # type: ignore[arg-type]
        session.flush()
        session.expire_all()


def _lately() -> datetime:
    """Not so long ago that anything is late."""
    return clock.now() - timedelta(minutes=25)


def test_an_order_is_due_at_once(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward, orders={"ciwa-b": 240})
    (first,) = _rounds(session, stay)
    assert first.due_at == stay.admitted_at
    assert first.state is RoundState.SCHEDULED


def test_time_makes_a_round_due_late_and_missed(session: Session, ward: Ward) -> None:
    admitted = clock.now() - timedelta(hours=4, minutes=10)
    stay = build.stay(session, ward, admitted_at=admitted, orders={"ciwa-b": 240})
    seen = []
    for minutes in (0, 29, 31, 239, 241):
        _let_pass(session, admitted + timedelta(minutes=minutes))
        seen.append([r.state.value for r in _rounds(session, stay)])
    # 240 minutes: a quarter would be 60, the grace is capped at 30.
    assert seen == [["due"], ["due"], ["late"], ["late"], ["missed", "due"]]


def test_a_missed_round_stays_missed_when_the_set_comes_later(session: Session, ward: Ward) -> None:
    admitted = clock.now() - timedelta(hours=5)
    stay = build.stay(session, ward, admitted_at=admitted, orders={"ciwa-b": 240})
    _let_pass(session)
    build.recorded(session, ward, stay, answers=build.ciwa_b(10))
    states = [r.state.value for r in _rounds(session, stay)]
    assert states[:2] == ["missed", "done_late"]
    assert states[2] == "scheduled"


@pytest.mark.parametrize("watched", [True, False])
@pytest.mark.parametrize(
    ("set_after", "states"),
    [
        (100, ["done_late", "scheduled"]),
        (245, ["missed", "done", "scheduled"]),
        (500, ["missed", "missed", "done", "scheduled"]),
        (715, ["missed", "missed", "done_late", "scheduled"]),
    ],
)
def test_a_set_ends_the_round_that_stood_open_when_it_was_made_though_the_watch_slept(
    *, session: Session, ward: Ward, watched: bool, set_after: int, states: list[str]
) -> None:
    admitted = clock.now() - timedelta(minutes=720)
    stay = build.stay(session, ward, admitted_at=admitted, orders={"ciwa-b": 240, "news2": 240})
    at = admitted + timedelta(minutes=set_after)
    if watched:
        _let_pass(session, at)
    build.recorded(session, ward, stay, observed_at=at, answers=build.ciwa_b(10), vitals=Vitals())
    found = _rounds(session, stay)
    assert [r.state.value for r in found] == states
    assert found[-1].due_at == at + timedelta(minutes=240)
    # What the set did not answer is left to the watch, which tells somebody.
    assert watched or [r.state.value for r in _rounds(session, stay, "news2")] == ["scheduled"]


def test_a_set_after_the_end_of_an_order_is_the_first_of_what_comes_then(
    session: Session, ward: Ward
) -> None:
    """Though the watch slept through the end."""
    began = clock.now() - timedelta(minutes=200)
    stay = build.stay(session, ward, admitted_at=began, orders={})
    orders.order(
        session,
        ward.staff["priya"].id,
        stay,
        key=uuid4(),
        instrument="ciwa-b",
        how_often=HowOften(
            interval_minutes=60, until_at=began + timedelta(minutes=90), then_minutes=240
        ),
        at=began,
        in_force=protocols.in_force(session, ward.unit.id, at=began),
    )
    at = began + timedelta(minutes=190)
    build.recorded(session, ward, stay, observed_at=at, answers=build.ciwa_b(10))
    assert [(r.state.value, r.interval_minutes) for r in _rounds(session, stay)] == [
        ("missed", 60),
        ("missed", 60),
        ("cancelled", 60),
        ("missed", 60),
        ("done_late", 60),
        ("scheduled", 60),
    ]


def test_the_next_round_is_due_one_interval_after_the_set(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward, orders={"ciwa-b": 240}, ordered_at=_lately())
    observed_at = clock.now() - timedelta(minutes=20)
    build.recorded(session, ward, stay, observed_at=observed_at, answers=build.ciwa_b(10))
    done, nxt = _rounds(session, stay)
    assert done.done_at == observed_at
    assert nxt.due_at == observed_at + timedelta(minutes=240)


def test_a_high_score_shortens_the_interval_and_a_low_one_never_lengthens_it(
    session: Session, ward: Ward
) -> None:
    stay = build.stay(session, ward, orders={"ciwa-b": 240})
    build.recorded(session, ward, stay, answers=build.ciwa_b(50))
    assert _rounds(session, stay)[-1].interval_minutes == 120
    often = build.stay(session, ward, bed="8", orders={"ciwa-b": 60})
    build.recorded(session, ward, often, answers=build.ciwa_b(0))
    assert _rounds(session, often)[-1].interval_minutes == 60


def test_an_incomplete_set_is_partly_done_and_offered_again_sooner(
    session: Session, ward: Ward
) -> None:
    stay = build.stay(session, ward, orders={"ciwa-b": 240}, ordered_at=_lately())
    answers = dict(build.ciwa_b(10)["ciwa-b"])
    del answers["weak"]
    row = build.recorded(session, ward, stay, answers={"ciwa-b": answers})
    partly, nxt = _rounds(session, stay)
    assert partly.state is RoundState.PARTLY_DONE
    assert nxt.due_at == row.observed_at + timedelta(minutes=30)


def test_a_refusal_ends_what_is_due_and_is_offered_again(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward, orders={"ciwa-b": 240, "news2": 240}, ordered_at=_lately())
    row = build.recorded(session, ward, stay, outcome="refused", vitals=Vitals())
    for instrument in ("ciwa-b", "news2"):
        refused, nxt = _rounds(session, stay, instrument)
        assert refused.state is RoundState.NOT_DONE
        assert refused.not_done_reason == "refused"
        assert nxt.due_at == row.observed_at + timedelta(minutes=30)


def test_a_refusal_does_not_touch_what_is_not_due_yet(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward, orders={"ciwa-b": 240}, ordered_at=_lately())
    build.recorded(session, ward, stay, answers=build.ciwa_b(10))
    build.recorded(session, ward, stay, outcome="refused", vitals=Vitals())
    assert [r.state.value for r in _rounds(session, stay)] == ["done", "scheduled"]


def test_somebody_asleep_is_left_to_sleep_for_an_interval(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward, orders={"ciwa-b": 240}, ordered_at=_lately())
    row = build.recorded(session, ward, stay, outcome="asleep", vitals=BREATHING)
    asleep, nxt = _rounds(session, stay)
    assert (asleep.state, asleep.not_done_reason) == (RoundState.NOT_DONE, "asleep")
    assert nxt.due_at == row.observed_at + timedelta(minutes=240)


def test_a_late_entry_older_than_the_last_set_changes_no_schedule(
    session: Session, ward: Ward
) -> None:
    stay = build.stay(session, ward, orders={"ciwa-b": 240})
    now = clock.now()
    build.recorded(session, ward, stay, observed_at=now, answers=build.ciwa_b(10))
    before = [(r.state, r.due_at) for r in _rounds(session, stay)]
    build.recorded(
        session, ward, stay, observed_at=now - timedelta(hours=3), answers=build.ciwa_b(12)
    )
    assert [(r.state, r.due_at) for r in _rounds(session, stay)] == before


def test_a_late_round_raises_an_advisory_and_the_set_ends_it(session: Session, ward: Ward) -> None:
    admitted = clock.now() - timedelta(minutes=45)
    stay = build.stay(session, ward, admitted_at=admitted, orders={"ciwa-b": 240})
    _let_pass(session)
    (alert,) = alert_queries.open_on_stay(session, stay.id)
    assert (alert.rule, alert.level) == ("overdue/ciwa-b", Level.ADVISORY)
    build.recorded(session, ward, stay, answers=build.ciwa_b(10))
    assert alert_queries.open_on_stay(session, stay.id) == []


def test_two_missed_rounds_make_it_urgent(session: Session, ward: Ward) -> None:
    admitted = clock.now() - timedelta(hours=9)
    stay = build.stay(session, ward, admitted_at=admitted, orders={"ciwa-b": 240})
    _let_pass(session)
    (alert,) = alert_queries.open_on_stay(session, stay.id)
    session.refresh(alert)
    assert alert.level is Level.URGENT


def test_after_an_outage_every_missed_round_has_its_row(session: Session, ward: Ward) -> None:
    admitted = clock.now() - timedelta(hours=20, minutes=10)
    stay = build.stay(session, ward, admitted_at=admitted, orders={"ciwa-b": 240})
    _let_pass(session)
    states = [r.state.value for r in _rounds(session, stay)]
    assert states == ["missed"] * 5 + ["due"]
    steps = session.scalars(select(RoundStep.state)).all()
    assert steps.count(RoundState.MISSED) == 5


def test_a_new_order_replaces_the_old_one(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward, orders={"ciwa-b": 240})
    now = clock.now()
    orders.order(
        session,
        ward.staff["priya"].id,
        stay,
        key=uuid4(),
        instrument="ciwa-b",
        how_often=HowOften(interval_minutes=120),
        at=now,
        in_force=protocols.in_force(session, ward.unit.id, at=now),
    )
    states = [(r.state.value, r.interval_minutes) for r in _rounds(session, stay)]
    assert states == [("cancelled", 240), ("scheduled", 120)]
    assert len(queries.orders_on_stay(session, stay.id)) == 1
