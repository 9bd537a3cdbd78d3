"""The record sheet over HTTP: what is due, what is refused and kept, what is read back."""

import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.units import service as units
from backend.alerts import queries as alerts
from backend.audit.models import VIEWED, AuditEntry
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.observations import queries
from backend.observations.models import Outcome
from backend.stays.models import Stay
from tests import build
from tests.observations import sheets
from tests.people import Ward

Client = Callable[[str | None], TestClient]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward, orders={"ciwa-b": 240, "news2": 240})


def opened(html: str) -> list[str]:
    """The scales that stand open on the sheet."""
    return re.findall(r'id="scale-([a-z-]+)" open', html)


def value_of(html: str, name: str) -> str:
    found = re.search(rf'<input[^>]*?name="{re.escape(name)}"[^>]*?>', html, re.DOTALL)
    assert found is not None, name
    value = re.search(r'value="(.*?)"', found[0])
    return value[1] if value else ""


def is_pressed(html: str, name: str, value: str) -> bool:
    pattern = rf'name="{re.escape(name)}"\s+value="{re.escape(value)}"\s+checked'
    return re.search(pattern, html) is not None


def test_the_sheet_opens_what_is_due_and_offers_the_rest(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    html = client("nora").get(f"/stays/{stay.id}/record").text
    assert opened(html) == ["ciwa-b"]
    assert "scale-cows" not in html
    assert f'hx-get="/stays/{stay.id}/record/scale?instrument=cows"' in html
    assert "Pennywhistle, Rosa" in html
    build.recorded(session, ward, stay, answers=build.ciwa_b(3))
    build_cows = f"/stays/{stay.id}/record?instruments=cows"
    assert opened(client("nora").get(build_cows).text) == ["cows"]


def test_nothing_is_chosen_before_somebody_chooses(client: Client, stay: Stay) -> None:
    html = client("nora").get(f"/stays/{stay.id}/record").text
    pressed = re.findall(r'name="([^"]+)"\s+value="([^"]+)"\s+checked', html)
    assert set(pressed) == {
        ("outcome", "assessed"),
        ("sleep_seconds", "60"),
        ("temperature_unit", "°C"),
        ("pressure_unit", "mmHg"),
    }


def test_saved_is_the_stored_row_read_back(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    earlier = clock.now() - timedelta(hours=4)
    build.recorded(session, ward, stay, observed_at=earlier, answers=build.ciwa_b(26))
    sent = sheets.form(ward, stay, **sheets.ciwa_b(33))
    said = client("nora").post(f"/stays/{stay.id}/observations", data=sent, headers=HTMX)
    assert said.status_code == 200
    row = sheets.stored(session, stay)[-1]
    assert f'data-key="{row.key}"' in said.text
    for words in ("33", "moderate", "▲ 7", "up 7", "usual form", "Nora Nurse", "due in"):
        assert words in said.text, words
    assert "Nothing raised" in said.text


def test_saved_says_what_the_set_raised(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    sent = sheets.form(ward, stay, respiratory_rate_per_min="8", spo2_percent="92")
    said = client("nora").post(f"/stays/{stay.id}/observations", data=sent, headers=HTMX)
    raised = alerts.open_on_stay(session, stay.id)
    assert raised
    for alert in raised:
        assert f'href="/alerts/{alert.id}"' in said.text
        assert alert.title in said.text


def test_a_plain_form_ends_on_the_stored_set(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    sent = sheets.form(ward, stay, **sheets.ciwa_b(5))
    browser = client("nora")
    said = browser.post(f"/stays/{stay.id}/observations", data=sent)
    (row,) = sheets.stored(session, stay)
    assert (said.status_code, said.headers["location"]) == (
        303,
        f"/stays/{stay.id}/observations/{row.id}",
    )
    again = browser.post(f"/stays/{stay.id}/observations", data=sent)
    assert again.headers["location"] == said.headers["location"]
    assert "Saved" in browser.get(said.headers["location"]).text


def test_a_sheet_that_says_now_is_the_same_when_it_is_sent_again_later(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    sent = sheets.form(ward, stay)
    browser = client("nora")
    browser.post(f"/stays/{stay.id}/observations", data=sent)
    with clock.as_if(clock.now() + timedelta(minutes=3)):
        said = browser.post(f"/stays/{stay.id}/observations", data=sent, headers=HTMX)
    assert said.status_code == 200
    assert len(sheets.stored(session, stay)) == 1


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["plain", "htmx"])
def test_a_refusal_keeps_everything_that_was_typed(
    client: Client, session: Session, ward: Ward, stay: Stay, headers: dict[str, str]
) -> None:
    sent = sheets.form(
        ward,
        stay,
        pulse_per_min="1120",
        temperature_c="36,9",
        note="<b>pale</b> & tired",
        ciwa_b__tense="3",
    )
    sent["ciwa-b.tense"] = sent.pop("ciwa_b.tense")
    said = client("nora").post(f"/stays/{stay.id}/observations", data=sent, headers=headers)
    assert said.status_code == 422
    assert "Pulse 1120 /min is not possible" in said.text
    assert value_of(said.text, "pulse_per_min") == "1120"
    assert value_of(said.text, "temperature_c") == "36,9"
    assert value_of(said.text, "key") == sent["key"]
    assert is_pressed(said.text, "ciwa-b.tense", "3")
    assert "&lt;b&gt;pale&lt;/b&gt; &amp; tired</textarea>" in said.text
    assert sheets.stored(session, stay) == []


def test_a_rare_value_is_asked_beside_its_input_and_stored_when_confirmed(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    browser, path = client("nora"), f"/stays/{stay.id}/observations"
    sent = sheets.form(ward, stay, pulse_per_min="180")
    asked = browser.post(path, data=sent, headers=HTMX)
    assert asked.status_code == 422
    assert value_of(asked.text, "confirm.pulse_per_min") == "180"
    sent["confirm.pulse_per_min"] = "180"
    assert browser.post(path, data=sent, headers=HTMX).status_code == 200
    assert sheets.stored(session, stay)[0].pulse_per_min == 180


def test_a_sheet_opened_for_another_patient_is_refused(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    other = build.stay(
        session, ward, bed="8", patient_row=build.patient(session, ward, family_name="Hollowell")
    )
    sent = sheets.form(ward, stay)
    said = client("nora").post(f"/stays/{other.id}/observations", data=sent, headers=HTMX)
    assert said.status_code == 409
    assert "another patient" in said.text
    assert sheets.stored(session, other) == []


def test_a_sheet_that_somebody_else_opened_is_refused(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    sent = sheets.form(ward, stay, by="chen")
    said = client("nora").post(f"/stays/{stay.id}/observations", data=sent, headers=HTMX)
    assert said.status_code == 409
    assert "belongs to" in said.text
    assert sheets.stored(session, stay) == []


@pytest.mark.parametrize(
    ("name", "status"), [("theo", 403), ("ada", 403), ("olga", 404), ("tess", 200), (None, 303)]
)
def test_who_may_record(client: Client, stay: Stay, name: str | None, status: int) -> None:
    assert client(name).get(f"/stays/{stay.id}/record").status_code == status


def test_an_input_sent_twice_is_refused_in_words(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    pairs = [*sheets.form(ward, stay).items(), ("pulse_per_min", "180")]
    said = client("nora").post(
        f"/stays/{stay.id}/observations",
        content=urlencode(pairs),
        headers={**HTMX, "Content-Type": "application/x-www-form-urlencoded"},
    )
    assert said.status_code == 422
    assert "answered twice" in said.text
    assert sheets.stored(session, stay) == []


@settings(
    max_examples=25,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(body=st.binary(max_size=300), kind=st.sampled_from(["form", "parts", "json", "none"]))
def test_no_body_is_an_error_of_ours(
    client: Client, ward: Ward, stay: Stay, *, body: bytes, kind: str
) -> None:
    types = {
        "form": "application/x-www-form-urlencoded",
        "parts": "multipart/form-data; boundary=x",
        "json": "application/json",
        "none": "",
    }
    sent = urlencode(sheets.form(ward, stay)).encode() + b"&" + body
    for path in ("observations", "score-preview"):
        said = client("nora").post(
            f"/stays/{stay.id}/{path}", content=sent, headers={"Content-Type": types[kind]}
        )
        assert said.status_code < 500, said.text


def test_the_preview_is_the_total_that_is_then_stored(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    browser = client("nora")
    sent = sheets.form(ward, stay, **sheets.ciwa_b(41))
    before = len(sheets.stored(session, stay))
    shown = browser.post(f"/stays/{stay.id}/score-preview", data=sent, headers=HTMX).text
    assert "CIWA-B 41" in shown
    assert "severe" in shown
    assert len(sheets.stored(session, stay)) == before
    browser.post(f"/stays/{stay.id}/observations", data=sent)
    row = sheets.stored(session, stay)[-1]
    assert queries.scores_of(session, [row.id])[row.id]["ciwa-b"].total == 41


def test_what_is_asked_once_a_day_is_carried_and_marked(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    answers = {"sleep_restful": 2, "sleep_enough": 3, "tense": 4}
    build.recorded(session, ward, stay, answers={"ciwa-b": answers})
    html = client("nora").get(f"/stays/{stay.id}/record?instruments=ciwa-b").text
    assert is_pressed(html, "ciwa-b.sleep_restful", "2")
    assert is_pressed(html, "ciwa-b.sleep_enough", "3")
    assert not is_pressed(html, "ciwa-b.tense", "4")
    assert html.count("asked once a day") == 2
    with clock.as_if(clock.now() + timedelta(days=1)):
        html = client("nora").get(f"/stays/{stay.id}/record?instruments=ciwa-b").text
    assert not is_pressed(html, "ciwa-b.sleep_restful", "2")


def test_what_was_only_carried_along_begins_no_assessment(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    build.recorded(session, ward, stay, answers=build.ciwa_b(20))
    carried = {"ciwa-b.sleep_restful": "1", "ciwa-b.sleep_enough": "1"}
    browser, path = client("nora"), f"/stays/{stay.id}/observations"
    sent = sheets.form(ward, stay, fluid__oral_in_ml="250") | carried
    assert browser.post(path, data=sent, headers=HTMX).status_code == 200
    row = sheets.stored(session, stay)[-1]
    assert set(queries.scores_of(session, [row.id])[row.id]) == {"fluid", "news2"}
    alone = {name: value for name, value in sheets.form(ward, stay).items() if name in HEAD}
    said = browser.post(path, data=alone | carried, headers=HTMX)
    assert said.status_code == 422
    assert "but what was asked today" in said.text
    other = sheets.form(ward, stay) | carried | {"ciwa-b.sleep_enough": "3"}
    assert browser.post(path, data=other, headers=HTMX).status_code == 200
    row = sheets.stored(session, stay)[-1]
    score = queries.scores_of(session, [row.id])[row.id]["ciwa-b"]
    assert score.answers == {"sleep_restful": 1, "sleep_enough": 3}


HEAD = {"key", "opened_by", "opened_in", "opened_for", "outcome"}


def test_asleep_is_stored_as_asleep(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    sent = sheets.form(ward, stay) | {"outcome": "asleep", "sleep_breaths": "14"}
    for name in sheets.CALM:
        del sent[name]
    sent |= {"sleep_response": "stirs to voice", "spo2_percent": "96"}
    said = client("nora").post(f"/stays/{stay.id}/observations", data=sent, headers=HTMX)
    assert said.status_code == 200, said.text
    (row,) = sheets.stored(session, stay)
    assert (row.outcome, row.respiratory_rate_per_min) == (Outcome.ASLEEP, 14)
    assert "asleep" in said.text


def test_a_sleep_check_that_does_not_stand_for_the_set_says_so_before_and_after(
    client: Client, session: Session, ward: Ward
) -> None:
    now = clock.now()
    early = build.stay(session, ward, bed="8", admitted_at=now - timedelta(hours=5), orders=DUE)
    late = build.stay(session, ward, bed="9", admitted_at=now - timedelta(days=9), orders=DUE)
    nora = client("nora")
    for stay, blocked in ((early, True), (late, False)):
        html = nora.get(f"/stays/{stay.id}/record").text
        assert ("Wake for a full set: the risk window" in html) is blocked
        sent = sheets.form(ward, stay) | {"outcome": "asleep", "sleep_breaths": "14"}
        for name in sheets.CALM:
            del sent[name]
        sent |= {"sleep_response": "stirs to voice", "spo2_percent": "96"}
        said = nora.post(f"/stays/{stay.id}/observations", data=sent, headers=HTMX).text
        assert ("CIWA-B stays due. Wake for a full set" in said) is blocked


DUE = {"ciwa-b": 240}


def test_the_correction_starts_from_the_stored_set(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    browser = client("nora")
    row = build.recorded(session, ward, stay, answers=build.ciwa_b(61), note="pale")
    path = f"/stays/{stay.id}/observations/{row.id}/correct"
    html = browser.get(path).text
    assert is_pressed(html, "ciwa-b.irritable", "4")
    assert value_of(html, "temperature_c") == "36.8"
    assert is_pressed(html, "on_oxygen", "false")
    sent = sheets.form(ward, stay, **sheets.ciwa_b(16))
    sent["observed_local"] = value_of(html, "observed_local")
    refused = browser.post(path, data=sent, headers=HTMX)
    assert refused.status_code == 422
    assert "Say why" in refused.text
    assert is_pressed(refused.text, "ciwa-b.irritable", "1")
    sent["reason"] = "digits typed for another bed"
    assert browser.post(path, data=sent, headers=HTMX).status_code == 200
    _, right = sheets.stored(session, stay)
    assert (right.supersedes_id, right.observed_at) == (row.id, row.observed_at)
    late = browser.get(path)
    assert late.status_code == 409
    assert "corrected this set already" in late.text


def test_of_two_who_correct_one_set_the_second_sees_both(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    row = build.recorded(session, ward, stay, answers=build.ciwa_b(61))
    path = f"/stays/{stay.id}/observations/{row.id}/correct"
    reason = "digits typed for another bed"
    chen = sheets.form(ward, stay, by="chen", reason=reason, **sheets.ciwa_b(16))
    nora = sheets.form(ward, stay, reason=reason, **sheets.ciwa_b(12)) | {"pulse_per_min": "88"}
    assert client("chen").post(path, data=chen, headers=HTMX).status_code == 200
    said = client("nora").post(path, data=nora, headers=HTMX)
    assert said.status_code == 422
    told = " ".join(said.text.split())
    assert "Already corrected by Chen" in told
    assert "CIWA-B 16" in told
    assert value_of(said.text, "pulse_per_min") == "88"
    assert len(sheets.stored(session, stay)) == 2
    other = build.stay(
        session, ward, bed="8", patient_row=build.patient(session, ward, family_name="Hollowell")
    )
    crossed = nora | {"key": str(uuid4()), "opened_for": str(other.id)}
    assert client("nora").post(path, data=crossed, headers=HTMX).status_code == 409


def test_two_who_record_at_one_time_both_stand_and_are_held_against_each_other(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    path = f"/stays/{stay.id}/observations"
    earlier = clock.now() - timedelta(minutes=11)
    build.recorded(session, ward, stay, by="chen", observed_at=earlier, answers=build.ciwa_b(70))
    chen = sheets.form(ward, stay, by="chen", **sheets.ciwa_b(30)) | {"pulse_per_min": "96"}
    nora = sheets.form(ward, stay, **sheets.ciwa_b(12)) | {"pulse_per_min": "112"}
    first = client("chen").post(path, data=chen, headers=HTMX).text
    assert "recorded this patient too" not in first
    told = " ".join(client("nora").post(path, data=nora, headers=HTMX).text.split())
    assert "Chen" in told
    assert "They differ" in told
    assert '<td class="n">112</td><td class="n">96</td><td><b>differs</b></td>' in told
    assert '<td class="n">12</td><td class="n">30</td><td><b>differs</b></td>' in told
    assert '<td class="n">16</td><td class="n">16</td><td></td>' in told
    assert told.count("They differ") == 1
    _, one, two = sheets.stored(session, stay)
    assert (one.pulse_per_min, two.pulse_per_min) == (96, 112)


def test_what_was_found_last_waits_for_the_own_value_unless_the_unit_wants_it(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    build.recorded(session, ward, stay)
    path = f"/stays/{stay.id}/record"
    assert 'data-previous="after"' in client("nora").get(path).text
    units.set_up_sheet(
        session,
        ward.staff["ada"].id,
        ward.unit,
        previous_values="always",
        temperature_unit="°F",
        pressure_unit="kPa",
    )
    html = client("nora").get(path).text
    assert 'data-previous="always"' in html
    assert is_pressed(html, "temperature_unit", "°F")
    assert is_pressed(html, "pressure_unit", "kPa")
    assert "was 98.2 °F" in html
    assert "was 16.5 kPa" in html
    stored = sheets.stored(session, stay)[0].id
    mended = client("nora").get(f"/stays/{stay.id}/observations/{stored}/correct").text
    assert is_pressed(mended, "temperature_unit", "°C")
    assert value_of(mended, "temperature_c") == "36.8"


def test_no_input_of_the_sheet_suggests_a_number(client: Client, stay: Stay) -> None:
    html = client("nora").get(f"/stays/{stay.id}/record?also=glucose&also=fluid&also=pain").text
    form = html[html.index('id="sheet"') : html.index("</form>", html.index('id="sheet"'))]
    assert 'name="glucose.glucose_mmol_per_l"' in form
    for word in ('type="range"', 'type="number"', "<datalist", "<select", "step="):
        assert word not in form


def test_a_merged_round_asks_for_the_pulse_once_and_scores_it_into_each(
    client: Client, session: Session, ward: Ward
) -> None:
    orders = {"ciwa-ar": 240, "cows": 240, "news2": 240}
    stay = build.stay(session, ward, orders=orders, substances=("alcohol", "opioids"))
    browser, path = client("nora"), f"/stays/{stay.id}/observations"
    html = browser.get(f"/stays/{stay.id}/record").text
    assert opened(html) == ["ciwa-ar", "cows"]
    assert 'name="cows.pulse"' not in html
    assert html.count('name="pulse_per_min"') == 1
    assert 'type the <a href="#pulse_per_min">pulse</a>' in html
    answers = {f"cows.{item}": "0" for item in build.COWS if item != "pulse"}
    answers |= {f"ciwa-ar.{item}": "0" for item in build.CIWA_AR}
    sent = sheets.form(ward, stay) | answers | {"pulse_per_min": "112"}
    assert "COWS 2" in browser.post(f"/stays/{stay.id}/score-preview", data=sent).text
    wrong = browser.post(path, data=sent | {"cows.pulse": "4"}, headers=HTMX)
    assert wrong.status_code == 422
    assert "Pulse 112 /min is 2 on COWS, not 4" in wrong.text
    assert is_pressed(wrong.text, "cows.pulse", "4")
    assert browser.post(path, data=sent, headers=HTMX).status_code == 200
    (row,) = sheets.stored(session, stay)
    scores = queries.scores_of(session, [row.id])[row.id]
    assert (scores["cows"].answers["pulse"], scores["cows"].total) == (2, 2)
    assert (scores["ciwa-ar"].total, scores["news2"].points["pulse_per_min"]) == (0, 2)
    mend = f"{path}/{row.id}/correct"
    assert 'name="cows.pulse"' not in browser.get(mend).text
    again = sent | {"key": str(uuid4()), "pulse_per_min": "88", "reason": "counted again"}
    assert browser.post(mend, data=again, headers=HTMX).status_code == 200
    _, right = sheets.stored(session, stay)
    assert queries.scores_of(session, [right.id])[right.id]["cows"].total == 1


def test_a_pulse_that_was_only_answered_can_be_corrected(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    answers = {"cows": dict.fromkeys(build.COWS, 0) | {"pulse": 4}}
    row = build.recorded(session, ward, stay, vitals=Vitals(), answers=answers)
    html = client("nora").get(f"/stays/{stay.id}/observations/{row.id}/correct").text
    assert is_pressed(html, "cows.pulse", "4")


def test_a_set_is_taken_back_with_a_reason(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    browser = client("nora")
    row = build.recorded(session, ward, stay)
    path = f"/stays/{stay.id}/observations/{row.id}/take-back"
    head = {
        name: sheets.form(ward, stay)[name]
        for name in ("key", "opened_by", "opened_in", "opened_for")
    }
    assert browser.post(path, data=head).status_code == 422
    said = browser.post(path, data=head | {"reason": "wrong patient"})
    assert said.status_code == 303
    assert sheets.stored(session, stay)[-1].outcome is Outcome.ENTERED_IN_ERROR
    assert "Taken back" in browser.get(said.headers["location"]).text


@pytest.mark.parametrize("name", ["tess", "theo"])
def test_who_may_not_correct(
    client: Client, session: Session, ward: Ward, stay: Stay, name: str
) -> None:
    row = build.recorded(session, ward, stay)
    path = f"/stays/{stay.id}/observations/{row.id}/correct"
    assert client(name).get(path).status_code == 403


def test_a_set_of_another_stay_is_not_found_here(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    other = build.stay(
        session, ward, bed="8", patient_row=build.patient(session, ward, family_name="Hollowell")
    )
    row = build.recorded(session, ward, other)
    browser = client("nora")
    for path in ("", "/correct"):
        assert browser.get(f"/stays/{stay.id}/observations/{row.id}{path}").status_code == 404


def test_looking_at_a_set_is_written_down(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    client("nora").get(f"/stays/{stay.id}/record")
    client("nora").get(f"/stays/{stay.id}")
    seen = session.scalars(
        select(AuditEntry).where(AuditEntry.action == VIEWED, AuditEntry.stay_id == stay.id)
    ).all()
    assert [entry.actor_id for entry in seen] == [ward.staff["nora"].id]
