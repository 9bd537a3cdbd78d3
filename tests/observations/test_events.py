"""What happened: one tap, an end, a correction; what calls, and what no longer does."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from backend.alerts import queries as alerts
from backend.alerts.models import Alert
from backend.audit.models import AuditEntry
from backend.clinical import happening
from backend.core import clock
from backend.core.errors import Conflict, Invalid, NotFound
from backend.observations.events import queries, service
from backend.observations.events.models import Event, EventKind
from backend.stays.models import Stay
from tests import build
from tests.people import Ward, opens

Client = Callable[[str | None], TestClient]


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward)


def form(ward: Ward, stay: Stay, *, by: str = "nora", **fields: str) -> dict[str, str]:
    return {
        "key": str(uuid4()),
        **opens(ward.staff[by]),
        "opened_for": str(stay.id),
        **fields,
    }


def happened(
    session: Session,
    ward: Ward,
    stay: Stay,
    kind: str = "seizure",
    *,
    ago: int = 0,
) -> Event:
    return service.record(
        session,
        ward.staff["nora"].id,
        stay,
        key=uuid4(),
        kind=EventKind(kind),
        started_at=clock.now() - timedelta(minutes=ago),
    )


def open_rules(session: Session, stay: Stay) -> dict[str, Alert]:
    return {alert.rule: alert for alert in alerts.open_on_stay(session, stay.id)}


def standing(session: Session, stay: Stay) -> Sequence[Event]:
    session.expire_all()
    return queries.standing(session, stay.id)


def test_every_kind_has_its_words_its_level_and_its_source() -> None:
    assert set(happening.KINDS) == {kind.value for kind in EventKind}
    assert {kind.key for kind in happening.KINDS.values() if kind.lasts} == {
        "seizure",
        "hallucination",
        "restraint",
    }
    assert all(len(kind.source.text) > 20 for kind in happening.KINDS.values())
    with pytest.raises(happening.KindError, match="`level` must be one of"):
        happening.load('[x]\nlabel = "X"\nlevel = "loud"\ntext = "x"\nsource = "x"\nmark = "D"')


def test_one_tap_writes_it_down_calls_and_is_on_the_trail(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    nora = client("nora")
    sent = form(ward, stay, kind="seizure")
    path = f"/stays/{stay.id}/events"
    assert nora.post(path, data=sent).status_code == 303
    assert nora.post(path, data=sent).status_code == 303  # a double tap
    (row,) = standing(session, stay)
    assert (row.kind.value, row.ended_at) == ("seizure", None)
    alert = open_rules(session, stay)["event/seizure"]
    assert alert.level.value == "emergency"
    assert alert.sentence.startswith("Seizure at ")
    written = session.scalars(select(AuditEntry.action).where(AuditEntry.stay_id == stay.id)).all()
    assert written.count("event.recorded") == 1
    html = nora.get(path).text
    assert "It is over now" in html


def test_two_kinds_of_one_page_are_two_events(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    nora = client("nora")
    sent = form(ward, stay, kind="fall")
    for kind in ("fall", "self_harm"):
        nora.post(f"/stays/{stay.id}/events", data=sent | {"kind": kind})
    assert {row.kind.value for row in standing(session, stay)} == {"fall", "self_harm"}


def test_an_end_is_a_further_row_and_cannot_come_twice(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    nora = client("nora")
    row = happened(session, ward, stay, "restraint", ago=20)
    path = f"/stays/{stay.id}/events/{row.id}/end"
    assert nora.post(path, data=form(ward, stay)).status_code == 303
    (ended,) = standing(session, stay)
    assert ended.ended_at is not None
    assert (ended.started_at, ended.supersedes_id) == (row.started_at, row.id)
    again = nora.post(path, data=form(ward, stay))
    assert again.status_code == 409
    assert "Somebody has changed this event already" in again.text
    html = nora.get(f"/stays/{stay.id}/events").text
    assert "20 min" in html
    assert "It is over now" not in html


def test_what_has_no_end_cannot_end(session: Session, ward: Ward, stay: Stay) -> None:
    row = happened(session, ward, stay, "fall")
    with pytest.raises(Invalid, match="has no end"):
        service.end(session, ward.staff["nora"].id, stay, key=uuid4(), event_id=row.id)


def test_what_is_written_down_late_is_charted_and_does_not_shout(
    session: Session, ward: Ward, stay: Stay
) -> None:
    happened(session, ward, stay, "fall", ago=61)
    assert open_rules(session, stay) == {}
    happened(session, ward, stay, "fall", ago=59)
    assert set(open_rules(session, stay)) == {"event/fall"}
    happened(session, ward, stay, "restraint", ago=180)  # it still goes on
    assert "event/restraint" in open_rules(session, stay)


def test_a_correction_takes_the_place_of_the_row_and_what_only_that_raised_is_over(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    nora = client("nora")
    row = happened(session, ward, stay, "fall")
    path = f"/stays/{stay.id}/events"
    page = nora.get(f"{path}?correct={row.id}").text
    assert "Correct this event" in page
    sent = form(ward, stay, kind="vomiting", started="2020-01-01T10:00", reason="wrong button")
    refused = nora.post(f"{path}/{row.id}/correct", data=sent)
    assert refused.status_code == 422
    assert "before this stay began" in refused.text
    assert 'value="wrong button"' in refused.text
    service.correct(
        session,
        ward.staff["nora"].id,
        stay,
        key=uuid4(),
        event_id=row.id,
        kind=EventKind.VOMITING,
        started_at=row.started_at,
        ended_at=None,
        reason="wrong button",
    )
    assert [one.kind.value for one in standing(session, stay)] == ["vomiting"]
    assert set(open_rules(session, stay)) == {"event/vomiting"}
    html = nora.get(path).text
    assert "<del>Fall</del>" in html
    assert "wrong button" in html
    with pytest.raises(Conflict):
        service.take_back(
            session, ward.staff["nora"].id, stay, key=uuid4(), event_id=row.id, reason="again"
        )


HAPPENINGS = [
    (kind, minutes, minutes - 1 if lasts and over else None)
    for kind, lasts in ((EventKind.SEIZURE, True), (EventKind.FALL, False))
    for minutes in (2, 300)
    for over in ((False, True) if lasts else (False,))
]


@pytest.mark.parametrize("wrong", HAPPENINGS)
def test_put_right_it_is_as_if_it_had_been_right_at_first(
    session: Session, ward: Ward, wrong: tuple[EventKind, int, int | None]
) -> None:
    def after(*versions: tuple[EventKind, int, int | None]) -> tuple[object, ...]:
        nested = session.begin_nested()
        stay, nora, row = build.stay(session, ward), ward.staff["nora"].id, None
        for kind, began, over in versions:
            start = now - timedelta(minutes=began)
            ended_at = None if over is None else now - timedelta(minutes=over)
            if row is None:
                row = service.record(
                    session, nora, stay,
                    key=uuid4(), kind=kind, started_at=start, ended_at=ended_at,
                )  # fmt: skip
            else:
                row = service.correct(
                    session, nora, stay, key=uuid4(), event_id=row.id,
                    kind=kind, started_at=start, ended_at=ended_at, reason="another time",
                )  # fmt: skip
        open_now = [
            alert for alert in alerts.open_on_stay(session, stay.id) if not alert.cleared_at
        ]
        said = sorted((alert.rule, alert.level.value, alert.sentence) for alert in open_now)
        stands = [(e.kind, e.started_at, e.ended_at) for e in queries.standing(session, stay.id)]
        nested.rollback()
        session.expire_all()
        return said, stands

    now = clock.now()
    with clock.as_if(now):
        for truth in HAPPENINGS:
            assert after(wrong, truth) == after(truth), (wrong, truth)


def test_taken_back_it_stays_readable_and_counts_no_more(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    nora = client("nora")
    row = happened(session, ward, stay)
    path = f"/stays/{stay.id}/events"
    sent = form(ward, stay, reason="wrong patient")
    assert nora.post(f"{path}/{row.id}/take-back", data=sent).status_code == 303
    assert standing(session, stay) == []
    html = nora.get(path).text
    assert "<del>Seizure</del>" in html
    assert "wrong patient" in html
    # An emergency still waits for a person, who is told that it was never true.
    alert = open_rules(session, stay)["event/seizure"]
    assert alert.cleared_at is not None


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"kind": "party"}, "Say what happened."),
        ({"kind": "fall", "started": "NaN"}, "Write the date and the time."),
        ({"kind": "fall", "started": "9999-99-99T99:99"}, "Write the date and the time."),
        ({"kind": "fall", "started": "2999-01-01T10:00"}, "This time has not come yet."),
        ({"kind": "fall", "ended": "2026-01-01T10:00"}, "Fall has no end: leave it open."),
        ({"kind": "seizure", "ended": "2020-01-01T10:00"}, "It ended before it began."),
        ({"kind": "fall", "started": "x" * 100_000}, "Write the date and the time."),
    ],
)
def test_what_cannot_be_is_refused_in_words_and_nothing_is_stored(
    *,
    client: Client,
    session: Session,
    ward: Ward,
    stay: Stay,
    fields: dict[str, str],
    sentence: str,
) -> None:
    answer = client("nora").post(f"/stays/{stay.id}/events", data=form(ward, stay, **fields))
    assert answer.status_code == 422
    assert sentence in answer.text
    assert standing(session, stay) == []


def test_a_form_of_another_patient_or_person_writes_nothing(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    nora = client("nora")
    path = f"/stays/{stay.id}/events"
    other = form(ward, stay, kind="fall") | {"opened_for": str(stay.id + 1)}
    assert nora.post(path, data=other).status_code == 409
    assert nora.post(path, data=form(ward, stay, by="tess", kind="fall")).status_code in {
        403,
        409,
    }
    assert standing(session, stay) == []
    with pytest.raises(NotFound):
        service.end(session, ward.staff["nora"].id, stay, key=uuid4(), event_id=2_000_000_000)


def test_the_chart_marks_it_and_a_therapist_only_reads(
    client: Client, session: Session, ward: Ward, stay: Stay
) -> None:
    nora = client("nora")
    build.recorded(session, ward, stay)
    happened(session, ward, stay, "seizure")
    chart = nora.get(f"/stays/{stay.id}").text
    assert 'value="seizure"' in chart  # one tap from the chart
    assert "Seizure" in nora.get(f"/stays/{stay.id}/chart").text
    read = client("theo").get(f"/stays/{stay.id}/events").text
    assert "Seizure" in read
    assert "Event now" not in read
    assert client("theo").post(f"/stays/{stay.id}/events", data=form(ward, stay)).status_code == 403


@pytest.mark.parametrize(
    ("column", "value", "constraint"),
    [
        ("ended_at", "started_at - interval '1 minute'", "ends_after_it_begins"),
        ("started_at", "entered_at + interval '1 hour'", "happened_before_entered"),
        ("supersedes_id", "id", "only_the_first_stands_alone"),
        ("change", "'corrected'", "a_correction_has_a_reason"),
        ("reason", "'why'", "a_correction_has_a_reason"),
        ("kind", "'party'", "eventkind"),
        ("patient_id", "patient_id + 1", "fk_event"),
    ],
)
def test_the_database_itself_refuses_what_cannot_be(
    *, session: Session, ward: Ward, stay: Stay, column: str, value: str, constraint: str
) -> None:
    happened(session, ward, stay)
    names = [one.name for one in Event.__table__.columns if one.name != "id"]
    values = ", ".join(
        {"key": "gen_random_uuid()", column: value}.get(name, name) for name in names
    )
    copied = f"INSERT INTO event ({', '.join(names)}) SELECT {values} FROM event"  # noqa: S608
    with pytest.raises(DBAPIError, match=constraint), session.begin_nested():
        session.execute(text(copied))
