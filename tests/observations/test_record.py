"""Recording a set: stored once, scored once, never changed, never shouting late."""

import threading
from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from backend.alerts import queries as alerts
from backend.alerts.models import Alert
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.core.db import Base, table_of
from backend.core.errors import Conflict, Invalid
from backend.observations import queries, service
from backend.observations.models import Observation, Outcome, Score, Source
from backend.observations.service import insert_set
from backend.protocols import queries as protocols
from backend.stays import service as stays
from backend.stays.models import DischargeReason, Stay
from tests import build, people
from tests.conftest import sessions_on
from tests.people import Ward

RED = Vitals(respiratory_rate_per_min=7, spo2_percent=90, on_oxygen=False)


def test_what_is_stored_is_what_the_scorer_said(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward)
    row = build.recorded(session, ward, stay, answers=build.ciwa_b(33))
    scores = queries.scores_of(session, [row.id])[row.id]
    assert (scores["ciwa-b"].total, scores["ciwa-b"].band) == (33, "moderate")
    assert sum(scores["ciwa-b"].points.values()) == 33
    assert (scores["news2"].total, scores["news2"].band) == (0, "low")


def test_a_missing_item_is_not_a_zero(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward)
    answers = build.ciwa_b(19)["ciwa-b"]
    missing = dict(list(answers.items())[:19])
    row = build.recorded(session, ward, stay, answers={"ciwa-b": missing}, vitals=Vitals())
    score = queries.scores_of(session, [row.id])[row.id]["ciwa-b"]
    assert (score.status.value, score.total, score.band) == ("incomplete", None, None)
    assert (score.lowest, score.highest) == (19, 23)
    assert "obs_sweat" not in score.answers


def test_a_retry_gets_the_first_answer_and_changes_nothing(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward)
    key, at = uuid4(), clock.now()
    first = build.recorded(session, ward, stay, key=key, observed_at=at, answers=build.ciwa_b(9))
    again = build.recorded(session, ward, stay, key=key, observed_at=at, answers=build.ciwa_b(9))
    assert again.id == first.id
    assert len(queries.recent(session, stay.id)) == 1


def test_the_same_key_with_other_values_is_refused(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward)
    key, at = uuid4(), clock.now()
    build.recorded(session, ward, stay, key=key, observed_at=at, answers=build.ciwa_b(9))
    with pytest.raises(Conflict, match="already saved, with other values"):
        build.recorded(session, ward, stay, key=key, observed_at=at, answers=build.ciwa_b(10))


def test_the_same_key_from_another_person_is_refused(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward)
    key, at = uuid4(), clock.now()
    build.recorded(session, ward, stay, key=key, observed_at=at)
    with pytest.raises(Conflict, match="someone else"):
        build.recorded(session, ward, stay, key=key, observed_at=at, by="chen")


def test_a_retry_after_the_discharge_still_gets_the_first_answer(
    session: Session, ward: Ward
) -> None:
    stay = build.stay(session, ward)
    key, at = uuid4(), clock.now()
    first = build.recorded(session, ward, stay, key=key, observed_at=at)
    before = at - timedelta(minutes=1)
    nora = ward.staff["nora"].id
    stays.discharge(session, nora, stay, at=before, reason=DischargeReason.COMPLETED)
    assert build.recorded(session, ward, stay, key=key, observed_at=at).id == first.id
    with pytest.raises(Conflict, match="ended"):
        build.recorded(session, ward, stay, observed_at=at)


def test_a_late_value_is_charted_at_its_time_and_does_not_shout(
    session: Session, ward: Ward
) -> None:
    stay = build.stay(session, ward)
    at = clock.now() - timedelta(hours=9)
    row = build.recorded(session, ward, stay, observed_at=at, vitals=RED)
    assert row.late_entry
    assert row.observed_at == at
    assert alerts.open_on_stay(session, stay.id) == []
    assert build.recorded(session, ward, stay, vitals=RED).late_entry is False
    assert alerts.open_on_stay(session, stay.id) != []


def test_a_late_value_does_not_hide_what_is_true_now(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward)
    build.recorded(session, ward, stay, vitals=RED)
    before = {alert.rule for alert in alerts.open_on_stay(session, stay.id)}
    build.recorded(session, ward, stay, observed_at=clock.now() - timedelta(hours=3))
    assert {alert.rule for alert in alerts.open_on_stay(session, stay.id)} == before


@pytest.mark.parametrize("minutes", [-(60 * 24 * 3), 10])
def test_a_time_outside_the_stay_is_refused(session: Session, ward: Ward, minutes: int) -> None:
    stay = build.stay(session, ward)
    with pytest.raises(Invalid) as refused:
        build.recorded(session, ward, stay, observed_at=clock.now() + timedelta(minutes=minutes))
    assert "observed_at" in refused.value.fields


def test_an_impossible_value_is_refused_and_an_extreme_one_asked(
    session: Session, ward: Ward
) -> None:
    stay = build.stay(session, ward)
    for vitals, confirmed in [
        (Vitals(pulse_per_min=1120), {"pulse_per_min"}),
        (Vitals(pulse_per_min=230), set()),
    ]:
        with pytest.raises(Invalid) as refused:
            build.recorded(session, ward, stay, vitals=vitals, confirmed=frozenset(confirmed))
        assert list(refused.value.fields) == ["pulse_per_min"]
    extreme = Vitals(pulse_per_min=230, temperature_c=Decimal("31.0"))
    sure = frozenset({"pulse_per_min", "temperature_c"})
    row = build.recorded(session, ward, stay, vitals=extreme, confirmed=sure)
    assert (row.pulse_per_min, row.temperature_c) == (230, Decimal("31.0"))
    assert any(alert.level.value == "urgent" for alert in alerts.open_on_stay(session, stay.id))


@pytest.mark.parametrize("table", ["observation", "score"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET stay_id = stay_id", "DELETE FROM {}"])
def test_the_application_cannot_change_or_delete_what_was_recorded(
    session: Session, ward: Ward, table: str, verb: str
) -> None:
    stay = build.stay(session, ward)
    build.recorded(session, ward, stay, answers=build.ciwa_b(5))
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text(verb.format(table)))


@pytest.mark.parametrize(
    ("entity", "column", "value", "constraint"),
    [
        (Observation, "entered_at", "'infinity'", "entered_at_is_sane"),
        (Observation, "observed_at", "'-infinity'", "observed_at_is_sane"),
        (Observation, "observed_at", "entered_at + interval '1 hour'", "observed_before_entered"),
        (Observation, "oxygen_l_per_min", "2", "no_flow_on_room_air"),
        (Observation, "systolic_mmhg", "11647", "systolic_is_possible"),
        (Observation, "temperature_c", "'NaN'", "temperature_is_possible"),
        (Observation, "correction_reason", "'but why'", "a_correction_has_a_reason"),
        (Score, "total", "81", "total_is_within_its_bounds"),
        (Score, "total", "NULL", "bounds_go_with_a_total"),
        (Score, "answers", """'{"irritable": 5}'""", "does not allow this answer"),
        (Score, "answers", """'{"irritable": "1"}'""", "does not allow this answer"),
        (Score, "answers", """'{"bugs": 1}'""", "does not allow this answer"),
    ],
)
def test_the_database_itself_refuses_what_cannot_be(
    session: Session, ward: Ward, *, entity: type[Base], column: str, value: str, constraint: str
) -> None:
    stay = build.stay(session, ward)
    vitals = Vitals(pulse_per_min=70, on_oxygen=False)
    build.recorded(session, ward, stay, answers=build.ciwa_b(5), vitals=vitals)
    table = table_of(entity)
    names = [column.name for column in table.columns if column.name != "id"]
    again = {"key": "gen_random_uuid()", column: value}
    values = ", ".join(again.get(name, name) for name in names)
    copied = f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {table}"  # noqa: S608
    if entity is Score:
        copied += " WHERE instrument = 'ciwa-b'"
    with pytest.raises(DBAPIError, match=constraint), session.begin_nested():
        session.execute(text(copied))


def test_a_set_cannot_belong_to_another_patient(session: Session, ward: Ward) -> None:
    mine = build.stay(session, ward, bed="7")
    other = build.stay(
        session, ward, bed="8", patient_row=build.patient(session, ward, family_name="Hollowell")
    )
    in_force = protocols.in_force(session, ward.unit.id, at=clock.now())
    session.expunge(mine)
    mine.patient_id = other.patient_id
    with pytest.raises(IntegrityError, match="patient"), session.begin_nested():
        insert_set(
            session,
            mine,
            key=uuid4(),
            digest=b"",
            sheet=build.sheet(),
            scores={},
            source=Source.TYPED,
            entered_at=clock.now(),
            late_entry=False,
            recorded_by=ward.staff["nora"].id,
            protocol_id=in_force.id,
        )


def test_an_illegal_answer_is_refused_by_the_database_too(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward)
    row = build.recorded(session, ward, stay, vitals=Vitals(), answers=build.ciwa_b(5))
    score = queries.scores_of(session, [row.id])[row.id]["ciwa-b"]
    columns = {c.name: getattr(score, c.name) for c in Score.__table__.columns if c.name != "id"}
    other = build.recorded(session, ward, stay)
    columns |= {"observation_id": other.id, "answers": score.answers | {"tense": 5}}
    with pytest.raises(DBAPIError, match=r"tense|legal"), session.begin_nested():
        session.execute(insert(Score).values(columns))


def test_the_same_form_sent_twice_at_once_is_one_set(fresh_database: str) -> None:
    with sessions_on(fresh_database) as sessions:
        with sessions.begin() as session:
            ward = people.the_ward(session)
            stay = build.stay(session, ward, orders={"ciwa-b": 240, "news2": 240})
        key, sent = uuid4(), b"the same form"
        found: list[int] = []
        together = threading.Barrier(4)

        def save() -> None:
            with sessions.begin() as own:
                together.wait()
                row = service.record(
                    own,
                    ward.staff["nora"].id,
                    own.get_one(Stay, stay.id),
                    key=key,
                    sheet=build.sheet(vitals=RED, answers=build.ciwa_b(45)),
                    source=Source.TYPED,
                    sent=sent,
                )
                found.append(row.id)

        threads = [threading.Thread(target=save) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(found) == 4
        assert len(set(found)) == 1
        with sessions() as session:
            assert len(session.scalars(select(Observation)).all()) == 1
            rules = session.scalars(select(Alert.rule)).all()
            assert len(rules) == len(set(rules)) > 0


def test_a_round_that_was_not_assessed_has_no_score(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward)
    row = build.recorded(
        session,
        ward,
        stay,
        outcome=Outcome.ASLEEP.value,
        vitals=Vitals(respiratory_rate_per_min=14),
    )
    scores = queries.scores_of(session, [row.id])[row.id]
    assert set(scores) == {"news2"}
    assert scores["news2"].total is None


def test_an_unknown_instrument_is_refused(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward)
    with pytest.raises(Invalid, match="not known"):
        build.recorded(session, ward, stay, answers={"made-up": {"one": 1}})


def test_keys_are_universal(session: Session, ward: Ward) -> None:
    """A key of another patient's set is not a retry."""
    key = UUID(int=7)
    first = build.stay(session, ward, bed="7")
    other = build.stay(
        session, ward, bed="8", patient_row=build.patient(session, ward, family_name="Hollowell")
    )
    build.recorded(session, ward, first, key=key)
    with pytest.raises(Conflict):
        build.recorded(session, ward, other, key=key)
