"""The deeds over the web: who may, what is refused in which words, and that nothing comes twice."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session, object_session

from backend.alerts import queries
from backend.alerts.models import Alert, AlertState, StepKind
from backend.core import clock
from backend.stays.models import Stay
from tests.alerts.build import kinds, let_time_pass, raised, taken
from tests.people import Ward, opens

Client = Callable[[str | None], TestClient]
FORMS: dict[str, dict[str, Any]] = {
    "seen": {},
    "escalation": {},
    "acknowledgement": {"plan": "Reassess in person", "recheck_minutes": "15"},
    "calls": {"called": "Dr Vance", "how": "by phone", "response": "coming", "read_back": "true"},
    "closing": {"reason": "Treated and settled"},
}
each_deed = pytest.mark.parametrize("deed", list(FORMS))
HTMX = {"HX-Request": "true"}


@pytest.fixture
def at() -> datetime:
    return clock.now() - timedelta(minutes=9)


@pytest.fixture
def alert(session: Session, ward: Ward, at: datetime) -> Alert:
    return raised(session, ward, at=at)


def form(ward: Ward, alert: Alert, by: str, deed: str, **fields: Any) -> dict[str, Any]:
    """The form as a page that is opened now would send it."""
    session = object_session(alert)
    assert session is not None
    signed = {"key": str(uuid4()), **opens(ward.staff[by])}
    told = {"step_id": queries.steps(session, alert.id)[-1].id} if deed == "closing" else {}
    return {**signed, "opened_for": alert.stay_id, **told, **FORMS[deed], **fields}


@each_deed
@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("nora", 303),
        ("chen", 303),
        ("priya", 303),
        ("tess", 403),
        ("theo", 403),
        ("ada", 403),
        ("vera", 403),
        ("pavel", 403),
        ("olga", 404),
        (None, 401),
    ],
)
def test_who_may(
    *,
    session: Session,
    ward: Ward,
    client: Client,
    alert: Alert,
    deed: str,
    who: str | None,
    status: int,
) -> None:
    answer = client(who).post(
        f"/alerts/{alert.id}/{deed}", data=form(ward, alert, who or "nora", deed)
    )
    assert answer.status_code == status
    assert (len(kinds(session, alert)) > 1) == (status == 303)


@pytest.mark.parametrize("path", ["/alerts", "/alerts/list", "/alerts/count"])
@pytest.mark.parametrize(
    ("who", "status"), [("tess", 200), ("theo", 403), ("ada", 403), ("olga", 200)]
)
def test_who_sees_the_list(client: Client, path: str, who: str, status: int) -> None:
    assert client(who).get(path).status_code == status


def test_another_units_alerts_are_not_there(client: Client, alert: Alert) -> None:
    olga = client("olga")
    assert f'id="alert-{alert.id}"' not in olga.get("/alerts").text
    assert "<b>0</b>" in olga.get("/alerts/count").text
    for path in (f"/alerts/{alert.id}", f"/alerts/{alert.id}/why", "/alerts/999999"):
        assert olga.get(path).status_code == 404


@each_deed
def test_a_plain_form_ends_on_the_card_and_htmx_gets_a_fresh_form(
    ward: Ward, client: Client, alert: Alert, deed: str
) -> None:
    nora, path = client("nora"), f"/alerts/{alert.id}"
    if deed != "closing":
        sent = form(ward, alert, "nora", deed)
        answer = nora.post(f"{path}/{deed}", data=sent, headers=HTMX)
        assert answer.status_code == 200
        assert "Stored " in answer.text
        assert sent["key"] not in answer.text
        assert f"stay-{alert.stay_id}" in answer.headers["HX-Trigger"]
    answer = nora.post(f"{path}/{deed}", data=form(ward, alert, "nora", deed))
    assert (answer.status_code, answer.headers["location"]) == (303, path)


@each_deed
def test_sent_twice_it_is_done_once(
    session: Session, ward: Ward, client: Client, alert: Alert, deed: str
) -> None:
    sent, browser = form(ward, alert, "nora", deed), client("nora")
    for _ in range(2):
        answer = browser.post(f"/alerts/{alert.id}/{deed}", data=sent)
        assert answer.status_code == 303
    assert len(kinds(session, alert)) == 2


@each_deed
def test_a_closed_alert_says_so(ward: Ward, client: Client, alert: Alert, deed: str) -> None:
    nora = client("nora")
    nora.post(f"/alerts/{alert.id}/closing", data=form(ward, alert, "nora", "closing"))
    answer = nora.post(
        f"/alerts/{alert.id}/{deed}", data=form(ward, alert, "nora", deed), headers=HTMX
    )
    assert answer.status_code == 409
    assert "This alert has been closed." in answer.text


@each_deed
def test_a_form_that_somebody_else_opened_is_not_signed(
    ward: Ward, client: Client, alert: Alert, deed: str
) -> None:
    sent = form(ward, alert, "nora", deed)
    answer = client("chen").post(f"/alerts/{alert.id}/{deed}", data=sent, headers=HTMX)
    assert answer.status_code == 409
    assert "belongs to" in answer.text


def test_the_one_who_comes_second_is_told_and_can_take_it_over(
    session: Session, ward: Ward, client: Client, alert: Alert, at: datetime
) -> None:
    chen, path = client("chen"), f"/alerts/{alert.id}"
    old_form = form(ward, alert, "chen", "acknowledgement")
    taken(session, ward, alert, at=at)
    answer = chen.post(f"{path}/acknowledgement", data=old_form, headers=HTMX)
    assert answer.status_code == 409
    assert "Somebody else has taken this alert" in answer.text
    page = chen.get(path).text
    assert "Nora Nurse has it now. Taking it over ends that promise." in page
    over = re.search(r'name="taking_over_from" value="(\d+)"', page)
    assert over is not None
    fresh = form(ward, alert, "chen", "acknowledgement", taking_over_from=over[1])
    assert chen.post(f"{path}/acknowledgement", data=fresh).status_code == 303
    assert alert.acknowledged_by == ward.staff["chen"].id


def test_closing_an_emergency_is_refused_in_words(
    session: Session, ward: Ward, client: Client, at: datetime
) -> None:
    alert = raised(session, ward, at=at, level="emergency")
    path = f"/alerts/{alert.id}/closing"
    answer = client("nora").post(path, data=form(ward, alert, "nora", "closing"), headers=HTMX)
    assert answer.status_code == 403
    assert "closed by a physician, or after a newer set" in answer.text
    answer = client("priya").post(path, data=form(ward, alert, "priya", "closing"))
    assert answer.status_code == 303
    assert alert.state is AlertState.CLOSED


SINCE: list[tuple[str, dict[str, Any], str]] = [
    ("chen", {"plan": "Call the physician"}, "Chen Charge Nurse: Call the physician"),
    ("the rules", {"value": "9"}, "A newer set: NEWS2 is 9, 7 or more"),
]


@pytest.mark.parametrize(("who", "fields", "words"), SINCE)
def test_what_was_done_or_found_since_the_card_was_read_keeps_it_from_being_closed(
    *,
    session: Session,
    ward: Ward,
    client: Client,
    alert: Alert,
    at: datetime,
    who: str,
    fields: dict[str, Any],
    words: str,
) -> None:
    nora, path = client("nora"), f"/alerts/{alert.id}"
    note = "Asleep since ten, breathing 16."
    old = form(ward, alert, "nora", "closing", note=note)
    if who == "chen":
        taken(session, ward, alert, at=at, by=who, **fields)
    else:
        raised(session, ward, session.get_one(Stay, alert.stay_id), at=at, **fields)
    refused = nora.post(f"{path}/closing", data=old)
    assert refused.status_code == 409
    assert words in refused.text
    assert note in refused.text, "what was typed can be copied, also without a script"
    assert alert.closed_at is None
    step = re.search(r'form="closing-\d+" name="step_id" value="(\d+)"', nora.get(path).text)
    assert step is not None
    assert nora.post(f"{path}/closing", data=old | {"step_id": step[1]}).status_code == 303


def test_what_one_did_oneself_or_time_did_does_not_keep_it_from_being_closed(
    session: Session, ward: Ward, client: Client, alert: Alert, at: datetime
) -> None:
    old = form(ward, alert, "nora", "closing")
    taken(session, ward, alert, at=at)
    let_time_pass(session, at + timedelta(minutes=16))
    assert StepKind.LAPSED in kinds(session, alert)
    assert client("nora").post(f"/alerts/{alert.id}/closing", data=old).status_code == 303


def test_who_closes_it_second_reads_why_it_was_closed(
    ward: Ward, client: Client, alert: Alert
) -> None:
    old = form(ward, alert, "nora", "closing")
    reason = {"reason": "Orders changed by a physician"}
    client("priya").post(
        f"/alerts/{alert.id}/closing", data=form(ward, alert, "priya", "closing", **reason)
    )
    refused = client("nora").post(f"/alerts/{alert.id}/closing", data=old)
    assert refused.status_code == 409
    assert "Priya Physician: Orders changed by a physician. Your reason was not" in refused.text
    assert "Treated and settled" in refused.text


WRONG = [
    ("acknowledgement", {"recheck_minutes": "45"}, "One of 15, 30, 60 minutes."),
    ("acknowledgement", {"recheck_minutes": ""}, ""),
    ("acknowledgement", {"recheck_minutes": "nan"}, ""),
    ("acknowledgement", {"recheck_minutes": "1e400"}, ""),
    ("acknowledgement", {"recheck_minutes": "9" * 5000}, ""),
    ("acknowledgement", {"plan": ""}, ""),
    ("acknowledgement", {"plan": "Something of my own"}, ""),
    ("acknowledgement", {"note": "x" * 100_000}, ""),
    ("acknowledgement", {"note": "a\x00b"}, "Some characters could not be read"),
    ("acknowledgement", {"taking_over_from": "99999999999"}, ""),
    ("calls", {"called": "  "}, ""),
    ("calls", {"response": ""}, ""),
    ("calls", {"how": "by pigeon"}, ""),
    ("closing", {"reason": "Another reason"}, "Write the reason."),
    ("closing", {"reason": "because"}, ""),
    ("seen", {"key": "1"}, ""),
    ("seen", {"opened_by": "nobody"}, ""),
    ("seen", {"level": "advisory"}, ""),
]


@pytest.mark.parametrize(("deed", "fields", "said"), WRONG)
def test_what_cannot_be_right_is_refused_in_words(
    *,
    session: Session,
    ward: Ward,
    client: Client,
    alert: Alert,
    deed: str,
    fields: dict[str, str],
    said: str,
) -> None:
    sent = form(ward, alert, "nora", deed, **fields)
    answer = client("nora").post(f"/alerts/{alert.id}/{deed}", data=sent, headers=HTMX)
    assert answer.status_code == 422
    assert 'class="form-errors"' in answer.text
    assert said in answer.text
    assert kinds(session, alert) == [StepKind.RAISED]


def test_what_was_added_stands_in_the_story(
    session: Session, ward: Ward, client: Client, alert: Alert
) -> None:
    nora, path = client("nora"), f"/alerts/{alert.id}"
    note = "<b>with Tess</b> & a drip"
    nora.post(
        f"{path}/acknowledgement", data=form(ward, alert, "nora", "acknowledgement", note=note)
    )
    assert alert.plan == f"Reassess in person: {note}"
    assert "&lt;b&gt;with Tess&lt;/b&gt; &amp; a drip" in nora.get(path).text
    nora.post(
        f"{path}/closing",
        data=form(ward, alert, "nora", "closing", reason="Another reason", note="Went home"),
    )
    assert alert.close_reason == "Went home"
    assert queries.steps(session, alert.id)[-1].kind is StepKind.CLOSED


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    deed=st.sampled_from(list(FORMS)),
    fields=st.dictionaries(
        st.sampled_from(
            ["plan", "recheck_minutes", "note", "called", "how", "response", "reason", "key"]
        ),
        st.text(max_size=200) | st.integers().map(str) | st.floats().map(str),
    ),
)
def test_whatever_is_sent_it_is_never_a_fault(
    *,
    ward: Ward,
    client: Client,
    alert: Alert,
    deed: str,
    fields: dict[str, str],
) -> None:
    fields = {name: value.encode(errors="replace").decode() for name, value in fields.items()}
    sent = form(ward, alert, "nora", deed, **fields)
    answer = client("nora").post(f"/alerts/{alert.id}/{deed}", data=sent, headers=HTMX)
    assert answer.status_code < 500
