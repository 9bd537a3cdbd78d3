"""The chart: everything that was stored, nothing that was not, and quick however long the stay."""

import html
import re
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlalchemy.orm import Session

from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.observations.events import service as events
from backend.observations.events.models import EventKind
from backend.observations.models import Observation, Outcome
from backend.stays.models import Stay
from tests import build
from tests.observations.test_correct import corrected, taken_back
from tests.people import Ward

Client = Callable[[str | None], TestClient]


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward, orders={"ciwa-b": 240, "news2": 240})


def words(page: str) -> str:
    """What can be read, without the markup."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def row_of(page: str, observation_id: int) -> str:
    found = re.search(rf'<tr id="set-{observation_id}".*?</tr>', page, re.DOTALL)
    assert found is not None
    return found[0]


def test_without_a_set_everything_is_unknown_and_nothing_is_zero(
    client: Client, stay: Stay
) -> None:
    page = client("nora").get(f"/stays/{stay.id}").text
    told = words(page)
    assert "Nothing has been recorded" in told
    figures = re.findall(r"<dd data-unknown=\"true\">(.*?)</dd>", page)
    assert figures == ["?", "?"]
    assert '<svg class="course"' not in page


def test_a_set_is_shown_with_both_its_times_and_who(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    at = clock.now() - timedelta(hours=3)
    row = build.recorded(session, ward, stay, observed_at=at, answers=build.ciwa_b(33))
    told = words(row_of(client("nora").get(f"/stays/{stay.id}").text, row.id))
    assert "33 moderate" in told
    assert "Nora Nurse" in told
    assert "late entry, 3 h" in told


def test_an_incomplete_set_shows_its_lower_bound_and_no_band(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    row = build.recorded(
        session, ward, stay, answers={"ciwa-b": {"tense": 4, "anxious": 2}}, vitals=Vitals()
    )
    told = words(row_of(client("nora").get(f"/stays/{stay.id}").text, row.id))
    assert "≥6 incomplete" in told
    assert "mild" not in told


def test_a_correction_stands_above_what_it_struck_through_with_the_reason(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    wrong = build.recorded(session, ward, stay, answers=build.ciwa_b(61))
    right = corrected(session, ward, stay, wrong, build.sheet(answers=build.ciwa_b(16)))
    page = client("nora").get(f"/stays/{stay.id}").text
    struck = row_of(page, wrong.id)
    assert 'class="struck"' in struck
    assert "61" in words(struck)
    assert "digits typed for another bed" in words(struck)
    assert 'class="struck"' not in row_of(page, right.id)
    assert page.index(f"set-{right.id}") < page.index(f"set-{wrong.id}")
    drawing = page[page.index('id="course-ciwa-b-title"') : page.index("</svg>")]
    assert "61" not in drawing


def test_what_was_taken_back_stays_readable_and_is_not_drawn(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    wrong = build.recorded(session, ward, stay, answers=build.ciwa_b(61))
    taken_back(session, ward, stay, wrong)
    page = client("nora").get(f"/stays/{stay.id}").text
    assert "taken back" in words(row_of(page, wrong.id))
    assert "course-ciwa-b" not in page
    assert "unknown" in words(page)


def test_asleep_is_a_word_not_a_number(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    row = build.recorded(
        session,
        ward,
        stay,
        outcome=Outcome.ASLEEP.value,
        vitals=Vitals(respiratory_rate_per_min=14),
    )
    told = words(row_of(client("nora").get(f"/stays/{stay.id}").text, row.id))
    assert "asleep" in told


def test_the_range_is_what_was_asked_for(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    at = clock.now() - timedelta(hours=40)
    row = build.recorded(session, ward, stay, observed_at=at)
    browser = client("nora")
    page = browser.get(f"/stays/{stay.id}").text
    assert f"set-{row.id}" not in page
    assert "choose a longer time" in words(page)
    assert f"set-{row.id}" in browser.get(f"/stays/{stay.id}?range=7d").text
    assert f"set-{row.id}" in browser.get(f"/stays/{stay.id}/chart?range=stay").text
    assert browser.get(f"/stays/{stay.id}?range=forever").status_code == 422


def test_the_chart_asks_again_for_the_range_that_it_shows(client: Client, stay: Stay) -> None:
    page = client("nora").get(f"/stays/{stay.id}/chart?range=7d").text
    assert f'hx-get="/stays/{stay.id}/chart?range=7d&amp;sets=40"' in page
    assert f'hx-trigger="stay-{stay.id} from:body, ward from:body"' in page


def test_older_sets_are_one_tap_away(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    now = clock.now()
    for number in range(3):
        build.recorded(session, ward, stay, observed_at=now - timedelta(minutes=number))
    browser = client("nora")
    page = browser.get(f"/stays/{stay.id}?sets=2").text
    assert page.count('<tr id="set-') == 2
    assert "Older sets" in page
    assert browser.get(f"/stays/{stay.id}?sets=4").text.count('<tr id="set-') == 3


def read_off(page: str) -> dict[int, str]:
    """What the cursor reads, by set."""
    items = re.findall(r'<li data-set="(\d+)" data-x="[\d.]+">(.*?)</li>', page, re.DOTALL)
    return {int(set_id): words(item) for set_id, item in items}


def test_the_cursor_reads_every_set_that_stands_and_leaves_out_what_was_not_measured(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    now = clock.now()
    wrong = build.recorded(
        session, ward, stay, observed_at=now - timedelta(hours=2), answers=build.ciwa_b(61)
    )
    right = corrected(session, ward, stay, wrong, build.sheet(answers=build.ciwa_b(16)))
    asleep = build.recorded(
        session,
        ward,
        stay,
        outcome=Outcome.ASLEEP.value,
        vitals=Vitals(respiratory_rate_per_min=14),
    )
    told = read_off(client("nora").get(f"/stays/{stay.id}").text)
    assert set(told) == {right.id, asleep.id}
    assert "CIWA-B 16 mild NEWS2 0 low Pulse 72 BP 124/78 RR 16" in told[right.id]
    assert told[asleep.id].endswith("asleep NEWS2 ? incomplete RR 14")


def test_a_late_entry_is_marked_on_the_course(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    at = clock.now() - timedelta(hours=3)
    row = build.recorded(session, ward, stay, observed_at=at)
    page = client("nora").get(f"/stays/{stay.id}").text
    strip = page[page.index('id="events-title"') : page.index("</svg>", page.index("events-title"))]
    assert "entered 3 h late" in strip
    assert "entered 3 h late" in read_off(page)[row.id]


def test_what_is_known_of_nothing_is_a_question_and_never_a_point_at_zero(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    build.recorded(
        session,
        ward,
        stay,
        outcome=Outcome.ASLEEP.value,
        vitals=Vitals(respiratory_rate_per_min=14),
    )
    page = client("nora").get(f"/stays/{stay.id}").text
    assert "≥0" not in page
    assert re.findall(r"<dd data-unknown=\"true\">(.*?)</dd>", page) == ["?", "?"]
    assert ">NEWS2</text>" not in page


def test_a_figure_beside_a_strip_says_so_when_it_is_older_than_the_newest_set(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    now = clock.now()
    build.recorded(session, ward, stay, observed_at=now - timedelta(hours=6))
    assert ">from " not in client("nora").get(f"/stays/{stay.id}").text
    build.recorded(session, ward, stay, vitals=Vitals(respiratory_rate_per_min=14))
    page = client("nora").get(f"/stays/{stay.id}").text
    # All but the breathing: pulse, pressure, SpO2, temperature, consciousness, NEWS2.
    assert page.count(">from ") == 6


@pytest.mark.parametrize("total", [2, 15, 60, 80])
def test_no_figure_of_an_axis_stands_in_another(
    *, client: Client, session: Session, ward: Ward, stay: Stay, total: int
) -> None:
    build.recorded(session, ward, stay, answers=build.ciwa_b(total))
    page = client("nora").get(f"/stays/{stay.id}").text
    start = page.index('id="course-ciwa-b-title"')
    drawing = page[start : page.index("</svg>", start)]
    for x in ("142", "1102"):
        heights = sorted(map(float, re.findall(rf'x="{x}" y="([\d.]+)"', drawing)))
        assert len(heights) >= 2
        assert min(b - a for a, b in pairwise(heights)) >= 14


def test_an_open_alert_says_on_the_chart_who_has_it(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    build.recorded(session, ward, stay, answers=build.ciwa_b(70))
    told = words(client("nora").get(f"/stays/{stay.id}").text)
    assert "CIWA-B severe" in told
    assert re.search(r"CIWA-B severe \S+ · nobody has it · \d\d:\d\d → ", told)


@pytest.mark.parametrize(
    ("name", "status"), [("theo", 200), ("ada", 403), ("olga", 404), ("tess", 200), (None, 303)]
)
def test_who_may_see_a_chart(client: Client, stay: Stay, name: str | None, status: int) -> None:
    assert client(name).get(f"/stays/{stay.id}").status_code == status


def test_who_may_not_record_is_offered_no_record(client: Client, stay: Stay) -> None:
    page = client("theo").get(f"/stays/{stay.id}").text
    assert f"/stays/{stay.id}/record" not in page
    assert "/correct" not in page


def test_a_long_stay_costs_no_more_questions_than_a_short_one(
    client: Client, session: Session, ward: Ward
) -> None:
    asked: list[str] = []

    def heard(*told: object) -> None:
        asked.append(str(told[2]))

    now = clock.now()
    long_stay = build.stay(session, ward, admitted_at=now - timedelta(days=30))
    for number in range(60):
        at = now - timedelta(hours=number * 12)
        with clock.as_if(at):
            build.recorded(session, ward, long_stay, observed_at=at, answers=build.ciwa_b(number))
    connection = session.connection()
    event.listen(connection, "before_cursor_execute", heard)
    try:
        browser = client("nora")
        counts = []
        for chosen in ("24h", "stay"):
            asked.clear()
            page = browser.get(f"/stays/{long_stay.id}?range={chosen}&sets=100").text
            counts.append(len(asked))
        assert page.count('<tr id="set-') == 60
    finally:
        event.remove(connection, "before_cursor_execute", heard)
    assert abs(counts[0] - counts[1]) <= 2


def test_a_late_set_does_not_change_what_stood_before(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    now = clock.now()
    build.recorded(session, ward, stay, observed_at=now, answers=build.ciwa_b(20))
    earlier = now - timedelta(hours=5)
    build.recorded(session, ward, stay, observed_at=earlier, answers=build.ciwa_b(40))
    page = client("nora").get(f"/stays/{stay.id}").text
    newest = page[page.index('class="figures"') : page.index("Record now")]
    assert re.search(r"<dd >20</dd>", newest)
    assert "down 20" in words(newest)


def test_fluids_run_over_24_hours_as_corrected_and_a_missing_side_is_unknown(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    def drunk(ml: int, hours: float) -> Observation:
        at, numbers = clock.now() - timedelta(hours=hours), {"fluid": {"oral_in_ml": ml}}
        return build.recorded(
            session, ward, stay, observed_at=at, vitals=Vitals(), unscored=numbers
        )

    told = words(client("nora").get(f"/stays/{stay.id}").text)
    assert "Fluids in" not in told
    drunk(900, 25)
    drunk(250, 3)
    wrong = drunk(2500, 2)
    taken_back(session, ward, stay, drunk(700, 1))
    told = words(client("nora").get(f"/stays/{stay.id}").text)
    assert "Fluids in, 24 h 2750 mL Out ? Balance ?" in told
    mended = build.sheet(
        observed_at=wrong.observed_at,
        vitals=Vitals(),
        unscored={"fluid": {"oral_in_ml": 250, "urine_out_ml": 600}},
    )
    corrected(session, ward, stay, wrong, mended)
    told = words(client("nora").get(f"/stays/{stay.id}").text)
    assert "Fluids in, 24 h 500 mL Out 600 mL Balance -100 mL" in told
    assert "2 entries" in told


def test_what_happened_stands_in_words_on_the_chart_and_on_the_sheet(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    nora, now = ward.staff["nora"].id, clock.now()
    for kind, hours in ((EventKind.FALL, 30), (EventKind.SEIZURE, 1), (EventKind.VOMITING, 0)):
        at = now - timedelta(hours=hours)
        row = events.record(session, nora, stay, key=uuid4(), kind=kind, started_at=at)
    events.take_back(session, nora, stay, key=uuid4(), event_id=row.id, reason="another patient")
    chart = client("nora").get(f"/stays/{stay.id}").text
    section = words(chart[chart.index('id="happened-title"') :].partition("</section>")[0])
    assert section.index("Seizure") < section.index("Fall")
    assert "Nora" in section
    assert "Vomiting" not in section
    sheet = words(client("nora").get(f"/stays/{stay.id}/record").text)
    assert "Events in 24 h Seizure" in sheet
    assert "Fall" not in sheet
