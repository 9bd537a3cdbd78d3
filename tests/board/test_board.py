"""The ward board misses nobody, hides nothing overdue, and never takes unknown for well."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.alerts import queries as alert_queries
from backend.alerts.answers import service as answers
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.observations import service as observations
from backend.patients.models import Patient
from backend.rounds import service as rounds
from backend.rounds.models import Round, RoundState
from backend.stays import service as stays
from backend.stays.models import DischargeReason
from tests import build
from tests.board.conftest import Opens, Row, plain
from tests.people import Ward

Board = Callable[..., list[Row]]
VITALS = {"news2": 240}
NOTHING_MEASURED = Vitals()
# Scores 9 on NEWS2.
ILL: dict[str, Any] = {"respiratory_rate_per_min": 30, "spo2_percent": 85, "pulse_per_min": 140}


def _let_time_pass(session: Session) -> None:
    """What the watch would have done until now."""
    now = clock.now()
    while (late := rounds.past_its_time(session, now, ())) is not None:
        rounds.move_on(session, late, now)
        session.flush()


def test_a_patient_without_a_bed_is_shown(session: Session, ward: Ward, board: Board) -> None:
    stay = build.stay(session, ward, bed=None, orders=VITALS)
    (row,) = board()
    assert row.stay_id == stay.id
    assert "Pennywhistle, Rosa" in row.words
    assert "No bed" in row.words
    assert row.level != "stable"


def test_a_bedless_patient_who_is_well_is_still_not_taken_for_settled(
    session: Session, ward: Ward, board: Board
) -> None:
    stay = build.stay(session, ward, bed=None, orders=VITALS, admitted_at=_ago(minutes=30))
    build.recorded(session, ward, stay)
    (row,) = board()
    assert row.level == "unknown"
    assert "Admitted, no bed" in row.words


def test_another_units_patient_is_never_shown(
    session: Session, ward: Ward, client: Opens, board: Board
) -> None:
    stay = build.stay(session, ward, orders=VITALS)
    assert board("olga") == []
    olga = client("olga")
    assert olga.get(f"/beds/{stay.id}").status_code == 404
    for path in ("/", "/ward", "/summary", "/wall", "/wall/grid"):
        seen = olga.get(path).text
        assert "Pennywhistle" not in seen
        assert f"stay-{stay.id}" not in seen


@pytest.mark.parametrize("name", ["ada", "vera", "pavel"])
def test_who_never_sees_a_chart_never_sees_the_board(
    session: Session, ward: Ward, client: Opens, name: str
) -> None:
    stay = build.stay(session, ward)
    for path in ("/", "/ward", "/summary", f"/beds/{stay.id}", "/wall", "/wall/grid"):
        assert client(name).get(path).status_code == 403


@pytest.mark.parametrize(
    ("name", "first"), [("nora", "/"), ("ada", "/reports"), ("vera", "/reports")]
)
def test_the_way_back_leads_to_a_page_that_the_role_may_see(
    client: Opens, name: str, first: str
) -> None:
    reader = client(name)
    assert reader.get("/home").headers["location"] == first
    assert reader.get(first).status_code == 200
    assert 'href="/home"' in reader.get("/nowhere").text


def _ago(**length: int) -> datetime:
    return clock.now() - timedelta(**length)


@pytest.mark.parametrize(
    "look",
    [
        f"order={o}&view={v}&names={n}"
        for o in ("worst", "bed")
        for v in ("rows", "cards")
        for n in ("names", "codes")
    ],
)
def test_overdue_stands_above_the_board_whatever_the_look(
    session: Session, ward: Ward, client: Opens, look: str
) -> None:
    late = build.stay(session, ward, bed="4", orders=VITALS, admitted_at=_ago(minutes=12))
    html = client("nora").get(f"/?{look}").text
    pinned = html[html.index('class="pinned"') : html.index('id="ward"')]
    assert f'href="#bed-{late.id}"' in pinned
    assert "Bed 4 12 min overdue" in plain(pinned)


def test_a_missed_round_stays_overdue_since_it_fell_due(
    session: Session, ward: Ward, board: Board
) -> None:
    """The round after it has a due time of its own, which must not make the wait look short."""
    stay = build.stay(session, ward, orders={"news2": 15}, admitted_at=_ago(minutes=50))
    _let_time_pass(session)
    states = list(session.scalars(select(Round.state).where(Round.stay_id == stay.id)))
    assert states.count(RoundState.MISSED) == 3
    (row,) = board()
    assert "50 min overdue" in row.words
    assert row.level in ("overdue", "urgent")


def test_another_patients_set_does_not_hide_that_a_round_was_missed(
    session: Session, ward: Ward, board: Board
) -> None:
    missed = build.stay(session, ward, bed="1", orders={"news2": 15}, admitted_at=_ago(minutes=50))
    seen = build.stay(session, ward, bed="2", orders={"news2": 15}, admitted_at=_ago(minutes=50))
    _let_time_pass(session)
    build.recorded(session, ward, seen)
    rows = {row.stay_id: row for row in board()}
    assert "50 min overdue" in rows[missed.id].words
    assert "overdue" not in rows[seen.id].words


def test_what_was_done_early_does_not_hide_that_a_later_round_was_missed(
    session: Session, ward: Ward, board: Board
) -> None:
    stay = build.stay(session, ward, orders={"news2": 240}, admitted_at=_ago(minutes=60))
    build.recorded(session, ward, stay, observed_at=_ago(minutes=59))
    worse = replace(build.CALM, **ILL)
    build.recorded(session, ward, stay, observed_at=_ago(minutes=50), vitals=worse)
    _let_time_pass(session)
    missed = list(
        session.scalars(
            select(Round).where(Round.stay_id == stay.id, Round.state == RoundState.MISSED)
        )
    )
    assert missed, "the unit's interval after such a set is short"
    (row,) = board()
    since = int((clock.now() - missed[0].due_at).total_seconds() // 60)
    assert f"{since} min overdue" in row.words


def test_a_set_ends_being_overdue(session: Session, ward: Ward, board: Board) -> None:
    stay = build.stay(session, ward, orders={"news2": 15}, admitted_at=_ago(minutes=50))
    _let_time_pass(session)
    build.recorded(session, ward, stay)
    (row,) = board()
    assert "overdue" not in row.words
    assert "in 14 min" in row.words


# --- Unknown is never normal ---


def test_nothing_observed_is_unknown_and_never_zero(
    session: Session, ward: Ward, board: Board
) -> None:
    build.stay(session, ward, orders={"ciwa-b": 360, "news2": 240}, admitted_at=_ago(seconds=20))
    (row,) = board()
    assert row.level == "unknown"
    assert "No set yet" in row.words
    assert "NEWS2 ?" in row.words
    assert "ACVPU ?" in row.words
    assert " 0 " not in row.words


def test_an_incomplete_set_has_no_total(session: Session, ward: Ward, board: Board) -> None:
    stay = build.stay(session, ward, orders={"ciwa-b": 360}, admitted_at=_ago(minutes=5))
    some = dict(list(build.ciwa_b(40)["ciwa-b"].items())[:5])
    build.recorded(session, ward, stay, answers={"ciwa-b": some})
    (row,) = board()
    assert row.level == "unknown"
    assert "CIWA-B: no total" in row.words
    assert f"≥{sum(some.values())} incomplete no total" in row.words


def test_half_the_vital_signs_are_no_news2(session: Session, ward: Ward, board: Board) -> None:
    stay = build.stay(session, ward, orders=VITALS, admitted_at=_ago(minutes=5))
    build.recorded(session, ward, stay, vitals=replace(build.CALM, spo2_percent=None))
    (row,) = board()
    assert row.level == "unknown"
    assert "NEWS2 ?" in row.words


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("refused", "Refused at"),
        ("unable_to_assess", "Could not be assessed at"),
        ("staff_unavailable", "Nobody was free at"),
    ],
)
def test_somebody_who_was_not_assessed_is_unknown_and_the_old_total_says_its_age(
    session: Session, ward: Ward, board: Board, outcome: str, words: str
) -> None:
    stay = build.stay(session, ward, orders={"ciwa-b": 360}, admitted_at=_ago(hours=3))
    build.recorded(
        session, ward, stay, observed_at=_ago(hours=2), answers=build.ciwa_b(9), vitals=build.CALM
    )
    build.recorded(session, ward, stay, outcome=outcome, vitals=NOTHING_MEASURED)
    (row,) = board()
    assert row.level == "unknown"
    assert words in row.words
    assert "data-old" in row.html
    assert ", then " in row.words


def test_asleep_and_breathing_counted_is_known(session: Session, ward: Ward, board: Board) -> None:
    row = _asleep(session, ward, board, respiratory_rate_per_min=14)
    assert row.level == "stable"
    assert "asleep · breathing 14" in row.words


def test_asleep_without_a_breathing_count_is_unknown(
    session: Session, ward: Ward, board: Board
) -> None:
    row = _asleep(session, ward, board, respiratory_rate_per_min=None)
    assert row.level == "unknown"
    assert "Breathing was not counted" in row.words


def test_asleep_more_often_in_a_row_than_the_unit_allows_is_unknown(
    session: Session, ward: Ward, board: Board
) -> None:
    row = _asleep(session, ward, board, times=3, respiratory_rate_per_min=14)
    assert row.level == "unknown"
    assert "Asleep 3 times running" in row.words


def _asleep(
    session: Session,
    ward: Ward,
    board: Board,
    *,
    times: int = 1,
    respiratory_rate_per_min: int | None,
) -> Row:
    stay = build.stay(session, ward, orders={"ciwa-b": 360}, admitted_at=_ago(hours=5))
    build.recorded(session, ward, stay, observed_at=_ago(hours=4), answers=build.ciwa_b(9))
    for turn in reversed(range(times)):
        build.recorded(
            session,
            ward,
            stay,
            observed_at=_ago(minutes=60 * turn),
            outcome="asleep",
            vitals=replace(NOTHING_MEASURED, respiratory_rate_per_min=respiratory_rate_per_min),
        )
    (row,) = board()
    return row


def test_nobody_for_whom_nothing_is_ordered_looks_settled(
    session: Session, ward: Ward, board: Board
) -> None:
    stay = build.stay(session, ward, orders={})
    build.recorded(session, ward, stay)
    (row,) = board()
    assert row.level == "unknown"
    assert "Nothing ordered" in row.words


def test_a_complete_calm_set_is_stable(session: Session, ward: Ward, board: Board) -> None:
    stay = build.stay(session, ward, orders=VITALS, admitted_at=_ago(minutes=5))
    build.recorded(session, ward, stay)
    (row,) = board()
    assert row.level == "stable"
    assert "NEWS2 0" in row.words


# --- Figures, change, corrections ---


def test_the_change_is_since_the_total_before(session: Session, ward: Ward, board: Board) -> None:
    stay = build.stay(session, ward, orders={"ciwa-b": 360}, admitted_at=_ago(hours=9))
    for hours, total in ((8, 12), (4, 18), (0, 15)):
        build.recorded(
            session, ward, stay, observed_at=_ago(hours=hours), answers=build.ciwa_b(total)
        )
    (row,) = board()
    assert "CIWA-B 15" in row.words
    assert "down 3" in row.words
    assert "24 hours: 12, 18, 15" in row.html


def test_a_missing_total_breaks_the_curve_and_there_is_no_change_to_tell(
    session: Session, ward: Ward, board: Board
) -> None:
    stay = build.stay(session, ward, orders={"ciwa-b": 360}, admitted_at=_ago(hours=9))
    for hours, total in ((8, 12), (6, 13), (2, 15), (1, 16)):
        build.recorded(
            session, ward, stay, observed_at=_ago(hours=hours), answers=build.ciwa_b(total)
        )
    some = dict(list(build.ciwa_b(20)["ciwa-b"].items())[:5])
    build.recorded(session, ward, stay, observed_at=_ago(hours=4), answers={"ciwa-b": some})
    (row,) = board()
    assert "24 hours: 12, 13, gap, 15, 16" in row.html
    build.recorded(session, ward, stay, answers={"ciwa-b": some})
    (row,) = board()
    assert not re.search(r"\b(up|down) \d|no change", row.words.replace("adds up to", ""))


def test_a_corrected_set_counts_as_if_it_had_been_right_at_first(
    session: Session, ward: Ward, board: Board
) -> None:
    stay = build.stay(session, ward, orders={"ciwa-b": 360}, admitted_at=_ago(hours=2))
    at = _ago(hours=1)
    wrong = build.recorded(session, ward, stay, observed_at=at, answers=build.ciwa_b(61))
    observations.correct(
        session,
        ward.staff["nora"].id,
        stay,
        key=uuid4(),
        supersedes_id=wrong.id,
        reason="Digits typed for another bed.",
        sheet=build.sheet(observed_at=at, answers=build.ciwa_b(16)),
    )
    (row,) = board()
    assert "CIWA-B 16" in row.words
    assert "61" not in row.html
    assert "down" not in row.words
    assert 'aria-label="24 hours: 16"' in row.html


def test_worst_first_and_nobody_left_out(session: Session, ward: Ward, board: Board) -> None:
    calm = _patient(session, ward, "1")
    ill = _patient(session, ward, "2", **ILL)
    late = build.stay(
        session,
        ward,
        bed="3",
        orders=VITALS,
        admitted_at=_ago(minutes=12),
        patient_row=_name(session, ward),
    )
    found = board()
    assert [row.stay_id for row in found] == [ill, late.id, calm]
    assert [row.level for row in found] == ["emergency", "overdue", "stable"]
    assert [row.stay_id for row in board(path="/?order=bed")] == [calm, ill, late.id]


def _name(session: Session, ward: Ward) -> Patient:
    return build.patient(session, ward, family_name=f"Somebody {uuid4().hex[:6]}")


def _patient(session: Session, ward: Ward, bed: str, **vitals: Any) -> int:
    stay = build.stay(
        session,
        ward,
        bed=bed,
        orders=VITALS,
        admitted_at=_ago(minutes=2),
        patient_row=_name(session, ward),
    )
    build.recorded(session, ward, stay, vitals=replace(build.CALM, **vitals))
    return stay.id


def test_an_acknowledged_alert_names_who_has_it_and_until_when(
    session: Session, ward: Ward, board: Board
) -> None:
    stay_id = _patient(session, ward, "2", **ILL)
    (row,) = board()
    assert "nobody has it" in row.words
    for alert in alert_queries.open_on_stay(session, stay_id):
        answers.acknowledge(
            session,
            ward.staff["chen"].id,
            alert,
            key=uuid4(),
            plan="At the bedside, physician told",
            recheck_minutes=15,
            at=clock.now(),
        )
    (row,) = board()
    assert "Chen Charge Nurse has it, recheck" in row.words
    assert row.level == "emergency"


def test_the_figures_above_are_counted(session: Session, ward: Ward, client: Opens) -> None:
    _patient(session, ward, "1")
    _patient(session, ward, "2", **ILL)
    build.stay(
        session,
        ward,
        bed=None,
        orders=VITALS,
        admitted_at=_ago(minutes=12),
        patient_row=_name(session, ward),
    )
    words = plain(client("nora").get("/summary").text)
    assert "3 patients, 1 without a bed" in words
    assert "1 emergency" in words
    assert "1 overdue" in words
    assert "1 unknown" in words


# --- Who sees what ---


def test_codes_in_place_of_names_are_remembered_by_the_device(
    session: Session, ward: Ward, client: Opens
) -> None:
    stay = build.stay(session, ward)
    nora = client("nora")
    assert "Pennywhistle" in nora.get("/").text
    nora.get("/?names=codes")
    for path in ("/", "/ward", f"/beds/{stay.id}"):
        assert "Pennywhistle" not in nora.get(path).text
    nora.get("/?names=names")
    assert "Pennywhistle" in nora.get(f"/beds/{stay.id}").text


def test_a_therapist_sees_who_is_ill_but_neither_the_vital_signs_of_an_alert_nor_its_page(
    session: Session, ward: Ward, board: Board
) -> None:
    _patient(session, ward, "2", **ILL)
    (row,) = board("theo")
    assert row.level == "emergency"
    assert "/alerts/" not in row.html
    assert "scores 3" not in row.words
    assert "/record" not in row.html
    (row,) = board("nora")
    assert "/alerts/" in row.html
    assert "scores 3" in row.words


def test_a_discharged_patient_leaves_the_board_and_the_place_empties(
    session: Session, ward: Ward, client: Opens, board: Board
) -> None:
    stay = build.stay(session, ward, orders={})
    nora = client("nora")
    assert f'id="bed-{stay.id}"' in nora.get(f"/beds/{stay.id}").text
    stays.discharge(
        session,
        ward.staff["nora"].id,
        stay,
        reason=DischargeReason.COMPLETED,
        at=clock.now(),
    )
    assert board() == []
    left = nora.get(f"/beds/{stay.id}")
    assert (left.status_code, left.text) == (200, "")
    assert "Free: 1, 2, 3, 4, 5, 6, 7" in nora.get("/ward").text


def test_a_ward_without_patients_says_so_and_names_its_free_beds(client: Opens) -> None:
    words = plain(client("nora").get("/").text)
    assert "Nobody is admitted" in words
    assert "Free: 1, 2, 3" in words


def test_a_fragment_is_the_same_as_on_the_page(session: Session, ward: Ward, client: Opens) -> None:
    stay = build.stay(session, ward, orders=VITALS)
    build.recorded(session, ward, stay)
    nora = client("nora")
    page = nora.get("/").text
    for path in ("/summary", "/ward"):
        assert nora.get(path).text.strip() in page
    bed, _, figures = nora.get(f"/beds/{stay.id}").text.partition("<hx-partial")
    assert bed.strip() in page
    assert nora.get("/summary").text.strip() in figures


@pytest.mark.parametrize("query", ["order=sideways", "view=3d", "names=%00"])
def test_a_look_that_does_not_exist_is_refused(client: Opens, query: str) -> None:
    assert client("nora").get(f"/?{query}").status_code == 422


def test_a_strange_cookie_says_nothing(client: Opens) -> None:
    nora = client("nora")
    nora.cookies.set("board_look", "x" * 4000)
    assert nora.get("/").status_code == 200


def test_the_name_of_a_patient_cannot_become_markup(
    session: Session, ward: Ward, client: Opens
) -> None:
    build.stay(
        session,
        ward,
        patient_row=build.patient(session, ward, family_name="<script>alert(1)</script>"),
    )
    for path in ("/", "/ward"):
        seen = client("nora").get(path).text
        assert "<script>alert" not in seen
        assert "&lt;script&gt;alert" in seen


# --- The wallboard ---


def test_the_wall_shows_everybody_and_no_name(session: Session, ward: Ward, client: Opens) -> None:
    build.stay(session, ward, bed="7", orders=VITALS, admitted_at=_ago(minutes=12))
    build.stay(
        session, ward, bed=None, patient_row=build.patient(session, ward, family_name="Harrowgate")
    )
    html = client("nora").get("/wall").text
    assert "Pennywhistle" not in html
    assert "Harrowgate" not in html
    words = plain(html)
    assert "Bed 7" in words
    assert "No bed" in words
    assert "12 min overdue" in words


def test_the_wall_asks_for_sound_only_while_an_emergency_is_nobodys(
    session: Session, ward: Ward, client: Opens
) -> None:
    nora = client("nora")
    stay_id = _patient(session, ward, "2", **ILL)
    assert 'data-sounds="1"' in nora.get("/wall/grid").text
    for alert in alert_queries.open_on_stay(session, stay_id):
        answers.acknowledge(
            session,
            ward.staff["nora"].id,
            alert,
            key=uuid4(),
            plan="At the bedside",
            recheck_minutes=15,
            at=clock.now(),
        )
    assert 'data-sounds="0"' in nora.get("/wall/grid").text


def test_a_set_says_how_old_it_is(session: Session, ward: Ward, board: Board) -> None:
    stay = build.stay(session, ward, orders=VITALS, admitted_at=_ago(hours=3))
    build.recorded(session, ward, stay, observed_at=_ago(minutes=72))
    (row,) = board()
    assert re.search(r"last (\w{3} )?\d\d:\d\d · 1 h 12", row.words)  # the day, just after midnight
    assert 'data-since="' in row.html


def test_the_figure_that_the_alert_is_about_is_the_one_to_be_read_from_afar(
    session: Session, ward: Ward, board: Board
) -> None:
    both = {"ciwa-b": 240, "news2": 240}
    ill = build.stay(session, ward, bed="1", orders=both)
    build.recorded(session, ward, ill, vitals=replace(build.CALM, **ILL), answers=build.ciwa_b(7))
    severe = build.stay(session, ward, bed="2", orders=both)
    build.recorded(session, ward, severe, answers=build.ciwa_b(70))
    about = {row.stay_id: re.search(r'data-about="(\w+)"', row.html)[1] for row in board()}  # type: ignore[index]
    assert about == {ill.id: "vitals", severe.id: "scales"}


def test_a_physician_reads_which_parts_moved_and_nobody_from_an_incomplete_set(
    session: Session, ward: Ward, board: Board
) -> None:
    stay = build.stay(session, ward, orders={"ciwa-b": 240})
    flat = build.ciwa_b(20)["ciwa-b"]
    rows: list[dict[str, int]] = [
        flat | {"obs_tremor": 4},
        flat | {"tense": 4, "upset": 0, "weak": 3, "muscle": 2},
    ]
    for hours, one in zip((3, 2), rows, strict=True):
        build.recorded(session, ward, stay, observed_at=_ago(hours=hours), answers={"ciwa-b": one})
    (seen,) = board("priya")
    assert "tense ▲ 3 up 3 · hand tremor ▼ 3 down 3 NEWS2" in seen.words
    assert "weak" not in seen.words  # two parts are shown, the rest is in the chart
    (seen,) = board("nora")
    assert "score-moved" not in seen.html
    build.recorded(session, ward, stay, observed_at=_ago(hours=1), answers={"ciwa-b": {"tense": 0}})
    (seen,) = board("priya")
    assert "score-moved" not in seen.html
