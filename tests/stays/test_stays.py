"""Admission, beds and discharge: what the database itself refuses, and the words for it."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from backend.core import clock
from backend.core.errors import Conflict, Invalid
from backend.stays import queries
from backend.stays import service as stays
from backend.stays.models import DischargeReason, Placement, Stay
from tests import build
from tests.people import Ward


def _place(session: Session, ward: Ward, stay: Stay, bed: str) -> Placement:
    bed_id = ward.beds[bed].id
    return stays.place(
        session, ward.staff["nora"].id, stay, key=uuid4(), bed_id=bed_id, at=clock.now()
    )


def test_a_bed_holds_one_stay_at_a_time(session: Session, ward: Ward) -> None:
    build.stay(session, ward, bed="7")
    other = build.stay(session, ward, bed="8")
    with pytest.raises(Conflict, match="Bed 7 is taken"):
        _place(session, ward, other, "7")


def test_the_database_itself_refuses_two_stays_in_one_bed(session: Session, ward: Ward) -> None:
    first = build.stay(session, ward, bed="7")
    second = build.stay(session, ward, bed=None)
    placed = session.query(Placement).filter_by(stay_id=first.id).one()
    session.add(
        Placement(
            key=uuid4(),
            stay_id=second.id,
            unit_id=ward.unit.id,
            bed_id=placed.bed_id,
            from_at=placed.from_at + timedelta(hours=1),
            placed_by=ward.staff["nora"].id,
        )
    )
    with pytest.raises(IntegrityError, match="ex_placement_one_stay_per_bed"):
        session.flush()


def test_the_database_itself_refuses_two_beds_for_one_stay(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward, bed="7")
    session.add(
        Placement(
            key=uuid4(),
            stay_id=stay.id,
            unit_id=ward.unit.id,
            bed_id=ward.beds["8"].id,
            from_at=clock.now(),
            placed_by=ward.staff["nora"].id,
        )
    )
    with pytest.raises(IntegrityError, match="ex_placement_one_bed_per_stay"):
        session.flush()


@pytest.mark.parametrize(
    "deed",
    [
        "UPDATE placement SET until_at = NULL",
        "UPDATE placement SET until_at = until_at + interval '1 minute'",
        "UPDATE placement SET bed_id = bed_id",
        "DELETE FROM placement",
    ],
)
def test_who_lay_where_is_never_rewritten(session: Session, ward: Ward, deed: str) -> None:
    stay = build.stay(session, ward, bed="7")
    stays.discharge(
        session, ward.staff["nora"].id, stay, at=clock.now(), reason=DischargeReason.COMPLETED
    )
    with pytest.raises(DBAPIError), session.begin_nested():
        session.execute(text(deed))


def test_a_bed_of_another_unit_is_refused(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward, bed=None)
    elsewhere = session.execute(
        text("SELECT id FROM bed WHERE unit_id = :unit LIMIT 1"), {"unit": ward.elsewhere.id}
    ).scalar_one()
    with pytest.raises(Invalid, match="no such bed"):
        stays.place(
            session, ward.staff["nora"].id, stay, key=uuid4(), bed_id=elsewhere, at=clock.now()
        )


def test_a_patient_has_one_stay_at_a_time(session: Session, ward: Ward) -> None:
    patient = build.patient(session, ward)
    build.stay(session, ward, bed="7", patient_row=patient)
    with pytest.raises(Conflict, match="already admitted"):
        build.stay(session, ward, bed="8", patient_row=patient)


def test_a_move_frees_the_old_bed(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward, bed="7")
    _place(session, ward, stay, "8")
    bed = queries.bed_now(session, stay.id)
    assert bed is not None
    assert bed.label == "8"
    assert "7" in [free.label for free in queries.free_beds(session, ward.unit.id)]
    _place(session, ward, build.stay(session, ward, bed=None), "7")


def test_a_retried_move_moves_once(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward, bed="7")
    key = uuid4()
    nora = ward.staff["nora"].id
    now = clock.now()
    first = stays.place(session, nora, stay, key=key, bed_id=ward.beds["8"].id, at=now)
    again = stays.place(session, nora, stay, key=key, bed_id=ward.beds["8"].id, at=now)
    assert again.id == first.id
    with pytest.raises(Conflict, match="other values"):
        stays.place(session, nora, stay, key=key, bed_id=ward.beds["9"].id, at=now)
    bed = queries.bed_now(session, stay.id)
    assert bed is not None
    assert bed.label == "8"


def test_a_retried_admission_admits_once(session: Session, ward: Ward) -> None:
    patient = build.patient(session, ward)
    key, at = uuid4(), clock.now()
    made = [
        stays.admit(
            session,
            ward.staff["nora"].id,
            key=key,
            patient_id=patient.id,
            unit_id=ward.unit.id,
            at=at,
            bed_id=ward.beds["7"].id,
        )
        for _ in range(2)
    ]
    assert made[0].id == made[1].id


def test_a_discharge_frees_the_bed_and_needs_a_reason(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward, bed="7")
    nora = ward.staff["nora"].id
    stays.discharge(session, nora, stay, at=clock.now(), reason=DischargeReason.COMPLETED)
    assert queries.bed_now(session, stay.id) is None
    with pytest.raises(IntegrityError, match="an_end_has_a_reason"):
        session.execute(update(Stay).where(Stay.id == stay.id).values(discharge_reason=None))


def test_nobody_is_discharged_before_admission(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward, bed="7")
    with pytest.raises(Invalid, match="before the admission"):
        stays.discharge(
            session,
            ward.staff["nora"].id,
            stay,
            at=stay.admitted_at,
            reason=DischargeReason.COMPLETED,
        )


def test_a_discharged_patient_gets_no_bed(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward, bed="7")
    nora = ward.staff["nora"].id
    stays.discharge(session, nora, stay, at=clock.now(), reason=DischargeReason.COMPLETED)
    with pytest.raises(Conflict, match="has ended"):
        _place(session, ward, stay, "8")


def test_spo2_scale_2_needs_a_named_prescriber(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward)
    with pytest.raises(IntegrityError, match="spo2_scale_2_has_a_prescriber"):
        session.execute(update(Stay).where(Stay.id == stay.id).values(spo2_scale=2))


def test_the_application_deletes_nothing(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward)
    with pytest.raises(DBAPIError, match="permission denied"):
        session.execute(text("DELETE FROM stay WHERE id = :id"), {"id": stay.id})


def test_day_of_stay_counts_days_on_the_units_calendar(session: Session, ward: Ward) -> None:
    zone = ZoneInfo("Europe/Berlin")
    # 23:30 in Berlin: an hour later it is day 2 there, though still the same day in UTC.
    admitted = datetime(2026, 1, 10, 22, 30, tzinfo=UTC)
    stay = build.stay(session, ward, admitted_at=admitted)
    assert queries.day_of_stay(stay, zone, admitted) == 1
    assert queries.day_of_stay(stay, zone, admitted + timedelta(hours=1)) == 2


def test_what_nobody_asked_reads_not_asked(session: Session, ward: Ward) -> None:
    patient = build.patient(session, ward, allergies=None, born_on=None)
    stay = build.stay(session, ward, patient_row=patient)
    banner = queries.banner(session, stay, ZoneInfo("Europe/Berlin"), clock.now())
    assert banner.allergies == "not asked"
    assert banner.born_on_words == "not known"
    assert banner.age_words == "age not known"
