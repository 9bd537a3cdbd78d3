"""Old records go for good: two people, no hold, every rule past, everything of it, and a log."""

import re
from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Connection, Executable, func, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.orm import Session

from backend.accounts.sign_in.models import SignIn
from backend.alerts.models import Alert
from backend.audit import service as audit
from backend.audit.models import AuditEntry
from backend.care.counselling import service as counselling
from backend.care.disclosures.models import Disclosure, DisclosurePatient
from backend.care.purge import queries, service
from backend.care.purge.models import Deletion, Purge, PurgeAnswer, Verdict
from backend.care.retention import service as retention
from backend.care.retention.models import Kept
from backend.core import clock
from backend.core.db import unit_on_duty
from backend.core.errors import Conflict, NotAllowed
from backend.observations.models import Observation
from backend.patients.models import Patient
from backend.stays import service as stays
from backend.stays.models import Stay
from backend.tables import metadata
from tests import build
from tests.care import build as care
from tests.care import old as old_records
from tests.people import Ward, opens

Browser = Callable[[str | None], TestClient]
TABLES = metadata.tables


@pytest.fixture
def old(session: Session, ward: Ward) -> Stay:
    """With everything that anybody ever wrote about it."""
    who = build.patient(session, ward, risks=("seizures",))
    stay = old_records.gone(session, ward, patient_row=who)
    counselling.write(session, ward.staff["theo"].id, stay, key=uuid4(), text="We talked.")
    care.shared(session, ward, stay)
    old_records.aged(session)
    old_records.rules(session, ward)
    return stay


def on_duty(session: Session, ward: Ward) -> None:
    session.execute(select(unit_on_duty(ward.unit.id)))


def asked(session: Session, ward: Ward) -> Purge:
    on_duty(session, ward)
    pavel = ward.staff["pavel"].id
    return service.ask(session, pavel, key=uuid4(), unit_id=ward.unit.id, now=clock.now())


def approved(session: Session, ward: Ward, purge: Purge, by: str = "ada") -> None:
    on_duty(session, ward)
    service.answer(
        session,
        ward.staff[by].id,
        purge,
        key=uuid4(),
        verdict=Verdict.APPROVED,
        now=clock.now(),
    )


def may_go(session: Session, ward: Ward) -> set[int]:
    found = queries.old(session, ward.unit.id, clock.now())
    return {one.stay_id for one in found if one.may_go}


def rows_of(session: Session, stay_id: int, patient_id: int) -> dict[str, int]:
    """In every table that says whose a row is."""
    found = {}
    for name, table in TABLES.items():
        mine = [
            table.c[column] == value
            for column, value in (("stay_id", stay_id), ("patient_id", patient_id))
            if column in table.c
        ]
        mine += [table.c.id == stay_id] if name == "stay" else []
        mine += [table.c.id == patient_id] if name == "patient" else []
        if mine and name != "audit_entry":
            count = select(func.count()).select_from(table).where(*mine)
            found[name] = session.scalars(count).one()
    return found


def test_everything_of_the_stay_is_gone_and_other_stays_are_untouched(
    session: Session, ward: Ward, old: Stay
) -> None:
    here = build.stay(session, ward, orders={"news2": 240})
    build.recorded(session, ward, here, vitals=old_records.ILL)
    care.shared(session, ward, here)
    young = old_records.gone(session, ward, timedelta(days=366 * 4))
    whose = (old.id, old.patient_id)
    before = rows_of(session, *whose)
    assert min(before.values()) > 0, "a table of the record that this test has no row in"
    others = {one.id: rows_of(session, one.id, one.patient_id) for one in (here, young)}
    total = {n: session.scalars(select(func.count()).select_from(t)).one()
             for n, t in TABLES.items()}  # fmt: skip

    purge = asked(session, ward)
    assert purge.stay_ids == [old.id]
    approved(session, ward, purge)
    session.expire_all()

    assert set(rows_of(session, *whose).values()) == {0}
    for one in (here, young):
        assert rows_of(session, one.id, one.patient_id) == others[one.id]
    log = session.scalars(select(Deletion)).one()
    session.flush()
    for name, table in TABLES.items():
        fewer = total[name] - session.scalars(select(func.count()).select_from(table)).one()
        if name not in {"audit_entry", "purge", "purge_answer", "deletion"}:
            assert fewer == log.deleted.get(name, 0), name


def test_the_log_says_what_went_by_which_rule_and_names_nobody(
    session: Session, ward: Ward, old: Stay
) -> None:
    code = session.get_one(Patient, old.patient_id).code
    approved(session, ward, asked(session, ward))
    (line,) = queries.log(session, ward.unit.id, most=9)
    assert (line.asked_by, line.approved_by) == ("Pavel Privacy Officer", "Ada Administrator")
    assert line.stays == 1
    assert set(line.deletion.rules) == {kept.value for kept in Kept}
    assert line.deletion.rules["clinical record"]["years"] == 7
    assert line.deletion.deleted["observation"] == 1
    assert line.deletion.deleted["patient"] == 1
    assert not re.search(f"Pennywhistle|Rosa|{code}", str(line.deletion.deleted))
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "purge.approved")).one()
    assert entry.actor_id == ward.staff["ada"].id
    assert entry.subject["rows"] == sum(line.deletion.deleted.values())


def test_the_trail_keeps_its_entries_and_loses_their_words(
    session: Session, ward: Ward, old: Stay
) -> None:
    of_it = select(AuditEntry).where(AuditEntry.stay_id == old.id)
    before = {e.id: (e.action, e.actor_id, e.detail_sha256) for e in session.scalars(of_it)}
    approved(session, ward, asked(session, ward))
    session.expire_all()
    after = list(session.scalars(of_it))
    assert {e.id: (e.action, e.actor_id, e.detail_sha256) for e in after} == before
    assert {(str(e.subject), e.reason, e.detail_salt) for e in after} == {("{}", None, None)}


def test_one_person_cannot_do_both(session: Session, ward: Ward, old: Stay) -> None:
    purge = asked(session, ward)
    with pytest.raises(NotAllowed, match="second person"):
        approved(session, ward, purge, by="pavel")
    forged = PurgeAnswer(
        key=uuid4(),
        purge_id=purge.id,
        unit_id=purge.unit_id,
        asked_by=purge.asked_by,
        verdict=Verdict.APPROVED,
        answered_by=purge.asked_by,
    )
    with pytest.raises(IntegrityError, match="two_people"), session.begin_nested():
        session.add(forged)
    assert refusal(session, purge) == "two people have not agreed to this"
    care.answered(session, ward, purge, Verdict.DECLINED)
    assert refusal(session, purge) == "two people have not agreed to this"
    assert session.scalars(select(Stay.id)).all() == [old.id]


def refusal(session: Session, purge: Purge) -> str:
    """What the database itself says to it, whatever the service thinks."""
    with pytest.raises(IntegrityError) as refused, session.begin_nested():
        session.execute(select(func.carry_out_purge(purge.id)))
    return str(refused.value.orig).partition("\n")[0]


def test_the_database_carries_out_nothing_by_halves_twice_or_for_another_unit(
    session: Session, ward: Ward
) -> None:
    who = build.patient(session, ward)
    first = old_records.gone(session, ward, timedelta(days=366 * 12), patient_row=who)
    old_records.gone(session, ward, patient_row=who)
    old_records.aged(session)
    old_records.rules(session, ward)
    half = care.purge(session, ward, first)
    care.answered(session, ward, half, Verdict.APPROVED)
    on_duty(session, ward)
    assert refusal(session, half) == "not all of this may go"
    whole = asked(session, ward)
    assert len(whole.stay_ids) == 2
    approved(session, ward, whole)
    assert refusal(session, whole) == "two people have not agreed to this"
    session.execute(select(unit_on_duty(ward.elsewhere.id)))
    assert refusal(session, half) == "two people have not agreed to this"


def test_no_more_go_at_once_than_somebody_waits_for_and_nobody_by_halves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "MOST_STAYS", 3)
    years = {1: 11, 2: 9, 3: 10, 4: 8, 5: 12}
    patients = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4}
    found = [
        queries.Old(
            stay_id=stay,
            patient_id=patients[stay],
            code="",
            discharged_at=clock.now() - timedelta(days=366 * years[stay]),
            held=stay == 5,
            waits=False,
        )
        for stay in years
    ]
    assert service._first_of(found) == [3, 1, 2]  # noqa: SLF001 (its own rule)


@pytest.mark.parametrize("whole_unit", [True, False])
def test_a_hold_stops_it_also_when_it_was_set_after_it_was_asked_for(
    session: Session, ward: Ward, old: Stay, *, whole_unit: bool
) -> None:
    purge = asked(session, ward)
    retention.hold(
        session,
        ward.staff["pavel"].id,
        key=uuid4(),
        unit_id=ward.unit.id,
        reason="a complaint",
        stay=None if whole_unit else old,
    )
    with pytest.raises(Conflict, match="a hold was set"):
        approved(session, ward, purge)
    care.answered(session, ward, purge, Verdict.APPROVED)
    assert refusal(session, purge) == "not all of this may go"
    assert may_go(session, ward) == set()
    with pytest.raises(Conflict, match="Nothing is past its time"):
        asked(session, ward)


def test_what_is_not_due_is_refused_by_the_database_too(session: Session, ward: Ward) -> None:
    young = old_records.gone(session, ward, timedelta(days=366 * 4))
    here = build.stay(session, ward)
    old_records.aged(session)
    old_records.rules(session, ward)
    with pytest.raises(Conflict, match="Nothing is past its time"):
        asked(session, ward)
    for stay in (young, here):
        purge = care.purge(session, ward, stay)
        care.answered(session, ward, purge, Verdict.APPROVED)
        on_duty(session, ward)
        assert refusal(session, purge) == "not all of this may go"


def test_no_rule_lets_a_record_go_before_the_law_does(session: Session, ward: Ward) -> None:
    """Not even one that somebody wrote into the table past the service."""
    old_records.gone(session, ward, timedelta(days=366 * 4))
    old_records.aged(session)
    old_records.rules(session, ward)
    session.execute(
        text(
            "INSERT INTO retention_rule (unit_id, kept, years, source, set_by)"
            " SELECT unit_id, kept, 1, 'none', set_by FROM retention_rule"
        )
    )
    assert may_go(session, ward) == set()


@pytest.mark.parametrize("missing", list(Kept))
def test_without_a_rule_of_each_kind_that_there_is_something_of_nothing_goes(
    session: Session, ward: Ward, missing: Kept
) -> None:
    stay = old_records.gone(session, ward)
    care.consent(session, ward, stay)
    old_records.aged(session)
    old_records.rules(session, ward)
    assert may_go(session, ward) == {stay.id}
    session.execute(text("SET LOCAL ROLE vigil_owner"))
    trigger = "TRIGGER retention_rule_is_append_only"
    session.execute(text(f"ALTER TABLE retention_rule DISABLE {trigger}"))
    session.execute(text("DELETE FROM retention_rule WHERE kept = :kept"), {"kept": missing.value})
    session.execute(text(f"ALTER TABLE retention_rule ENABLE ALWAYS {trigger}"))
    session.execute(text("SET LOCAL ROLE vigil_console"))
    assert may_go(session, ward) == set()


def test_a_record_goes_whole_counted_from_the_last_stay(session: Session, ward: Ward) -> None:
    who = build.patient(session, ward)
    first = old_records.gone(session, ward, timedelta(days=366 * 12), patient_row=who)
    second = old_records.gone(session, ward, patient_row=who)
    old_records.aged(session)
    old_records.rules(session, ward)
    assert may_go(session, ward) == {first.id, second.id}
    build.stay(session, ward, patient_row=who)
    assert may_go(session, ward) == set()


def test_what_was_told_lately_keeps_the_record_until_it_can_be_accounted_for_no_more(
    session: Session, ward: Ward
) -> None:
    stay = old_records.gone(session, ward)
    old_records.aged(session)
    old_records.rules(session, ward)
    assert may_go(session, ward) == {stay.id}
    care.consent(session, ward, stay)
    assert may_go(session, ward) == set()


def test_the_name_stays_with_a_unit_where_the_patient_has_another_stay(
    session: Session, ward: Ward
) -> None:
    who = build.patient(session, ward)
    stay_id = old_records.gone(session, ward, patient_row=who).id
    other = stays.admit(
        session,
        ward.staff["olga"].id,
        key=uuid4(),
        patient_id=who.id,
        unit_id=ward.elsewhere.id,
        at=clock.now(),
    )
    old_records.aged(session)
    old_records.rules(session, ward)
    approved(session, ward, asked(session, ward))
    session.expire_all()
    assert session.get(Stay, stay_id) is None
    assert session.get_one(Stay, other.id).patient_id == who.id
    assert session.get(Patient, who.id) is not None


def test_a_disclosure_that_names_others_too_loses_one_line_only(
    session: Session, ward: Ward
) -> None:
    stay, young = (
        old_records.gone(session, ward),
        old_records.gone(session, ward, timedelta(days=366 * 4)),
    )
    care.shared(session, ward, stay)
    told = session.scalars(select(Disclosure)).one()
    session.add(
        DisclosurePatient(
            disclosure_id=told.id,
            stay_id=young.id,
            patient_id=young.patient_id,
            unit_id=young.unit_id,
        )
    )
    old_records.aged(session)
    old_records.rules(session, ward)
    approved(session, ward, asked(session, ward))
    session.expire_all()
    assert session.scalars(select(DisclosurePatient.stay_id)).all() == [young.id]
    assert session.scalars(select(Disclosure)).one()


# --- Who can delete at all ---

FACTS = ("observation", "score", "disclosure", "deletion", "purge", "purge_answer")


def refused(connection: Connection, role: str, statement: Executable) -> bool:
    attempt = connection.begin_nested()
    try:
        connection.execute(text(f"SET LOCAL ROLE {role}"))
        connection.execute(statement)
    except DBAPIError as error:
        return type(error.orig).__name__ in {"InsufficientPrivilege", "RestrictViolation"}
    finally:
        attempt.rollback()
    return False


@pytest.mark.usefixtures("old")
def test_nobody_else_can_delete_and_nobody_can_write_the_log(session: Session, ward: Ward) -> None:
    approved(session, ward, asked(session, ward))
    care.shared(session, ward, old_records.gone(session, ward))
    connection = session.connection()
    for role in ("vigil_app", "vigil_console", "vigil_watch"):
        for table in (*FACTS, "stay", "patient"):
            assert refused(connection, role, TABLES[table].delete()), (role, table)
        becomes = text("SELECT pg_has_role(:role, 'vigil_purger', 'MEMBER')")
        assert connection.scalar(becomes, {"role": role}) is False
    for table in FACTS:
        for deed in (TABLES[table].delete(), TABLES[table].update().values(id=TABLES[table].c.id)):
            assert refused(connection, "vigil_owner", deed), table
    forged = text(
        "INSERT INTO deletion (purge_id, unit_id, rules, deleted)"
        " SELECT id, unit_id, '{}', '{}' FROM purge"
    )
    assert refused(connection, "vigil_app", forged)
    # The purger outside its function sees nothing that it could delete.
    connection.execute(text("SET LOCAL ROLE vigil_purger"))
    for table in ("stay", "observation", "patient"):
        assert connection.execute(TABLES[table].delete()).rowcount == 0
    assert refused(connection, "vigil_purger", TABLES["audit_entry"].delete())
    assert refused(connection, "vigil_purger", TABLES["deletion"].delete())
    connection.execute(text("SET LOCAL ROLE vigil_console"))


def test_the_trail_takes_no_entry_of_a_stay_that_is_not_there(session: Session, ward: Ward) -> None:
    stay = build.stay(session, ward)
    for stay_id, unit_id in ((2_000_000_000, ward.unit.id), (stay.id, ward.elsewhere.id)):
        forged = audit.INSERT_ENTRY.values(
            actor_id=ward.staff["nora"].id,
            action="x.y",
            deed=False,
            unit_id=unit_id,
            stay_id=stay_id,
        )
        with pytest.raises(IntegrityError, match="no such stay"), session.begin_nested():
            session.execute(forged)


# --- On the page ---


def form(ward: Ward, who: str, **fields: str) -> dict[str, str]:
    return {"key": str(uuid4()), **opens(ward.staff[who]), **fields}


def test_two_people_let_it_go_on_the_page_each_with_a_fresh_proof(
    session: Session, ward: Ward, client: Browser, old: Stay
) -> None:
    code, stay_id = session.get_one(Patient, old.patient_id).code, old.id
    pavel, ada = client("pavel"), client("ada")
    ask = form(ward, "pavel")
    assert pavel.post("/privacy/retention/purges", data=ask).status_code == 403
    care.stepped_up(session)
    for _ in range(2):
        assert pavel.post("/privacy/retention/purges", data=ask).status_code == 303
    purge = session.scalars(select(Purge).order_by(Purge.id.desc())).first()
    assert purge is not None
    assert code in pavel.get("/privacy/retention").text
    assert "Take it back" in pavel.get("/privacy/retention").text
    page = ada.get("/privacy/retention").text
    assert "1 stay waits" in page
    assert code not in page, "an administrator sees counts"
    address = f"/privacy/retention/purges/{purge.id}/answer"
    agree = form(ward, "ada", verdict="approved")
    session.execute(update(SignIn).values(stepped_up_until=None))
    assert ada.post(address, data=agree).status_code == 403
    care.stepped_up(session)
    for _ in range(2):
        assert ada.post(address, data=agree).status_code == 303
    session.expire_all()
    assert session.get(Stay, stay_id) is None
    again = ada.post(address, data=form(ward, "ada", verdict="declined"))
    assert again.status_code == 409
    page = pavel.get("/privacy/retention").text
    assert "asked by Pavel Privacy Officer, approved by Ada Administrator" in page
    assert "observation 1" in page
    assert code not in page


def test_it_can_be_declined_or_taken_back_and_asked_for_anew(
    session: Session, ward: Ward, client: Browser, old: Stay
) -> None:
    pavel, ada = client("pavel"), client("ada")

    def ask() -> str:
        care.stepped_up(session)
        assert pavel.post("/privacy/retention/purges", data=form(ward, "pavel")).status_code == 303
        newest = session.scalars(select(func.max(Purge.id))).one()
        return f"/privacy/retention/purges/{newest}/answer"

    first = ask()
    twice = pavel.post("/privacy/retention/purges", data=form(ward, "pavel"))
    assert (twice.status_code, "waits for a second person" in twice.text) == (409, True)
    assert ada.post(first, data=form(ward, "ada", verdict="withdrawn")).status_code == 403
    assert ada.post(first, data=form(ward, "ada", verdict="declined")).status_code == 303
    second = ask()
    assert pavel.post(second, data=form(ward, "pavel", verdict="withdrawn")).status_code == 303
    assert "stay waits" not in pavel.get("/privacy/retention").text
    assert session.scalars(select(Stay.id).where(Stay.id == old.id)).one()
    assert session.scalars(select(Observation.id)).first()
    assert session.scalars(select(Alert.id)).first()
