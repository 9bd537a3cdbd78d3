"""Leaves: what pauses and resumes, who is told, what is looked at on the return."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from backend.alerts import queries as alert_queries
from backend.clinical.schedule import HowOften
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.core.errors import Conflict, Invalid
from backend.protocols import queries as protocols
from backend.rounds import queries as round_queries
from backend.rounds.leave import service as leaves
from backend.rounds.leave.overdue import service as overdue
from backend.rounds.models import Round
from backend.rounds.orders import service as orders
from backend.stays import queries as stays
from backend.stays import service as stay_service
from backend.stays.leave import queries
from backend.stays.leave.facts import Facts, known
from backend.stays.leave.models import Away, Leave
from backend.stays.models import DischargeReason, Stay
from tests import build
from tests.people import Ward, opens
from tests.reports.night import report_of, shift_of, watch

Client = Callable[[str | None], TestClient]
HOUR = timedelta(hours=1)


@pytest.fixture
def start() -> datetime:
    """Longer ago than a day of leaves."""
    return clock.now() - timedelta(hours=30)


@pytest.fixture
def stay(session: Session, ward: Ward, start: datetime) -> Stay:
    """CIWA-B every four hours from `start` on, past any risk window."""
    return build.stay(
        session,
        ward,
        admitted_at=start - timedelta(days=9),
        orders={"ciwa-b": 240},
        ordered_at=start,
    )


def gone(
    session: Session, ward: Ward, stay: Stay, at: datetime, *, hours: float = 3, **facts: Any
) -> Leave:
    known = Facts(why=Away.PASS, left_at=at, expected_at=at + hours * HOUR)
    with clock.as_if(at):
        return leaves.leave(
            session, ward.staff["nora"].id, stay, key=uuid4(), facts=replace(known, **facts)
        )


def back(session: Session, ward: Ward, stay: Stay, at: datetime) -> Leave:
    with clock.as_if(at):
        return leaves.come_back(session, ward.staff["nora"].id, stay, key=uuid4())


def lived(session: Session, until: datetime) -> None:
    """The watch, until then: rounds, leaves and alerts."""
    with clock.as_if(until):
        while (state := overdue.past_its_time(session, until, ())) is not None:
            overdue.move_on(session, state, until)
            session.flush()
    watch(session, until)


def rounds(session: Session, stay: Stay, instrument: str = "ciwa-b") -> list[Round]:
    session.expire_all()
    return list(
        session.scalars(
            select(Round)
            .where(Round.stay_id == stay.id, Round.instrument == instrument)
            .order_by(Round.id)
        )
    )


def rules(session: Session, stay: Stay) -> set[str]:
    session.expire_all()
    return {alert.rule for alert in alert_queries.open_on_stay(session, stay.id)}


def test_nothing_falls_due_on_leave_and_what_did_is_due_on_the_return(
    session: Session, ward: Ward, stay: Stay, start: datetime
) -> None:
    with clock.as_if(start):
        build.recorded(session, ward, stay, observed_at=start, answers=build.ciwa_b(10))
    gone(session, ward, stay, start + HOUR, hours=10)
    lived(session, start + 9 * HOUR)
    assert [row.state.value for row in rounds(session, stay)] == ["done", "scheduled"]
    assert rules(session, stay) == set()
    returned = start + 9 * HOUR
    back(session, ward, stay, returned)
    _, missed_out, now_due = rounds(session, stay)
    assert (missed_out.state.value, missed_out.not_done_reason) == ("not_done", "off_unit")
    assert (missed_out.due_at, now_due.due_at) == (start + 4 * HOUR, returned)
    lived(session, returned + timedelta(minutes=31))
    assert "overdue/ciwa-b" in rules(session, stay)


def test_who_is_back_before_anything_fell_due_goes_on_as_before(
    session: Session, ward: Ward, stay: Stay, start: datetime
) -> None:
    with clock.as_if(start):
        build.recorded(session, ward, stay, observed_at=start, answers=build.ciwa_b(10))
    gone(session, ward, stay, start + HOUR)
    back(session, ward, stay, start + 2 * HOUR)
    _, waiting = rounds(session, stay)
    assert (waiting.state.value, waiting.due_at) == ("scheduled", start + 4 * HOUR)


def test_what_was_missed_before_they_left_stays_missed(
    session: Session, ward: Ward, stay: Stay, start: datetime
) -> None:
    """Though the watch slept until they left."""
    gone(session, ward, stay, start + 4.2 * HOUR)
    assert [row.state.value for row in rounds(session, stay)] == ["missed", "due"]


def test_leaving_ends_the_call_for_a_late_set_and_the_return_brings_it_back(
    session: Session, ward: Ward, stay: Stay, start: datetime
) -> None:
    lived(session, start + HOUR)
    assert rules(session, stay) == {"overdue/ciwa-b"}
    gone(session, ward, stay, start + 1.1 * HOUR)
    assert rules(session, stay) == set()
    back(session, ward, stay, start + 2 * HOUR)
    lived(session, start + 3 * HOUR)
    assert "overdue/ciwa-b" in rules(session, stay)


def test_an_order_that_ends_meanwhile_goes_on_from_the_return(
    session: Session, ward: Ward, start: datetime
) -> None:
    stay = build.stay(session, ward, admitted_at=start - timedelta(days=9))
    orders.order(
        session,
        ward.staff["priya"].id,
        stay,
        key=uuid4(),
        instrument="ciwa-b",
        how_often=HowOften(interval_minutes=120, until_at=start + 3 * HOUR, then_minutes=480),
        at=start,
        in_force=protocols.in_force(session, ward.unit.id, at=start),
    )
    gone(session, ward, stay, start + 0.1 * HOUR, hours=6)
    back(session, ward, stay, start + 5 * HOUR)
    lived(session, start + 5 * HOUR)
    (standing,) = [one for one in round_queries.orders_on_stay(session, stay.id) if not one.once]
    assert standing.interval_minutes == 480
    open_round = round_queries.open_of(session, standing.id)
    assert open_round is not None
    assert (open_round.due_at, open_round.state.value) == (start + 5 * HOUR, "due")


def test_an_overdue_return_is_an_alert_that_climbs_until_they_are_back(
    session: Session, ward: Ward, stay: Stay, start: datetime
) -> None:
    gone(session, ward, stay, start, hours=2)
    lived(session, start + 2 * HOUR + timedelta(minutes=14))
    assert rules(session, stay) == set()
    lived(session, start + 2 * HOUR + timedelta(minutes=15))
    (alert,) = alert_queries.open_on_stay(session, stay.id)
    assert (alert.rule, alert.level.value) == ("overdue-return", "urgent")
    assert "expected back" in alert.sentence
    rung = alert.rung
    lived(session, start + 2 * HOUR + timedelta(minutes=31))
    session.refresh(alert)
    assert alert.rung > rung
    back(session, ward, stay, start + 3 * HOUR)
    assert "overdue-return" not in rules(session, stay)


def test_a_later_time_ends_the_alert_and_sets_another(
    session: Session, ward: Ward, stay: Stay, start: datetime
) -> None:
    gone(session, ward, stay, start, hours=1)
    lived(session, start + 2 * HOUR)
    with clock.as_if(start + 2 * HOUR):
        nora = ward.staff["nora"].id
        with pytest.raises(Invalid):
            leaves.extend(session, nora, stay, key=uuid4(), expected_at=start + HOUR)
        leaves.extend(session, nora, stay, key=uuid4(), expected_at=start + 4 * HOUR)
    assert rules(session, stay) == set()
    lived(session, start + 4 * HOUR)
    assert rules(session, stay) == set()
    lived(session, start + 4.3 * HOUR)
    assert rules(session, stay) == {"overdue-return"}


@pytest.mark.parametrize(("why", "asked"), [(Away.PASS, True), (Away.THERAPY, False)])
def test_a_return_from_outside_asks_for_a_check_within_a_quarter_of_an_hour(
    *, session: Session, ward: Ward, stay: Stay, start: datetime, why: Away, asked: bool
) -> None:
    gone(session, ward, stay, start, why=why)
    back(session, ward, stay, start + HOUR)
    sedation = ward.unit.sedation_scale
    found = rounds(session, stay, "news2") + rounds(session, stay, sedation)
    assert [(row.due_at, row.interval_minutes) for row in found] == (
        [(start + HOUR, 15), (start + HOUR, 15)] if asked else []
    )
    lived(session, start + HOUR + timedelta(minutes=15))
    assert ("overdue/news2" in rules(session, stay)) is asked


def test_somebody_in_a_group_is_seen_alert_and_their_scales_wait(
    session: Session, ward: Ward, stay: Stay, start: datetime
) -> None:
    theo = ward.staff["theo"].id
    gone(session, ward, stay, start, why=Away.THERAPY)
    with clock.as_if(start + HOUR):
        row = leaves.seen(session, theo, stay, key=uuid4())
    assert (row.seen_by, row.seen_at) == (theo, start + HOUR)
    assert [one.state.value for one in rounds(session, stay)] == ["due"]
    back(session, ward, stay, start + 2 * HOUR)
    assert queries.standing(session, stay.id)[0].seen_at == start + HOUR
    gone(session, ward, stay, start + 3 * HOUR)
    with clock.as_if(start + 4 * HOUR), pytest.raises(Conflict, match="our own people"):
        leaves.seen(session, theo, stay, key=uuid4())


@pytest.mark.parametrize(
    ("outcome", "is_back"),
    [("assessed", True), ("refused", True), ("off_unit", False), ("staff_unavailable", False)],
)
def test_whoever_is_observed_is_back_though_nobody_wrote_it_down(
    *, session: Session, ward: Ward, stay: Stay, start: datetime, outcome: str, is_back: bool
) -> None:
    """Otherwise a patient on the unit would be observed no more."""
    gone(session, ward, stay, start + HOUR)
    at = start + 2 * HOUR
    fields = {"answers": build.ciwa_b(10)} if outcome == "assessed" else {"vitals": Vitals()}
    with clock.as_if(at):
        build.recorded(session, ward, stay, observed_at=at, outcome=outcome, **fields)
    assert (queries.absence(session, stay.id) is None) is is_back
    if is_back:
        assert queries.standing(session, stay.id)[0].returned_at == at
    earlier = start + 0.5 * HOUR
    if not is_back:
        with clock.as_if(at):
            build.recorded(session, ward, stay, observed_at=earlier, answers=build.ciwa_b(10))
        assert queries.absence(session, stay.id) is not None


def test_the_bed_is_held_and_nobody_leaves_twice(
    session: Session, ward: Ward, stay: Stay, start: datetime
) -> None:
    gone(session, ward, stay, start)
    assert ward.beds["7"].id not in {bed.id for bed in stays.free_beds(session, ward.unit.id)}
    with pytest.raises(Conflict, match="away already"):
        gone(session, ward, stay, start + HOUR)


def test_what_never_was_is_taken_back_and_the_rounds_are_as_if_it_had_not_been(
    session: Session, ward: Ward, stay: Stay, start: datetime
) -> None:
    row = gone(session, ward, stay, start + 0.1 * HOUR)
    lived(session, start + 5 * HOUR)
    with clock.as_if(start + 5 * HOUR):
        leaves.take_back(
            session,
            ward.staff["nora"].id,
            stay,
            key=uuid4(),
            leave_id=row.id,
            reason="wrong patient",
        )
    assert queries.standing(session, stay.id) == []
    assert rules(session, stay) == set()
    lived(session, start + 5 * HOUR)
    assert [one.state.value for one in rounds(session, stay)] == ["missed", "late"]


def test_a_return_that_never_was_is_corrected_and_they_are_away_again(
    session: Session, ward: Ward, stay: Stay, start: datetime
) -> None:
    gone(session, ward, stay, start, hours=4)
    returned = back(session, ward, stay, start + HOUR)
    with clock.as_if(start + 2 * HOUR):
        facts = replace(known(returned), returned_at=None)
        for _ in range(2):
            leaves.correct(
                session,
                ward.staff["nora"].id,
                stay,
                key=returned.key.__class__(int=returned.key.int ^ 1),
                leave_id=returned.id,
                facts=facts,
                reason="it was bed 9",
            )
        with pytest.raises(Conflict, match="Somebody has changed"):
            leaves.correct(
                session,
                ward.staff["nora"].id,
                stay,
                key=uuid4(),
                leave_id=returned.id,
                facts=facts,
                reason="again",
            )
    assert queries.absence(session, stay.id) is not None
    lived(session, start + 4.3 * HOUR)
    assert "overdue-return" in rules(session, stay)


def test_two_absences_cannot_overlap(
    session: Session, ward: Ward, stay: Stay, start: datetime
) -> None:
    gone(session, ward, stay, start, hours=4)
    back(session, ward, stay, start + 2 * HOUR)
    with pytest.raises(Invalid, match="Check the times"), session.begin_nested():
        gone(session, ward, stay, start + HOUR)
    assert len(queries.standing(session, stay.id)) == 1


def test_a_discharge_ends_the_absence_and_nothing_is_raised(
    session: Session, ward: Ward, stay: Stay, start: datetime
) -> None:
    gone(session, ward, stay, start)
    stay_service.discharge(
        session,
        ward.staff["nora"].id,
        stay,
        at=start + HOUR,
        reason=DischargeReason.AGAINST_ADVICE,
    )
    lived(session, start + 9 * HOUR)
    assert queries.absence(session, stay.id) is None
    assert "overdue-return" not in rules(session, stay)


@pytest.mark.parametrize(
    "statement", ["UPDATE leave SET escort = 'x'", "DELETE FROM leave", "DELETE FROM absence"]
)
def test_what_is_written_down_is_never_changed(
    session: Session, ward: Ward, stay: Stay, start: datetime, statement: str
) -> None:
    gone(session, ward, stay, start)
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text(statement))


def form(ward: Ward, stay: Stay, *, by: str = "nora", **fields: str) -> dict[str, str]:
    return {"key": str(uuid4()), **opens(ward.staff[by]), "opened_for": str(stay.id), **fields}


def local(moment: datetime) -> str:
    return f"{moment.astimezone(ZoneInfo('Europe/Berlin')):%Y-%m-%dT%H:%M}"


def test_who_is_away_is_told_everywhere_and_comes_back(
    session: Session, ward: Ward, stay: Stay, client: Client
) -> None:
    nora, path = client("nora"), f"/stays/{stay.id}/leave"
    build.recorded(session, ward, stay, answers=build.ciwa_b(10))
    expected = clock.now() + 3 * HOUR
    sent = form(ward, stay, why="pass", expected=local(expected), escort="her sister")
    for _ in range(2):  # a double click
        assert nora.post(path, data=sent).status_code == 303
    assert len(queries.standing(session, stay.id)) == 1
    for page in ("/", f"/stays/{stay.id}", "/rounds", path, f"/stays/{stay.id}/record"):
        assert "On leave" in nora.get(page).text, page
    assert "her sister" in nora.get(path).text
    assert "vital signs and sedation" in nora.get(path).text.lower()
    sent = form(ward, stay, belongings="checked")
    assert nora.post(f"{path}/back", data=sent).status_code == 303
    text = nora.get(path).text
    assert "belongings checked" in text
    assert "urine drug screen not said" in text
    assert "Leaves the unit" in text
    assert queries.absence(session, stay.id) is None


def test_an_overdue_return_stands_with_the_overdue(
    session: Session, ward: Ward, stay: Stay, client: Client
) -> None:
    build.recorded(session, ward, stay, answers=build.ciwa_b(10))
    gone(session, ward, stay, clock.now() - 2 * HOUR, hours=1)
    nora = client("nora")
    assert 'data-level="overdue"' in nora.get("/").text
    assert "1 h overdue" in nora.get("/rounds").text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"why": "pass"}, "Say when they are expected back"),
        ({"why": "pass", "expected": "NaN"}, "Write the date and the time"),
        ({"why": "pass", "expected": "2001-01-01T10:00"}, "They come back after they have left"),
        ({"why": "pass", "expected": "2101-01-01T10:00"}, "At most 31 days"),
        ({"why": "tea", "expected": "2101-01-01T10:00"}, "Choose one of the list"),
        ({"expected": "2101-01-01T10:00"}, "This is needed"),
    ],
)
def test_a_refused_leave_says_why_and_keeps_what_was_typed(
    *,
    session: Session,
    ward: Ward,
    stay: Stay,
    client: Client,
    fields: dict[str, str],
    sentence: str,
) -> None:
    sent = form(ward, stay, escort="her sister", **fields)
    answer = client("nora").post(f"/stays/{stay.id}/leave", data=sent)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert 'value="her sister"' in answer.text
    assert queries.standing(session, stay.id) == []


def test_the_leader_of_the_group_says_seen_and_may_write_nothing_else(
    session: Session, ward: Ward, stay: Stay, client: Client
) -> None:
    build.recorded(session, ward, stay, answers=build.ciwa_b(10))
    gone(session, ward, stay, clock.now() - 0.5 * HOUR, why=Away.THERAPY)
    theo, path = client("theo"), f"/stays/{stay.id}/leave"
    text = theo.get(path).text
    assert "Seen just now, alert" in text
    assert "They are back" not in text
    assert theo.post(f"{path}/seen", data=form(ward, stay, by="theo")).status_code == 303
    assert theo.post(f"{path}/back", data=form(ward, stay, by="theo")).status_code == 403
    assert "seen, alert" in theo.get("/").text
    assert "Off the unit" in theo.get("/").text


def test_a_correction_on_its_page_and_a_taking_back(
    session: Session, ward: Ward, stay: Stay, client: Client
) -> None:
    row = gone(session, ward, stay, clock.now() - 2 * HOUR)
    nora, path = client("nora"), f"/stays/{stay.id}/leave"
    text = nora.get(f"{path}?correct={row.id}").text
    assert f'value="{local(row.left_at)}"' in text
    right = {
        "why": "court",
        "left": local(row.left_at),
        "expected": local(row.expected_at),
        "reason": "it was court",
    }
    sent = form(ward, stay, **right)
    assert nora.post(f"{path}/{row.id}/correct", data=sent).status_code == 303
    (now_known,) = queries.standing(session, stay.id)
    assert (now_known.why, now_known.left_at.minute) == (Away.COURT, row.left_at.minute)
    again = nora.post(f"{path}/{row.id}/correct", data=form(ward, stay, **right))
    assert again.status_code == 409
    sent = form(ward, stay, reason="another bed")
    assert nora.post(f"{path}/{now_known.id}/take-back", data=sent).status_code == 303
    text = nora.get(path).text
    assert text.count("struck through") == 2
    assert "it was court" in text


def test_a_time_away_is_no_missed_observation_in_the_report(session: Session, ward: Ward) -> None:
    shift = shift_of(ward, "2026-03-02T08:00")
    stay = build.stay(session, ward, admitted_at=shift.starts_at - timedelta(days=9), orders={})
    with clock.as_if(shift.starts_at):
        at = shift.starts_at
        orders.order(
            session,
            ward.staff["nora"].id,
            stay,
            key=uuid4(),
            instrument="ciwa-b",
            how_often=HowOften(interval_minutes=240),
            at=at,
            in_force=protocols.in_force(session, ward.unit.id, at=at),
        )
        build.recorded(session, ward, stay, observed_at=at, answers=build.ciwa_b(10))
    gone(session, ward, stay, at + HOUR, hours=20)
    for now, label in ((at + 11 * HOUR, "still away"), (None, None)):
        if now is None:
            back(session, ward, stay, shift.ends_at + HOUR)
        report = report_of(session, ward, shift, now=now)
        figures = {(row.section, row.subject, row.figure): row.value for row in report.rows}
        assert figures["observations", "off unit", "all"] == 1
        assert figures["observations", "missed", "all"] == 0
        assert figures["census", "at the end away, bed held", "count"] == 1
        back_at = figures["leave-list", "Pass, leave of absence", "back at"]
        assert back_at == (label or shift.ends_at + HOUR)
