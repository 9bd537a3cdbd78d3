"""Who orders what, how often and until when; what is asked for once; what the risk window holds."""

import html
from collections.abc import Callable
from datetime import time, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.alerts import queries as alert_queries
from backend.clinical.schedule import HowOften
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.core.errors import Conflict, Invalid
from backend.protocols import queries as protocols
from backend.protocols.queries import InForce
from backend.rounds import queries
from backend.rounds import service as rounds
from backend.rounds.models import ObservationOrder, Round, RoundState
from backend.rounds.orders import service as orders
from backend.rounds.reassessments import service as reassessments
from backend.rounds.templates import service as templates
from backend.stays.models import Stay
from tests import build
from tests.people import Ward, opens

# Longer ago than any risk window.
LONG_AGO = timedelta(days=9)


def in_force(session: Session, ward: Ward) -> InForce:
    return protocols.in_force(session, ward.unit.id, at=clock.now())


def order(session: Session, ward: Ward, stay: Stay, **changed: Any) -> ObservationOrder:
    values: dict[str, Any] = {
        "key": uuid4(),
        "instrument": "ciwa-b",
        "how_often": HowOften(interval_minutes=120),
        "at": clock.now(),
        "in_force": in_force(session, ward),
        "reason": None,
    } | changed
    return orders.replace(session, ward.staff["priya"].id, stay, **values)


def old_stay(session: Session, ward: Ward, **changed: Any) -> Stay:
    """A stay past its risk window, with CIWA-B every four hours."""
    values: dict[str, Any] = {
        "admitted_at": clock.now() - LONG_AGO,
        "orders": {"ciwa-b": 240},
    } | changed
    return build.stay(session, ward, **values)


def open_round(session: Session, stay: Stay, instrument: str = "ciwa-b") -> Round:
    session.expire_all()
    (row,) = [r for r in queries.open_on_stay(session, stay.id) if r.instrument == instrument]
    return row


def let_pass(session: Session, until: Any) -> None:
    while (row := rounds.past_its_time(session, until, set())) is not None:
        rounds.move_on(session, row, until)
        session.flush()
        session.expire_all()


def test_a_new_order_counts_from_the_last_set(session: Session, ward: Ward) -> None:
    stay = old_stay(session, ward)
    set_at = clock.now() - timedelta(minutes=20)
    build.recorded(session, ward, stay, observed_at=set_at, answers=build.ciwa_b(10))
    order(session, ward, stay)
    assert open_round(session, stay).due_at == set_at + timedelta(minutes=120)


def test_ordering_anew_does_not_do_what_is_due(session: Session, ward: Ward) -> None:
    stay = old_stay(session, ward)
    now = clock.now()
    order(session, ward, stay, how_often=HowOften(interval_minutes=480), at=now)
    assert open_round(session, stay).due_at == now


def test_times_are_read_off_the_clock_of_the_unit(session: Session, ward: Ward) -> None:
    stay = old_stay(session, ward)
    order(session, ward, stay, how_often=HowOften.at([time(20), time(8)]))
    due = open_round(session, stay).due_at
    assert due.astimezone(ZoneInfo(ward.unit.time_zone)).time() in (time(8), time(20))
    row = queries.standing(session, stay.id, "ciwa-b")
    assert row is not None
    assert (row.at_times, row.interval_minutes) == ([time(8), time(20)], 720)


@pytest.mark.parametrize("missed", [False, True])
def test_an_order_goes_on_with_what_it_says_comes_then(
    session: Session, ward: Ward, *, missed: bool
) -> None:
    stay = old_stay(session, ward)
    began, last = clock.now() - timedelta(minutes=130), clock.now() - timedelta(minutes=75)
    until_at = began + timedelta(minutes=90)
    build.recorded(session, ward, stay, observed_at=began, answers=build.ciwa_b(10))
    closely = HowOften(interval_minutes=60, until_at=until_at, then_minutes=240)
    first = order(session, ward, stay, how_often=closely, at=began)
    if not missed:
        build.recorded(session, ward, stay, observed_at=last, answers=build.ciwa_b(9))
    let_pass(session, clock.now())
    then = queries.standing(session, stay.id, "ciwa-b")
    assert then is not None
    assert (then.interval_minutes, then.ordered_by) == (240, ward.staff["priya"].id)
    assert first.ended_at == until_at
    # Counted from the last set; what was missed is not put off by it.
    due = until_at if missed else last + timedelta(minutes=240)
    assert open_round(session, stay).due_at == due


def test_what_was_missed_at_the_end_is_not_put_off_by_the_set_before_it(
    session: Session, ward: Ward
) -> None:
    """The round after it was called off with the order; what comes then is due at once."""
    stay = old_stay(session, ward, orders={})
    began = clock.now() - timedelta(minutes=130)
    until_at = began + timedelta(minutes=90)
    closely = HowOften(interval_minutes=60, until_at=until_at, then_minutes=240)
    order(session, ward, stay, how_often=closely, at=began)
    build.recorded(session, ward, stay, observed_at=began, answers=build.ciwa_b(10))
    let_pass(session, clock.now())
    assert open_round(session, stay).due_at == until_at


def test_inside_the_risk_window_nothing_is_observed_less_often(
    session: Session, ward: Ward
) -> None:
    stay = build.stay(
        session,
        ward,
        admitted_at=clock.now() - timedelta(hours=5),
        orders={"ciwa-b": 240},
        substances=("Benzodiazepines",),
    )
    with pytest.raises(Invalid, match="risk window") as refused:
        order(session, ward, stay, how_often=HowOften(interval_minutes=360))
    assert "240 minutes" in refused.value.fields["every"]
    row = order(session, ward, stay, how_often=HowOften(interval_minutes=60))
    with pytest.raises(Conflict, match="risk window"):
        orders.end(
            session,
            ward.staff["priya"].id,
            stay,
            row,
            reason="calm",
            at=clock.now(),
            in_force=in_force(session, ward),
        )


def test_inside_the_risk_window_a_low_score_does_not_undo_what_a_high_one_shortened(
    session: Session, ward: Ward
) -> None:
    for admitted, expected in ((timedelta(hours=5), 60), (LONG_AGO, 240)):
        stay = build.stay(
            session,
            ward,
            bed="7" if expected == 60 else "8",
            admitted_at=clock.now() - admitted,
            orders={"ciwa-b": 240},
        )
        now = clock.now()
        high, low = now - timedelta(minutes=20), now - timedelta(minutes=1)
        build.recorded(session, ward, stay, observed_at=high, answers=build.ciwa_b(65))
        build.recorded(session, ward, stay, observed_at=low, answers=build.ciwa_b(5))
        assert open_round(session, stay).interval_minutes == expected


def test_an_until_inside_the_risk_window_lengthens_only_at_its_end(
    session: Session, ward: Ward
) -> None:
    now = clock.now()
    stay = build.stay(session, ward, admitted_at=now - timedelta(minutes=5), orders={})
    usual = in_force(session, ward).protocol.rounds.templates
    templates.from_templates(
        session,
        ward.staff["nora"].id,
        stay,
        key=uuid4(),
        templates=[one for one in usual if one.id == "opioids"],
        at=now - timedelta(minutes=5),
        in_force=in_force(session, ward),
    )
    until = queries.standing(session, stay.id, "cows")
    assert until is not None
    assert until.until_at is not None
    assert (until.interval_minutes, until.then_minutes) == (240, 360)
    let_pass(session, until.until_at + timedelta(hours=9))
    then = queries.standing(session, stay.id, "cows")
    assert then is not None
    # Benzodiazepines: 48 hours from the admission, while the order said 24.
    assert (then.interval_minutes, then.then_minutes) == (240, 360)
    assert then.until_at == stay.admitted_at + timedelta(hours=48)


def test_of_two_templates_the_shortest_interval_wins(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward, orders={})
    rules = in_force(session, ward).protocol.rounds
    key = uuid4()
    for _ in range(2):  # a form that was sent twice orders once
        templates.from_templates(
            session,
            ward.staff["nora"].id,
            stay,
            key=key,
            templates=rules.templates,
            at=clock.now(),
            in_force=in_force(session, ward),
        )
    found = {one.instrument: one for one in queries.orders_on_stay(session, stay.id)}
    assert {name: one.interval_minutes for name, one in found.items()} == {
        "news2": 240,
        "ciwa-ar": 120,
        "ciwa-b": 240,
        "cows": 240,
    }


def test_two_scales_are_one_round_at_the_shortest_interval(session: Session, ward: Ward) -> None:
    stay = old_stay(session, ward, orders={"ciwa-ar": 240, "cows": 360, "news2": 720})
    now = clock.now()
    build.recorded(
        session,
        ward,
        stay,
        observed_at=now,
        answers={
            "ciwa-ar": dict.fromkeys(build.CIWA_AR, 0),
            "cows": dict.fromkeys(build.COWS, 0),
        },
    )
    due = {row.instrument: row.due_at - now for row in queries.open_on_stay(session, stay.id)}
    assert due["ciwa-ar"] == due["cows"] == timedelta(minutes=240)
    assert due["news2"] == timedelta(minutes=720)


def test_a_deed_elsewhere_asks_for_a_reassessment_which_appears_by_itself(
    session: Session, ward: Ward
) -> None:
    stay = old_stay(session, ward)
    now = clock.now()
    build.recorded(session, ward, stay, observed_at=now, answers=build.ciwa_b(10))
    key = uuid4()
    for _ in range(2):
        asked = reassessments.ask(
            session,
            ward.staff["nora"].id,
            stay,
            key=key,
            instrument="ciwa-b",
            due_at=now + timedelta(minutes=60),
            because="after a dose",
            in_force=in_force(session, ward),
        )
    dues = [row.due_at for row in queries.open_on_stay(session, stay.id)]
    assert dues == [now + timedelta(minutes=60), now + timedelta(minutes=240)]
    # Long before its time a set leaves it to be done; at its time it is over.
    build.recorded(
        session, ward, stay, observed_at=now + timedelta(seconds=1), answers=build.ciwa_b(9)
    )
    assert asked.ended_at is None
    let_pass(session, now + timedelta(minutes=95))
    session.expire_all()
    assert asked.ended_at is not None
    states = session.scalars(select(Round.state).where(Round.order_id == asked.id)).all()
    assert states == [RoundState.MISSED]


def test_a_second_refusal_goes_up_and_the_set_ends_it(session: Session, ward: Ward) -> None:
    stay = old_stay(session, ward)
    now, refuses = clock.now(), {"outcome": "refused", "vitals": Vitals()}
    earlier = now - timedelta(minutes=40)

    def flagged() -> list[str]:
        return [
            alert.rule
            for alert in alert_queries.open_on_stay(session, stay.id)
            if alert.rule.startswith("refused/")
        ]

    build.recorded(session, ward, stay, observed_at=earlier, **refuses)
    assert flagged() == []
    build.recorded(session, ward, stay, observed_at=now, **refuses)
    assert flagged() == ["refused/ciwa-b"]
    build.recorded(
        session, ward, stay, observed_at=now + timedelta(seconds=1), answers=build.ciwa_b(10)
    )
    assert flagged() == []


@pytest.mark.parametrize(
    ("breaths", "spo2", "excused"),
    [(14, 97, True), (11, 97, False), (14, 90, False), (None, None, False)],
)
def test_sleep_stands_for_a_set_only_where_the_sleep_check_allows_it(
    session: Session, ward: Ward, breaths: int | None, spo2: int | None, excused: bool
) -> None:
    stay = old_stay(session, ward)
    asleep = Vitals(respiratory_rate_per_min=breaths, spo2_percent=spo2)
    build.recorded(session, ward, stay, outcome="asleep", vitals=asleep)
    assert (open_round(session, stay).due_at > clock.now()) is excused
    states = session.scalars(select(Round.state).where(Round.stay_id == stay.id)).all()
    assert (RoundState.NOT_DONE in states) is excused


def test_sleep_stands_for_no_more_than_two_sets_in_a_row(session: Session, ward: Ward) -> None:
    stay = old_stay(session, ward, orders={"ciwa-b": 5})
    at = clock.now() - timedelta(minutes=40)
    for _ in range(3):
        build.recorded(
            session,
            ward,
            stay,
            observed_at=at,
            outcome="asleep",
            vitals=Vitals(respiratory_rate_per_min=14),
        )
        at += timedelta(minutes=6)
    reasons = session.scalars(select(Round.not_done_reason).where(Round.stay_id == stay.id)).all()
    assert reasons.count("asleep") == 2


def test_sleep_is_no_excuse_in_the_risk_window_nor_with_an_urgent_alert(
    session: Session, ward: Ward
) -> None:
    calm = Vitals(respiratory_rate_per_min=14)
    early = build.stay(
        session, ward, admitted_at=clock.now() - timedelta(hours=5), orders={"ciwa-b": 240}
    )
    build.recorded(session, ward, early, outcome="asleep", vitals=calm)
    assert open_round(session, early).due_at <= clock.now()
    ill = old_stay(session, ward, bed="8", orders={"ciwa-b": 5})
    at = clock.now() - timedelta(minutes=10)
    build.recorded(session, ward, ill, observed_at=at, answers=build.ciwa_b(70))
    build.recorded(session, ward, ill, outcome="asleep", vitals=calm)
    assert open_round(session, ill).due_at <= clock.now()


@pytest.fixture
def form(ward: Ward) -> dict[str, str]:
    return {
        "key": str(uuid4()),
        **opens(ward.staff["priya"]),
        "instrument": "ciwa-b",
        "every": "120",
        "reason": "restless",
    }


def test_an_order_is_made_read_and_ended_on_its_page(
    session: Session, ward: Ward, client: Callable[[str], TestClient], form: dict[str, str]
) -> None:
    stay = old_stay(session, ward)
    priya = client("priya")
    form |= {"opened_for": str(stay.id)}
    for _ in range(2):  # a double click
        assert priya.post(f"/stays/{stay.id}/orders", data=form).status_code == 303
    (row,) = queries.orders_on_stay(session, stay.id)
    assert (row.interval_minutes, row.reason) == (120, "restless")
    text = priya.get(f"/stays/{stay.id}/orders").text
    assert "every 2 h" in text
    assert "Priya Physician" in text
    ending = {"key": str(uuid4()), **opens(ward.staff["priya"]), "opened_for": str(stay.id)}
    ended = priya.post(f"/stays/{stay.id}/orders/{row.id}/end", data=ending)
    assert ended.status_code == 422
    assert "Say why" in ended.text
    assert (
        priya.post(
            f"/stays/{stay.id}/orders/{row.id}/end", data=ending | {"reason": "well"}
        ).status_code
        == 303
    )
    assert queries.orders_on_stay(session, stay.id) == []


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"every": ""}, "Choose how often, or write the times"),
        ({"at_times": "08:00"}, "one of the two"),
        ({"every": "", "at_times": "25:00"}, "Write times like"),
        ({"every": "1e400"}, "Choose one of the list"),
        ({"every": "NaN"}, "Choose one of the list"),
        ({"instrument": "tea"}, "Choose what is to be observed"),
        ({"until_local": "2001-01-01T08:00", "then_every": "240"}, "This time is over"),
        ({"until_local": "soon", "then_every": "240"}, "Write the date and the time"),
        ({"until_local": "2101-01-01T08:00"}, "Say how often after that"),
        ({"then_every": "240"}, "Say until when"),
    ],
)
def test_a_refused_order_says_why_and_keeps_what_was_typed(
    *,
    session: Session,
    ward: Ward,
    client: Callable[[str], TestClient],
    form: dict[str, str],
    changed: dict[str, str],
    sentence: str,
) -> None:
    stay = old_stay(session, ward)
    answer = client("priya").post(
        f"/stays/{stay.id}/orders", data=form | {"opened_for": str(stay.id)} | changed
    )
    assert answer.status_code == 422
    assert sentence in html.unescape(answer.text)
    assert 'value="restless"' in answer.text
    assert len(queries.orders_on_stay(session, stay.id)) == 1


def test_a_form_of_another_patient_orders_nothing(
    session: Session, ward: Ward, client: Callable[[str], TestClient], form: dict[str, str]
) -> None:
    stay = old_stay(session, ward)
    other = old_stay(session, ward, bed="8")
    answer = client("priya").post(
        f"/stays/{stay.id}/orders", data=form | {"opened_for": str(other.id)}
    )
    assert answer.status_code == 409
    assert queries.orders_on_stay(session, stay.id)[0].interval_minutes == 240
