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
from sqlalchemy.orm import Session

from backend.alerts import queries
from backend.alerts.models import Alert, AlertState, StepKind
from backend.core import clock
from tests.alerts.build import kinds, raised, taken
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


def form(ward: Ward, by: str, deed: str, **fields: Any) -> dict[str, Any]:
    """The form as the page would send it."""
    signed = {"key": str(uuid4()), **opens(ward.staff[by])}
    return {**signed, **FORMS[deed], **fields}


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
    answer = client(who).post(f"/alerts/{alert.id}/{deed}", data=form(ward, who or "nora", deed))
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
        sent = form(ward, "nora", deed)
        answer = nora.post(f"{path}/{deed}", data=sent, headers=HTMX)
        assert answer.status_code == 200
        assert "Stored " in answer.text
        assert sent["key"] not in answer.text
        assert f"stay-{alert.stay_id}" in answer.headers["HX-Trigger"]
    answer = nora.post(f"{path}/{deed}", data=form(ward, "nora", deed))
    assert (answer.status_code, answer.headers["location"]) == (303, path)


@each_deed
def test_sent_twice_it_is_done_once(
    session: Session, ward: Ward, client: Client, alert: Alert, deed: str
) -> None:
    sent, browser = form(ward, "nora", deed), client("nora")
    for _ in range(2):
        answer = browser.post(f"/alerts/{alert.id}/{deed}", data=sent)
        assert answer.status_code == 303
    assert len(kinds(session, alert)) == 2


@each_deed
def test_a_closed_alert_says_so(ward: Ward, client: Client, alert: Alert, deed: str) -> None:
    nora = client("nora")
    nora.post(f"/alerts/{alert.id}/closing", data=form(ward, "nora", "closing"))
    answer = nora.post(f"/alerts/{alert.id}/{deed}", data=form(ward, "nora", deed), headers=HTMX)
    assert answer.status_code == 409
    assert "This alert has been closed." in answer.text


@each_deed
def test_a_form_that_somebody_else_opened_is_not_signed(
    ward: Ward, client: Client, alert: Alert, deed: str
) -> None:
    sent = form(ward, "nora", deed)
    answer = client("chen").post(f"/alerts/{alert.id}/{deed}", data=sent, headers=HTMX)
    assert answer.status_code == 409
    assert "belongs to" in answer.text


def test_the_one_who_comes_second_is_told_and_can_take_it_over(
    session: Session, ward: Ward, client: Client, alert: Alert, at: datetime
) -> None:
    chen, path = client("chen"), f"/alerts/{alert.id}"
    old_form = form(ward, "chen", "acknowledgement")
    taken(session, ward, alert, at=at)
    answer = chen.post(f"{path}/acknowledgement", data=old_form, headers=HTMX)
    assert answer.status_code == 409
    assert "Somebody else has taken this alert" in answer.text
    page = chen.get(path).text
    assert "Nora Nurse has it now. Taking it over ends that promise." in page
    over = re.search(r'name="taking_over_from" value="(\d+)"', page)
    assert over is not None
    fresh = form(ward, "chen", "acknowledgement", taking_over_from=over[1])
    assert chen.post(f"{path}/acknowledgement", data=fresh).status_code == 303
    assert alert.acknowledged_by == ward.staff["chen"].id


def test_closing_an_emergency_is_refused_in_words(
    session: Session, ward: Ward, client: Client, at: datetime
) -> None:
    alert = raised(session, ward, at=at, level="emergency")
    path = f"/alerts/{alert.id}/closing"
    answer = client("nora").post(path, data=form(ward, "nora", "closing"), headers=HTMX)
    assert answer.status_code == 403
    assert "closed by a physician, or after a newer set" in answer.text
    answer = client("priya").post(path, data=form(ward, "priya", "closing"))
    assert answer.status_code == 303
    assert alert.state is AlertState.CLOSED


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
    sent = form(ward, "nora", deed, **fields)
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
    nora.post(f"{path}/acknowledgement", data=form(ward, "nora", "acknowledgement", note=note))
    assert alert.plan == f"Reassess in person: {note}"
    assert "&lt;b&gt;with Tess&lt;/b&gt; &amp; a drip" in nora.get(path).text
    nora.post(
        f"{path}/closing",
        data=form(ward, "nora", "closing", reason="Another reason", note="Went home"),
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
    sent = form(ward, "nora", deed, **fields)
    answer = client("nora").post(f"/alerts/{alert.id}/{deed}", data=sent, headers=HTMX)
    assert answer.status_code < 500
