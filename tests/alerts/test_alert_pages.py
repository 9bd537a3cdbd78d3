"""The list, the card and the forms: what they say, and to whom."""

import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.units.models import Bed
from backend.alerts import queries
from backend.alerts import service as alerts
from backend.alerts.answers import service as answers
from backend.alerts.models import Alert, Level
from backend.audit.models import AuditEntry
from backend.clinical import deterioration
from backend.core import clock
from backend.patients.models import Patient
from backend.protocols import queries as protocols
from backend.stays import service as stays
from backend.stays.models import Stay
from tests import build
from tests.alerts.build import let_time_pass, minutes, raised, taken
from tests.people import Ward

Client = Callable[[str | None], TestClient]


@pytest.fixture
def at() -> datetime:
    return clock.now() - timedelta(minutes=9)


@pytest.fixture
def alert(session: Session, ward: Ward, at: datetime) -> Alert:
    return raised(session, ward, at=at)


def _text(client: TestClient, path: str) -> str:
    """The page as somebody reads it."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", answer.text))


def test_the_list_says_who_has_it_and_what_happens_next(
    session: Session, ward: Ward, client: Client, alert: Alert, at: datetime
) -> None:
    page = _text(client("nora"), "/alerts")
    local = (at + minutes(15)).astimezone(ZoneInfo(ward.unit.time_zone))
    assert "Bed 7" in page
    assert "NEWS2 is 8, 7 or more." in page
    assert f"nobody has it · {local:%H:%M} → the charge nurse" in page
    taken(session, ward, alert, at=at)
    page = _text(client("nora"), "/alerts/list")
    assert f"Nora Nurse has it: Reassess in person · recheck {local:%H:%M}" in page


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        ("seen", "seen "),
        ("lapsed", "promise of Nora Nurse lapsed "),
        ("cleared", "no longer met since "),
        ("top", "the medical director told, nobody above"),
    ],
)
def test_the_list_tells_every_standing_apart(
    session: Session, ward: Ward, client: Client, happens: str, said: str
) -> None:
    at = clock.now() - timedelta(hours=2)
    alert = raised(session, ward, at=at, level="emergency")
    nora = ward.staff["nora"].id
    if happens == "seen":
        answers.see(session, nora, alert, key=uuid4(), at=at)
    elif happens == "lapsed":
        taken(session, ward, alert, at=at)
        let_time_pass(session, at + minutes(16))
    elif happens == "cleared":
        alerts.clear(session, alert, sentence="NEWS2 is 2.", now=at + minutes(3))
    else:
        let_time_pass(session, clock.now())
    page = _text(client("nora"), "/alerts")
    assert said in page
    assert "nobody has it" in page


def test_red_mutes_amber_of_its_family_and_still_lists_it(
    session: Session, ward: Ward, client: Client, at: datetime
) -> None:
    stay = build.stay(session, ward)
    raised(session, ward, stay, at=at, rule="news2-5", rank=1, title="NEWS2 5 or more")
    red = raised(session, ward, stay, at=at, level="emergency", title="NEWS2 7 or more")
    other = raised(session, ward, stay, at=at, rule="x", family="x", title="CIWA-B severe")
    page = client("nora").get("/alerts").text
    assert re.findall(r'<li class="alert" id="alert-(\d+)"', page) == [str(red.id), str(other.id)]
    assert "also met: NEWS2 5 or more" in _text(client("nora"), "/alerts")
    assert "Open 2" in page
    assert "<b>2</b>" in client("nora").get("/alerts/count").text


def shown(session: Session, ward: Ward) -> list[tuple[int, list[int]]]:
    """What leads, and what it mutes."""
    found = queries.bundles(queries.open_on_unit(session, ward.unit.id))
    return [(one.leading.id, [alert.id for alert in one.muted]) for one in found]


def test_what_came_after_somebody_took_on_the_family_is_not_muted(
    session: Session, ward: Ward, at: datetime
) -> None:
    stay = build.stay(session, ward)
    known = raised(session, ward, stay, at=at, rule="news2-red", rank=1)
    five = raised(session, ward, stay, at=at, rule="news2-5", rank=5)
    assert shown(session, ward) == [(five.id, [known.id])]
    taken(session, ward, five, at=at + minutes(2))
    # Of two as bad the one that nobody has leads.
    assert shown(session, ward) == [(known.id, [five.id])]
    taken(session, ward, known, at=at + minutes(2))
    assert shown(session, ward) == [(five.id, [known.id])]
    new = raised(session, ward, stay, at=at + minutes(9), rule="sedated", level="advisory")
    assert shown(session, ward) == [(five.id, [known.id]), (new.id, [])]
    counts = queries.open_counts(session, ward.unit.id)
    assert (counts[Level.URGENT], counts[Level.ADVISORY]) == (1, 1)


def test_what_a_newer_set_has_cleared_mutes_nothing_that_is_still_met(
    session: Session, ward: Ward, at: datetime
) -> None:
    stay = build.stay(session, ward)
    over = raised(session, ward, stay, at=at, level="emergency")
    alerts.clear(session, over, sentence="NEWS2 is 5.", now=at + minutes(3))
    five = raised(session, ward, stay, at=at, rule="news2-5", rank=5)
    assert shown(session, ward) == [(over.id, []), (five.id, [])]


def test_a_row_names_what_else_the_same_patient_has(
    session: Session, ward: Ward, client: Client, at: datetime
) -> None:
    stay = build.stay(session, ward)
    raised(session, ward, stay, at=at, level="emergency", title="NEWS2 7 or more")
    raised(session, ward, stay, at=at, rule="x", family="x", title="CIWA-B severe")
    raised(session, ward, build.stay(session, ward, bed="3"), at=at, title="NEWS2 5 or more")
    page = _text(client("nora"), "/alerts")
    assert "same patient: CIWA-B severe" in page
    assert "same patient: NEWS2 7 or more" in page
    assert "same patient: NEWS2 5 or more" not in page


def test_of_two_equals_of_a_family_the_higher_rank_leads(
    session: Session, ward: Ward, client: Client, at: datetime
) -> None:
    stay = build.stay(session, ward)
    raised(session, ward, stay, at=at, rule="a", rank=1)
    higher = raised(session, ward, stay, at=at + minutes(1), rule="b", rank=2)
    page = client("nora").get("/alerts").text
    assert re.findall(r'<li class="alert" id="alert-(\d+)"', page) == [str(higher.id)]


def test_the_same_family_of_two_patients_is_two(
    session: Session, ward: Ward, client: Client, at: datetime
) -> None:
    for bed in ("1", "2"):
        raised(session, ward, build.stay(session, ward, bed=bed), at=at)
    assert len(re.findall(r'<li class="alert"', client("nora").get("/alerts").text)) == 2


def test_the_worst_comes_first_then_what_has_been_open_longest(
    session: Session, ward: Ward, client: Client
) -> None:
    wanted: list[int] = []
    for level, age in (("emergency", 1), ("urgent", 9), ("urgent", 2), ("advisory", 8)):
        stay = build.stay(session, ward, bed=str(len(wanted) + 1))
        raised_at = clock.now() - timedelta(minutes=age)
        wanted.append(raised(session, ward, stay, at=raised_at, level=level).id)
    page = client("nora").get("/alerts").text
    assert [int(one) for one in re.findall(r'id="alert-(\d+)"', page)] == wanted


def test_an_overdue_set_and_what_cannot_be_told_look_different_from_illness(
    session: Session, ward: Ward, client: Client, at: datetime
) -> None:
    stay = build.stay(session, ward)
    in_force = protocols.in_force(session, ward.unit.id, at=at)
    verdict = deterioration.overdue(
        in_force.protocol,
        instrument="ciwa-b",
        interval_minutes=15,
        missed_in_a_row=1,
        state="missed",
        due_at=at,
    )
    assert verdict is not None
    for one in (verdict, deterioration.cannot_evaluate("rounds")):
        alerts.raise_alert(
            session, stay=stay, verdict=one, protocol_id=in_force.id, now=at, actor_id=None
        )
    page = _text(client("nora"), "/alerts")
    assert "Overdue, urgent" in page
    assert "Unknown, urgent" in page


def test_mine_are_those_i_promised_kept_or_not(
    session: Session, ward: Ward, client: Client
) -> None:
    at = clock.now() - timedelta(hours=1)
    had, has, others = (
        raised(session, ward, build.stay(session, ward, bed=bed), at=at) for bed in "123"
    )
    taken(session, ward, had, at=at)
    taken(session, ward, has, at=at, recheck_minutes=60)
    taken(session, ward, others, at=at, by="chen", recheck_minutes=60)
    let_time_pass(session, at + minutes(20))
    page = client("nora").get("/alerts?show=mine").text
    assert {int(one) for one in re.findall(r'id="alert-(\d+)"', page)} == {had.id, has.id}


def test_what_was_closed_this_shift_says_by_whom_and_why(
    session: Session, ward: Ward, client: Client, alert: Alert
) -> None:
    answers.close(
        session,
        ward.staff["chen"].id,
        alert,
        key=uuid4(),
        reason="Treated and settled",
        at=clock.now(),
        may_close_emergency=False,
    )
    assert "No open alerts" in _text(client("nora"), "/alerts")
    page = _text(client("nora"), "/alerts?show=closed")
    assert "by Chen Charge Nurse: Treated and settled" in page


def test_nothing_open_says_when_the_last_was_closed(client: Client) -> None:
    page = _text(client("nora"), "/alerts")
    assert "No open alerts" in page
    assert "None has been closed yet." in page


def test_a_patient_without_a_bed_is_in_the_list(
    session: Session, ward: Ward, client: Client, at: datetime
) -> None:
    stay = build.stay(session, ward, bed=None)
    raised(session, ward, stay, at=at)
    code = session.get_one(Patient, stay.patient_id).code
    assert f"{code}, no bed" in _text(client("nora"), "/alerts")


def test_the_card_says_why(ward: Ward, client: Client, alert: Alert, at: datetime) -> None:
    page = _text(client("priya"), f"/alerts/{alert.id}")
    local = at.astimezone(ZoneInfo(ward.unit.time_zone))
    for said in (
        "NEWS2 7 or more",
        "Pennywhistle, Rosa",
        "born 04 Mar 1985",
        "allergies: penicillin (rash)",
        "NEWS2 is 8, 7 or more.",
        f"{local:%H:%M}",
        "Rule “news2-7” version 1, protocol “Vigil default” version 1, approved by Vera Approver.",
        "Source RCP 2017 [A].",
        "Raised: the assigned nurse told on the board",
        "The charge nurse",
        "The physician on duty",
        "Assess by",
    ):
        assert said in page, said


def test_the_card_tells_the_whole_story(session: Session, ward: Ward, client: Client) -> None:
    at = clock.now() - timedelta(hours=1)
    alert = raised(session, ward, at=at)
    nora, chen = ward.staff["nora"].id, ward.staff["chen"].id
    taken(session, ward, alert, at=at)
    let_time_pass(session, at + minutes(15))
    answers.log_call(
        session,
        chen,
        alert,
        key=uuid4(),
        called="Dr Vance",
        how="by phone",
        response="Comes in ten minutes",
        read_back=True,
        at=at + minutes(16),
    )
    taken(session, ward, alert, at=at + minutes(17), by="chen", recheck_minutes=60)
    page = _text(client("nora"), f"/alerts/{alert.id}/why")
    story = [
        "Raised: the assigned nurse told",
        "Nora Nurse has it",
        "Promise lapsed",
        "The charge nurse told on the board",
        "Chen Charge Nurse called Dr Vance by phone",
        "“Comes in ten minutes” · read back",
        "Chen Charge Nurse has it",
        "Chen Charge Nurse looks again",
        "The physician on duty",
    ]
    places = [page.index(line, page.index("Who was told")) for line in story]
    assert places == sorted(places)
    assert nora != chen


def test_opening_a_card_is_written_down_once(
    session: Session, ward: Ward, client: Client, alert: Alert
) -> None:
    priya = client("priya")
    for _ in range(2):
        priya.get(f"/alerts/{alert.id}")
    entries = session.scalars(
        select(AuditEntry).where(
            AuditEntry.action == "audit.viewed", AuditEntry.stay_id == alert.stay_id
        )
    ).all()
    assert [entry.actor_id for entry in entries] == [ward.staff["priya"].id]


def test_the_other_alerts_of_the_patient_are_on_the_card(
    session: Session, ward: Ward, client: Client, at: datetime
) -> None:
    stay = build.stay(session, ward)
    alert = raised(session, ward, stay, at=at)
    raised(session, ward, stay, at=at, rule="x", family="x", title="CIWA-B severe")
    old = raised(
        session, ward, stay, at=at - timedelta(hours=30), rule="y", family="y", title="Long ago"
    )
    alerts.clear(session, old, sentence="Over.", now=at - timedelta(hours=29))
    page = _text(client("priya"), f"/alerts/{alert.id}")
    assert "CIWA-B severe, urgent, open" in page
    assert "Long ago" not in page


def test_a_patient_who_was_moved_is_shown_where_they_lie(
    session: Session, ward: Ward, client: Client, alert: Alert
) -> None:
    bed: Bed = ward.beds["9"]
    stay = session.get_one(Stay, alert.stay_id)
    stays.place(session, ward.staff["nora"].id, stay, key=uuid4(), bed_id=bed.id, at=clock.now())
    assert "Bed 9" in _text(client("nora"), "/alerts")


def test_a_technician_reads_and_a_nurse_answers(client: Client, alert: Alert) -> None:
    path = f"/alerts/{alert.id}"
    assert "A nurse or a physician answers them" in _text(client("tess"), path)
    assert "acknowledgement" not in client("tess").get(path).text
    assert f'action="{path}/acknowledgement"' in client("nora").get(path).text


def test_only_closing_an_emergency_explains_itself(
    session: Session, ward: Ward, client: Client, at: datetime
) -> None:
    path = f"/alerts/{raised(session, ward, at=at, level='emergency').id}"
    assert "closed by a physician, or after a newer set" in _text(client("nora"), path)
    assert "closed by a physician, or after a newer set" not in _text(client("priya"), path)


def test_a_screen_sounds_for_emergencies_that_nobody_has(
    session: Session, ward: Ward, client: Client, at: datetime
) -> None:
    def sounds() -> list[str]:
        return re.findall(r'data-sounds="(\d+)"', client("nora").get("/alerts/list").text)

    raised(session, ward, build.stay(session, ward, bed="1"), at=at)
    assert sounds() == ["0"]
    one, two = (
        raised(session, ward, build.stay(session, ward, bed=bed), at=at, level="emergency")
        for bed in "23"
    )
    assert sounds() == ["2"]
    taken(session, ward, one, at=at)
    alerts.clear(session, two, sentence="NEWS2 is 2.", now=at + minutes(1))
    assert sounds() == ["0"]


def test_the_card_brings_the_last_36_hours(
    session: Session, ward: Ward, client: Client, at: datetime
) -> None:
    stay = build.stay(session, ward)
    for age, total in ((9, 18), (5, 26), (1, 33)):
        observed_at = clock.now() - timedelta(hours=age)
        build.recorded(session, ward, stay, answers=build.ciwa_b(total), observed_at=observed_at)
    alert = raised(session, ward, stay, at=at, rule="x", family="x")
    priya = client("priya")
    card = priya.get(f"/alerts/{alert.id}").text
    course = re.search(r'id="course-of-\d+"\s+hx-get="([^"]+)"', card)
    assert course is not None
    drawn = _text(priya, course[1])
    assert "CIWA-B" in drawn
    assert "33" in drawn


def test_the_card_tells_what_went_before_and_how_it_goes(
    session: Session, ward: Ward, client: Client
) -> None:
    stay, now = build.stay(session, ward), clock.now()
    for hours, total in ((8, 18), (4, 26), (0, 45)):
        observed_at = now - timedelta(hours=hours)
        build.recorded(session, ward, stay, answers=build.ciwa_b(total), observed_at=observed_at)
    severe = next(a for a in queries.open_on_stay(session, stay.id) if a.rule.startswith("band"))
    card = client("nora").get(f"/alerts/{severe.id}").text
    said = _text(client("nora"), f"/alerts/{severe.id}")
    assert re.search(r"Before CIWA-B 18 at [\w ]*\d\d:\d\d, 26 at", said)
    assert "Slope +3.38 per h over 3 sets, 8 h" in said
    assert "Rule “band-severe/ciwa-b” version 1" in said
    drawn = re.search(r'aria-label="18, 26, 45"><polyline points="([^"]+)"', card)
    assert drawn is not None
    assert drawn[1] == "5.0 19.0 60.0 15.4 115.0 7.0"


def test_what_has_no_before_shows_none(
    session: Session, ward: Ward, client: Client, at: datetime
) -> None:
    alert = raised(session, ward, build.stay(session, ward), at=at)
    assert "<dt>Before</dt>" not in client("nora").get(f"/alerts/{alert.id}").text


def test_the_bar_counts_what_the_list_shows(session: Session, ward: Ward, at: datetime) -> None:
    """One of each patient and family: the worst, and of two as bad the one of higher rank."""
    families = [("news2", 1), ("news2", 2), ("news2", 2), ("scale", 1), ("overdue", 0)]
    for bed in ("1", "2"):
        stay = build.stay(session, ward, bed=bed)
        for number, (family, rank) in enumerate(families):
            level = ("advisory", "urgent", "emergency")[(number + int(bed)) % 3]
            raised(session, ward, stay, at=at, rule=f"r{number}", family=family, rank=rank,
                   level=level)  # fmt: skip
    shown = queries.bundles(queries.open_on_unit(session, ward.unit.id))
    counted = dict.fromkeys(Level, 0) | Counter(one.leading.level for one in shown)
    assert queries.open_counts(session, ward.unit.id) == counted
    assert sum(counted.values()) == 6
    assert min(counted.values()) > 0
