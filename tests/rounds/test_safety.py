"""Safety rounds: ordered by level, looked at one by one, missed at once, put right."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from backend.alerts import queries as alerts
from backend.audit.models import AuditEntry
from backend.clinical.safety import Level, NotSeenKind, level_of
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.core.errors import Conflict, Invalid
from backend.observations.models import Observation
from backend.rounds import queries as rounds
from backend.rounds import service as moving
from backend.rounds.leave import service as leaves
from backend.rounds.models import Round, RoundState
from backend.rounds.safety import queries, service
from backend.rounds.safety.models import SafetyCheck
from backend.rounds.safety.service import Look, Proof
from backend.stays.leave import queries as leave_queries
from backend.stays.leave.facts import Facts
from backend.stays.leave.models import Away
from backend.stays.models import Stay
from tests import build
from tests.people import Ward, opens

Browser = Callable[[str | None], TestClient]
MINUTE = timedelta(minutes=1)
UP = Look(answers={"place": "D", "doing": "A"})


def watched(
    session: Session,
    ward: Ward,
    *,
    bed: str = "7",
    level: str = "q15",
    ago: float = 0,
    name: str = "Pennywhistle",
) -> Stay:
    """A patient on safety rounds since so many minutes ago."""
    stay = build.stay(
        session, ward, bed=bed, patient_row=build.patient(session, ward, family_name=name)
    )
    build.watched(session, ward, stay, level, at=clock.now() - ago * MINUTE)
    return stay


def looked(
    session: Session,
    ward: Ward,
    stay: Stay,
    look: Look = UP,
    *,
    ago: float = 0,
    by: str = "nora",
    **fields: object,
) -> SafetyCheck:
    values: dict[str, object] = {"key": uuid4(), "draw": 0.0} | fields
    return service.record(
        session,
        ward.staff[by].id,
        stay,
        look=look,
        observed_at=clock.now() - ago * MINUTE,
        **values,  # type: ignore[arg-type]
    )


def open_round(session: Session, stay: Stay) -> Round:
    session.expire_all()
    standing = rounds.standing(session, stay.id, "safety")
    assert standing is not None
    row = rounds.open_of(session, standing.id)
    assert row is not None
    return row


def rules(session: Session, stay: Stay) -> dict[str, str]:
    session.expire_all()
    found = alerts.open_on_stay(session, stay.id)
    return {alert.rule: alert.level.value for alert in found if alert.cleared_at is None}


def form(ward: Ward, stay: Stay, *, by: str = "nora", **fields: str) -> dict[str, str]:
    return {
        "key": str(uuid4()),
        **opens(ward.staff[by]),
        "opened_for": str(stay.id),
        **fields,
    }


def sent(ward: Ward, stay: Stay, **fields: str) -> dict[str, str]:
    return form(ward, stay, **{"place": "D", "doing": "A", "tag": ""} | fields)


# --- Orders ---


def test_any_nurse_orders_closer_and_only_who_may_order_lowers(
    client: Browser, session: Session, ward: Ward
) -> None:
    stay = build.stay(session, ward)
    path = f"/stays/{stay.id}/safety-orders"
    browsers = {by: client(by) for by in ("nora", "tess", "chen", "priya")}

    def ordered(by: str, level: str, **fields: str) -> int:
        said = form(ward, stay, by=by, level=level, why="talks of dying", **fields)
        return browsers[by].post(path, data=said).status_code

    def now() -> Level:
        session.expire_all()
        standing = rounds.standing(session, stay.id, "safety")
        assert standing is not None
        return level_of(standing.interval_minutes, one_to_one=standing.one_to_one)

    assert ordered("nora", "q30") == 303
    assert ordered("nora", "q15") == 303
    refused = browsers["nora"].post(
        path, data=form(ward, stay, level="q30", why="calmer", watch_until="")
    )
    assert refused.status_code == 422
    assert "a prescriber or the charge nurse" in refused.text
    assert 'value="calmer"' in refused.text
    assert now() is Level.Q15
    assert ordered("nora", "one_to_one") == 303
    assert now() is Level.ONE_TO_ONE
    later = f"{clock.now() + timedelta(days=1):%Y-%m-%dT%H:%M}"
    assert ordered("nora", "one_to_one", watch_until=later, then_level="q30") == 422
    assert ordered("tess", "q15") == 403
    assert ordered("chen", "q30") == 303
    assert ordered("priya", "q60") == 303
    assert now() is Level.Q60
    levels = browsers["nora"].get(f"/stays/{stay.id}/orders").text
    assert "Now: every 60 min." in levels
    ordered_rows = session.scalars(
        select(AuditEntry.action).where(AuditEntry.action == "observation_order.made")
    ).all()
    assert len(ordered_rows) == 5


def test_an_end_says_how_closely_after_it_and_the_watch_orders_that(
    session: Session, ward: Ward
) -> None:
    stay = watched(session, ward, ago=40)
    until = clock.now() - 5 * MINUTE
    row = build.watched(
        session,
        ward,
        stay,
        "one_to_one",
        at=clock.now() - 30 * MINUTE,
        until_at=until,
        then=Level.Q60,
    )
    looked(session, ward, stay, ago=10)
    _watch(session)
    session.refresh(row)
    assert row.ended_at == until
    standing = rounds.standing(session, stay.id, "safety")
    assert standing is not None
    assert (standing.interval_minutes, standing.one_to_one) == (60, False)


def _watch(session: Session) -> None:
    """Time passes, as the watch sees it."""
    while (row := moving.past_its_time(session, clock.now(), [])) is not None:
        moving.move_on(session, row, clock.now())


def test_the_risk_window_of_withdrawal_does_not_hold_safety_rounds(
    client: Browser, session: Session, ward: Ward
) -> None:
    stay = build.stay(session, ward, admitted_at=clock.now() - timedelta(hours=2))
    row = build.watched(session, ward, stay, "q15")
    path = f"/stays/{stay.id}/orders/{row.id}/end"
    assert client("nora").post(path, data=form(ward, stay, reason="calm")).status_code == 403
    ended = client("chen").post(path, data=form(ward, stay, by="chen", reason="calm since noon"))
    assert ended.status_code == 303
    assert rounds.standing(session, stay.id, "safety") is None


# --- Looks ---


def test_a_look_ends_the_round_and_the_next_comes_no_later_than_ordered(
    session: Session, ward: Ward
) -> None:
    stay = watched(session, ward, ago=3)
    row = looked(session, ward, stay, draw=0.0)
    session.flush()
    first = session.get_one(Round, row.round_id)
    assert (first.state, first.done_at) == (RoundState.DONE, row.observed_at)
    assert open_round(session, stay).due_at == row.observed_at + 15 * MINUTE
    sooner = looked(session, ward, stay, draw=0.999)
    due = open_round(session, stay).due_at
    assert sooner.observed_at + 10 * MINUTE <= due < sooner.observed_at + 11 * MINUTE
    drawn = set()
    for _ in range(8):
        again = looked(session, ward, stay, draw=None)
        wait = open_round(session, stay).due_at - again.observed_at
        assert 10 * MINUTE <= wait <= 15 * MINUTE
        drawn.add(wait)
    assert len(drawn) > 2


def test_a_set_never_ends_a_safety_round_and_a_look_is_no_set(session: Session, ward: Ward) -> None:
    stay = watched(session, ward, ago=10)
    before = open_round(session, stay).id
    for outcome in ("assessed", "refused", "asleep", "off_unit"):
        vitals = build.CALM if outcome in ("assessed", "asleep") else Vitals()
        build.recorded(session, ward, stay, outcome=outcome, vitals=vitals)
    assert open_round(session, stay).id == before
    sets = len(session.scalars(select(Observation).where(Observation.stay_id == stay.id)).all())
    looked(session, ward, stay)
    assert open_round(session, stay).id != before
    after = session.scalars(select(Observation).where(Observation.stay_id == stay.id)).all()
    assert len(after) == sets
    with pytest.raises(Invalid, match="does not use that"):
        build.recorded(session, ward, stay, answers={"safety": {"place": "R", "doing": "A"}})


def test_a_missed_check_is_urgent_at_once_at_15_minutes_and_a_look_ends_it(
    session: Session, ward: Ward
) -> None:
    close = watched(session, ward, bed="1", level="q15", ago=16)
    wide = watched(session, ward, bed="2", level="q60", ago=61)
    nobody = watched(session, ward, bed="3", level="q30", ago=61)
    _watch(session)
    assert rules(session, close) == {"overdue/safety": "urgent"}
    assert rules(session, wide) == {"overdue/safety": "advisory"}
    assert rules(session, nobody) == {"overdue/safety": "urgent"}
    looked(session, ward, close)
    assert rules(session, close) == {}
    looked(session, ward, nobody, Look(answers={}, not_seen=NotSeenKind.NOBODY_FREE))
    assert rules(session, nobody) == {"overdue/safety": "urgent"}
    missed = session.scalars(
        select(Round.state).where(Round.stay_id == close.id).order_by(Round.due_at, Round.id)
    ).all()
    assert missed[0] is RoundState.MISSED


def test_what_time_made_of_the_rounds_before_a_look_stays_missed_when_the_watch_was_silent(
    session: Session, ward: Ward
) -> None:
    stay = watched(session, ward, ago=40)
    looked(session, ward, stay)
    states = session.scalars(
        select(Round.state).where(Round.stay_id == stay.id).order_by(Round.due_at, Round.id)
    ).all()
    assert states[:2] == [RoundState.MISSED, RoundState.MISSED]
    assert states[2] is RoundState.DONE_LATE
    assert states[3] is RoundState.SCHEDULED


@pytest.mark.parametrize(
    ("look", "called"),
    [
        (Look(answers={"place": "R", "doing": "S", "breathing": "N"}),
         {"safety/not-breathing": "emergency"}),
        (Look(answers={"place": "R", "doing": "A", "concern": "Y"}, note="cord"),
         {"safety/concern": "urgent"}),
        (Look(answers={}, not_seen=NotSeenKind.NOT_FOUND), {"safety/not_found": "emergency"}),
        (Look(answers={}, not_seen=NotSeenKind.OFF_UNIT), {}),
    ],
)  # fmt: skip
def test_what_is_seen_calls_at_once_and_what_was_seen_long_ago_does_not(
    session: Session, ward: Ward, look: Look, called: dict[str, str]
) -> None:
    stay = watched(session, ward, ago=200)
    late = looked(session, ward, stay, look, ago=61)
    assert late.late_entry
    assert rules(session, stay) == {}
    now = looked(session, ward, stay, look)
    assert not now.late_entry
    assert rules(session, stay) == called
    looked(session, ward, stay)
    left = {rule: level for rule, level in called.items() if rule == "safety/concern"}
    assert rules(session, stay) == left


def test_a_look_written_down_late_ends_nothing_that_somebody_has_seen_since(
    session: Session, ward: Ward
) -> None:
    stay = watched(session, ward, ago=60)
    gone = Look(answers={"place": "R", "doing": "S", "breathing": "N"})
    looked(session, ward, stay, gone)
    due = open_round(session, stay).due_at
    old = looked(session, ward, stay, ago=16)
    assert old.late_entry  # an interval of 15 minutes is over
    assert old.round_id is None
    assert rules(session, stay) == {"safety/not-breathing": "emergency"}
    assert open_round(session, stay).due_at == due


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"place": ""}, "Say: where."),
        ({"doing": ""}, "Say: doing what."),
        ({"doing": "S"}, "Somebody asleep must be seen to breathe: say whether."),
        ({"place": "Z"}, "place"),
        ({"observed": "yesterday"}, "Write the date and the time."),
        ({"observed": "2020-01-01T10:00"}, "before this stay began"),
        ({"observed": "2099-01-01T10:00"}, "has not come yet"),
        ({"note": "x" * 301}, "300 letters at most"),
        ({"not_seen": "gone fishing"}, "Choose one of the list."),
        ({"no_tag": "lazy"}, "Choose one of the list."),
    ],
)
def test_a_refused_look_says_why_and_loses_nothing(
    client: Browser, session: Session, ward: Ward, fields: dict[str, str], sentence: str
) -> None:
    stay = watched(session, ward)
    said = sent(ward, stay, **{"note": "kept as it was"} | fields)
    answer = client("nora").post(f"/stays/{stay.id}/safety", data=said)
    assert answer.status_code == 422
    assert sentence in answer.text
    assert f'value="{said["note"]}"' in answer.text
    assert queries.chain(session, stay.id) == []


def test_two_taps_store_one_look_with_its_own_time_and_the_page_reads_it_back(
    client: Browser, session: Session, ward: Ward
) -> None:
    first = watched(session, ward, bed="3", name="Ash", ago=8)
    second = watched(session, ward, bed="1", name="Birch", ago=2)
    tess = client("tess")
    html = tess.get("/rounds/safety").text
    assert "2 patients on safety rounds, 2 overdue" in html
    assert html.index("Ash") < html.index("Birch")
    assert f'action="/stays/{first.id}/safety"' in html
    assert f'action="/stays/{second.id}/safety"' not in html  # one at a time, never a batch
    said = sent(ward, first, by="tess", place="R", doing="S-Y")
    done = tess.post(f"/stays/{first.id}/safety", data=said, follow_redirects=True)
    assert "own room, asleep, seen to breathe." in done.text
    assert f'action="/stays/{second.id}/safety"' in done.text
    again = tess.post(f"/stays/{first.id}/safety", data=said)  # a double tap
    assert again.status_code == 303
    (row,) = queries.chain(session, first.id)
    assert (row.place, row.doing, row.breathing) == ("R", "S", "Y")
    assert row.observed_at == row.entered_at
    assert row.order_id is not None
    other = form(ward, second, by="tess") | {"place": "D", "doing": "A"}
    wrong = tess.post(f"/stays/{first.id}/safety", data=other)
    assert wrong.status_code == 409
    # What was seen is not shown to whoever looks next.
    assert "seen to breathe." not in tess.get(f"/rounds/safety?stay={first.id}").text


def test_a_patient_of_another_unit_is_not_there(
    client: Browser, session: Session, ward: Ward
) -> None:
    stay = watched(session, ward)
    olga = client("olga")
    assert olga.post(f"/stays/{stay.id}/safety", data=form(ward, stay, by="olga")).status_code in {
        404,
        409,
        422,
    }
    html = olga.get(f"/rounds/safety?stay={stay.id}").text
    assert "Pennywhistle" not in html
    assert "Nobody is on safety rounds." in html


# --- Put right ---


def test_a_correction_takes_the_place_of_the_look_and_what_only_that_raised_is_over(
    client: Browser, session: Session, ward: Ward
) -> None:
    stay = watched(session, ward)
    row = looked(session, ward, stay, Look(answers={"place": "R", "doing": "A", "concern": "Y"}))
    due = open_round(session, stay).due_at
    path = f"/stays/{stay.id}/safety"
    nora = client("nora")
    assert "Correct this check" in nora.get(f"{path}?correct={row.id}").text
    said = form(ward, stay, place="B", doing="Q", reason="wrong button")
    for _ in range(2):
        assert nora.post(f"{path}/{row.id}/correct", data=said).status_code == 303
    (standing,) = queries.of_stay(session, stay.id, row.observed_at, row.observed_at)
    assert (standing.place, standing.doing, standing.concern) == ("B", "Q", None)
    assert standing.observed_at == row.observed_at
    assert rules(session, stay) == {}
    assert open_round(session, stay).due_at == due
    html = nora.get(path).text
    assert "wrong button" in html
    assert "<del>" in html
    late = nora.post(f"{path}/{row.id}/correct", data=said | {"key": str(uuid4())})
    assert late.status_code == 409


def test_taken_back_it_counts_no_more_and_the_round_is_due_as_it_was(
    session: Session, ward: Ward
) -> None:
    stay = watched(session, ward, ago=3)
    due = open_round(session, stay).due_at
    row = looked(session, ward, stay)
    service.take_back(
        session,
        ward.staff["nora"].id,
        stay,
        key=uuid4(),
        check_id=row.id,
        reason="wrong patient",
        of_others=True,
    )
    assert queries.of_stay(session, stay.id, row.observed_at, clock.now()) == []
    assert queries.last_seen(session, [stay.id]) == {}
    assert open_round(session, stay).due_at == due
    with pytest.raises(Conflict, match="changed this check already"):
        service.take_back(
            session,
            ward.staff["nora"].id,
            stay,
            key=uuid4(),
            check_id=row.id,
            reason="again",
            of_others=True,
        )


def test_a_technician_puts_their_own_look_right_and_no_other(
    client: Browser, session: Session, ward: Ward
) -> None:
    stay = watched(session, ward)
    theirs, own = looked(session, ward, stay), looked(session, ward, stay, by="tess")
    tess = client("tess")
    path = f"/stays/{stay.id}/safety"

    def back(row: SafetyCheck) -> int:
        said = form(ward, stay, by="tess", reason="wrong patient")
        return tess.post(f"{path}/{row.id}/take-back", data=said).status_code

    assert back(theirs) == 403
    assert back(own) == 303


@pytest.mark.parametrize(
    "statement",
    ["UPDATE safety_check SET place = 'B'", "DELETE FROM safety_check", "TRUNCATE safety_check"],
)
def test_no_row_is_ever_changed(session: Session, ward: Ward, statement: str) -> None:
    looked(session, ward, watched(session, ward))
    with pytest.raises(DBAPIError, match="permission denied"), session.begin_nested():
        session.execute(text(statement))


def test_where_the_unit_wants_tags_a_look_without_one_says_why(
    client: Browser, session: Session, ward: Ward
) -> None:
    stay = watched(session, ward)
    ward.unit.door_tags_required = True
    session.flush()
    with pytest.raises(Invalid) as refused:
        looked(session, ward, stay)
    assert refused.value.fields == {"no_tag": "Scan the tag on the door, or say why not."}
    assert "Without the tag, because" in client("nora").get("/rounds/safety").text
    path = f"/stays/{stay.id}/safety"
    assert client("nora").post(path, data=sent(ward, stay)).status_code == 422
    told = client("nora").post(path, data=sent(ward, stay, no_tag="tag_gone"))
    assert told.status_code == 303
    assert "without tag: tag gone or torn" in client("nora").get(path).text
    # Nobody is kept from saying that a patient is gone.
    looked(session, ward, stay, Look(answers={}, not_seen=NotSeenKind.NOT_FOUND), proof=Proof())


def test_the_board_says_that_a_check_is_overdue_and_still_misses_what_nobody_ordered(
    client: Browser, session: Session, ward: Ward
) -> None:
    watched(session, ward, ago=8)
    html = client("nora").get("/").text
    assert "8 min overdue" in html
    assert "Safety check" in html
    assert "Nothing ordered" in html
    listed = client("nora").get("/rounds").text
    assert "Safety check" in listed
    assert "/rounds/safety?stay=" in listed


def test_off_the_unit_the_rounds_rest_and_whoever_is_seen_in_the_house_is_back(
    client: Browser, session: Session, ward: Ward
) -> None:
    stay = watched(session, ward, ago=12)
    nora, now = ward.staff["nora"].id, clock.now()
    gone = Facts(why=Away.THERAPY, left_at=now - 10 * MINUTE, expected_at=now + 50 * MINUTE)
    leaves.leave(session, nora, stay, key=uuid4(), facts=gone)
    before = open_round(session, stay).id
    html = client("nora").get("/rounds/safety").text
    assert "rests" in html
    assert "overdue" not in html[html.index("look-who") : html.index("1. Where?")]
    in_group = looked(session, ward, stay, Look(answers={"place": "G", "doing": "T"}))
    assert in_group.round_id is None
    assert open_round(session, stay).id == before
    inside = looked(session, ward, stay, Look(answers={"place": "R", "doing": "Q"}))
    assert leave_queries.absence(session, stay.id) is None
    assert inside.round_id is not None
    assert open_round(session, stay).due_at == inside.observed_at + 15 * MINUTE


def test_checks_that_look_alike_are_told_to_their_maker_and_the_charge_nurse_alone(
    client: Browser, session: Session, ward: Ward
) -> None:
    stays = [watched(session, ward, bed=bed, ago=200) for bed in ("1", "2", "3", "4")]
    for stay in stays:
        looked(session, ward, stay, by="tess")
    looked(session, ward, stays[0], by="nora")
    of_tess = "4 checks from "
    mine = client("tess").get("/rounds/safety").text
    assert of_tess in mine
    assert "nothing follows from it by itself" in mine
    assert "To talk about" not in mine
    assert of_tess not in client("nora").get("/rounds/safety").text
    talk = client("chen").get("/rounds/safety").text
    assert f"{ward.staff['tess'].name}: {of_tess}" in talk
    assert "ask, do not judge" in talk
    assert "To think about" not in talk


def test_the_chart_draws_each_look_and_what_was_missed(
    client: Browser, session: Session, ward: Ward
) -> None:
    stay = watched(session, ward, ago=40)
    _watch(session)
    looked(session, ward, stay, Look(answers={"place": "R", "doing": "S", "breathing": "N"}))
    html = client("nora").get(f"/stays/{stay.id}").text
    strip = html[html.index('id="safety-rounds-title"') :]
    strip = strip[: strip.index("</svg>")]
    assert "2 missed." in strip
    assert "own room, asleep, not seen to breathe" in strip
    assert strip.count("#g-overdue") == 2
    assert strip.count("#g-urgent") == 1
