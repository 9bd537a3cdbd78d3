"""Every instrument at the bedside: offered, recorded, read back, and refused where it must be."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from backend.accounts.units import service as units
from backend.board import queries as board
from backend.board.cards import card
from backend.clinical import scale
from backend.core import clock
from backend.core.errors import Invalid
from backend.observations import queries
from backend.observations.models import Score
from backend.stays.models import Stay
from tests import build
from tests.observations import sheets
from tests.people import Ward

Client = Callable[[str | None], TestClient]
HTMX = {"HX-Request": "true"}


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward, orders={"rass": 240})


def score_of(session: Session, stay: Stay, key: str) -> Score:
    (stored,) = queries.recent(session, stay.id)
    return stored.scores[key]


def test_what_is_due_is_on_the_sheet_and_the_rest_is_one_tap_away(
    client: Client, stay: Stay
) -> None:
    html = client("nora").get(f"/stays/{stay.id}/record").text
    assert 'id="scale-rass" open' in html
    assert 'value="-2"' in html
    assert "<b>+2</b>" in html
    on_the_sheet = {key for key in scale.asked() if f'id="scale-{key}"' in html}
    assert on_the_sheet == {"rass"}
    offered = {key for key in scale.asked() if f'data-offers="{key}"' in html}
    assert offered == set(scale.offered(sedation="rass", permitted=())) - {"rass"}
    also = client("nora").get(f"/stays/{stay.id}/record?also=pain&also=poss").text
    assert 'id="scale-pain" open' in also
    assert 'id="scale-rass" open' in also
    assert "scale-poss" not in also


def test_an_instrument_can_be_put_into_an_open_sheet(client: Client, stay: Stay) -> None:
    ask = f"/stays/{stay.id}/record/scale?instrument="
    pain = client("nora").get(ask + "pain")
    assert pain.text.lstrip().startswith("<details")
    assert 'name="pain.intensity"' in pain.text
    assert client("nora").get(ask + "poss").status_code == 404
    assert client("nora").get(ask + "news2").status_code == 404
    assert client("nora").get(ask + "%00").status_code in {404, 422}


def test_a_minus_survives_from_the_button_to_the_board(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    sent = sheets.form(ward, stay, rass__level="-2")
    saved = client("nora").post(f"/stays/{stay.id}/observations", data=sent, headers=HTMX).text
    assert "light sedation" in saved
    row = score_of(session, stay, "rass")
    assert (row.total, row.lowest, row.highest, row.answers) == (-2, -2, -2, {"level": -2})
    chart = client("nora").get(f"/stays/{stay.id}/chart").text
    assert "-2" in chart
    assert "RASS terms" in chart
    (lying,) = board.lying(session, ward.unit.id)
    now = clock.now()
    (line,) = card(
        lying, names={}, asleep_at_most=2, zone=ZoneInfo(ward.unit.time_zone), now=now
    ).scores
    assert (line.name, line.figure, line.band, line.known) == ("RASS", "-2", "light sedation", True)


def test_poss_waits_for_a_permission_and_then_stands_alone(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    with pytest.raises(Invalid) as refused:
        build.recorded(session, ward, stay, answers={"poss": {"level": "S"}})
    assert "needs the permission of the holder" in refused.value.fields["poss"]
    units.permit(session, ward.staff["ada"].id, ward.unit, scale="poss", ground="Letter of May")
    with pytest.raises(Invalid) as refused:
        build.recorded(session, ward, stay, answers={"poss": {"level": "S"}})
    assert refused.value.fields["poss"] == "This unit scores sedation by RASS, not by POSS."
    units.sedate_by(session, ward.staff["ada"].id, ward.unit, scale="poss")
    build.recorded(session, ward, stay, answers={"poss": {"level": "S"}})
    row = score_of(session, stay, "poss")
    assert (row.status.value, row.total, row.lowest, row.value) == ("ok", None, None, "S")
    assert row.band == "acceptable, asleep"
    assert "acceptable, asleep" in client("nora").get(f"/stays/{stay.id}/chart").text
    with pytest.raises(Invalid):
        build.recorded(session, ward, stay, answers={"rass": {"level": 0}})


def test_a_part_that_cannot_be_tested_is_stored_without_a_total_and_told(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    answers = {"gcs": {"eyes": 4, "verbal": "N", "motor": 6}}
    row = build.recorded(session, ward, stay, answers=answers)
    stored = score_of(session, stay, "gcs")
    assert (stored.status.value, stored.total, stored.band) == ("ok", None, None)
    saved = client("nora").get(f"/stays/{stay.id}/observations/{row.id}").text
    assert "speech cannot be tested" in saved
    assert "no total" in saved
    (seen,) = queries.course(session, stay.id)
    assert (seen.scores["gcs"].total, seen.scores["gcs"].missing) == (None, ())


def test_a_glucose_in_either_unit_is_read_back_and_calls(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    sent = sheets.form(ward, stay, glucose__glucose_mg_per_dl="50")
    saved = client("nora").post(f"/stays/{stay.id}/observations", data=sent, headers=HTMX).text
    assert "glucose 2.8 mmol/L" in saved
    assert "Very low blood sugar: treat now" in saved
    row = score_of(session, stay, "glucose")
    assert (row.unscored, row.value) == ({"glucose_mmol_per_l": 2.8}, "2.8")


@pytest.mark.parametrize("typed", ["NaN", "1e400", "-1", "9999", "7" * 2000, "4,5,6"])
def test_a_number_that_cannot_be_is_refused_and_kept(
    client: Client, ward: Ward, stay: Stay, typed: str
) -> None:
    sent = sheets.form(ward, stay, glucose__glucose_mmol_per_l=typed)
    answer = client("nora").post(f"/stays/{stay.id}/observations", data=sent, headers=HTMX)
    assert answer.status_code == 422
    assert "Glucose: a number from 0.6 to 50.0" in answer.text
    assert f'value="{typed}"' in answer.text


def test_the_parts_that_moved_are_told_against_the_complete_set_before(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    zero = dict.fromkeys((item.id for item in scale.latest()["gmaws"].items), 0)
    build.recorded(session, ward, stay, answers={"gmaws": zero | {"tremor": 2, "agitation": 1}})
    part = {"gmaws": {"tremor": 0}}
    build.recorded(session, ward, stay, answers=part)
    row = build.recorded(
        session, ward, stay, answers={"gmaws": zero | {"sweating": 2, "agitation": 1}}
    )
    html = client("priya").get(f"/stays/{stay.id}/chart").text
    told = " ".join(html.split())
    assert 'tremor <span aria-hidden="true">▼ 2</span><span class="vh">down 2</span>' in told
    assert 'sweating <span aria-hidden="true">▲ 2</span><span class="vh">up 2</span>' in told
    assert "agitation <span" not in told
    saved = client("priya").get(f"/stays/{stay.id}/observations/{row.id}").text
    assert "Since the set before" in saved
