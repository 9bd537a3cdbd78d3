"""The second wall: as the web's own role, with plain SQL, every table shows one unit or nothing.

The tables come from the database's catalogue, so that a new one without a policy fails here.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import ColumnElement, Connection, Executable, Insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from backend.accounts.permissions import Role
from backend.accounts.resets import service as resets
from backend.accounts.units.models import Bed
from backend.care.counselling import service as counselling
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.main import tables
from backend.observations.events import service as happened
from backend.observations.events.models import EventKind
from backend.protocols import queries as protocols
from backend.rounds.assignments import service as assignments
from backend.rounds.door_tags import service as door_tags
from backend.rounds.leave import service as leaves
from backend.rounds.nights import service as nights
from backend.rounds.nights.models import NightKind
from backend.rounds.safety import service as safety
from backend.stays import service as stays
from backend.stays.leave.facts import Facts
from backend.stays.leave.models import Away
from backend.stays.models import DischargeReason, Stay
from tests import build
from tests.care import build as care
from tests.people import Ward

TABLES = tables.metadata.tables
# Tables whose rows every request may read, and why.
OPEN = {
    "alembic_version": "the number of the newest migration",
    "beat": "when the watch was last awake",
    "audit_batch": "hashes and counts over the entries of all units",
    "audit_anchor": "when the head of that chain was sent where; failures name no patient",
    "audit_check": "what the nightly check found: numbers of batches and times",
    "instrument_definition": "published scales, the same for everybody",
    "instrument_document": "scales that the site has loaded, the same for everybody",
    "definition_content": "fingerprints of published scales, the same for everybody",
    "unit": "read before anybody is known, to sign in",
    "staff": "read before anybody is known, to sign in; people work on several units",
    "posting": "read before anybody is known; ended on every unit at once when somebody leaves",
    "duty": "read before anybody is known, together with the posting",
    "staff_restriction": "read before anybody is known, together with the posting",
    "sign_in": "read before anybody is known; ended on every unit at once when somebody leaves",
    "failed_try": "written before anybody is known; holds the hash of a login name and a time",
    "authenticator": "read before anybody is let in; belongs to a person, wherever they work",
    "recovery_code": "read before anybody is let in; belongs to a person, wherever they work",
    "hospital_identity": "read before anybody is known; belongs to a person, wherever they work",
    "spent_answer": "written before anybody is known; holds the hash of a token",
    "passkey": "read before anybody is known; belongs to a person, wherever they work",
    "passkey_challenge": "written before anybody is known; holds the hash of a challenge",
    "link": "read before anybody is known; holds the hash of a token",
    "tries_forgiven": "read before anybody is known; holds the hash of a login name and a time",
    "workstation": "read before anybody is known, as its cookie; names a machine and no patient",
    "pin": "tried before anybody is let in; belongs to a person, wherever they work",
    "device": "read before anybody is known; revoked on every unit at once when it must be",
}
PLAIN = "(unit_id = ( SELECT unit_on_duty() AS unit_on_duty))"
# Policies that say more than that, and why.
BROADER = {
    "patient": "a patient who comes to another unit brings their name and allergies along",
    "risk_flag": "follows the patient",
    "audit_entry": "what is of no unit may be written by anybody, and read by nobody on a unit",
}
# Changes to a copied row that keep it out of the way of what must be unique.
ASIDE: dict[str, dict[str, Any]] = {
    "absence": {"ended_at": "2001-01-01"},
    "alert": {"rule": "another"},
    "assignment": {"ended_at": "2001-01-01"},
    "door_tag": {"replaced_at": "2001-01-01", "code": "another-opaque-code"},
    "factor_reset": {"ended_at": "2001-01-01"},
    "glass_review": {"outcome": "follow up"},
    "night_order": {"ended_at": "2101-01-01"},
    "observation_order": {"instrument": "another"},
    "round": {"state": "cancelled"},
    "round_step": {"state": "cancelled"},
    "score": {"instrument": "another"},
    "placement": {"from_at": "2001-01-01", "until_at": "2001-01-02"},
    "stay": {
        "admitted_at": "2001-01-01",
        "discharged_at": "2001-01-02",
        "discharge_reason": "died",
    },
}


@pytest.fixture
def there(session: Session, ward: Ward) -> Ward:
    """The other unit, seen from there."""
    beds = session.scalars(select(Bed).where(Bed.unit_id == ward.elsewhere.id))
    return replace(
        ward,
        unit=ward.elsewhere,
        elsewhere=ward.unit,
        beds={bed.label: bed for bed in beds},
        staff={**ward.staff, "nora": ward.staff["olga"]},
    )


@pytest.fixture
def lived(session: Session, ward: Ward, there: Ward) -> Connection:
    """An ill patient on each unit: rows in every table of the record."""
    for on in (ward, there):
        low = Vitals(respiratory_rate_per_min=28, spo2_percent=90, pulse_per_min=128)
        who = build.patient(session, on, risks=("seizures",))
        stay = build.stay(session, on, orders={"ciwa-b": 240, "news2": 240}, patient_row=who)
        build.recorded(session, on, stay, vitals=low, answers=build.ciwa_b(45))
        happened.record(
            session,
            on.staff["nora"].id,
            stay,
            key=uuid4(),
            kind=EventKind.FALL,
        )
        counselling.write(session, on.staff["theo"].id, stay, key=uuid4(), text="We talked.")
        care.shared(session, on, stay)
        resets.ask(
            session,
            ward.staff["ada"].id,
            ward.staff["nora" if on is ward else "olga"],
            unit_id=on.unit.id,
            role=Role.ADMINISTRATOR,
            reason="telephone lost",
            now=clock.now(),
        )
        assignments.assign(
            session,
            on.staff["nora"].id,
            key=uuid4(),
            unit_id=on.unit.id,
            stay_ids=[stay.id],
            staff_id=on.staff["nora"].id,
            from_at=clock.now(),
            until_at=clock.now() + timedelta(hours=8),
        )
        safety.record(
            session,
            on.staff["nora"].id,
            stay,
            key=uuid4(),
            look=safety.Look(answers={"place": "D", "doing": "A"}),
        )
        door_tags.make_missing(session, on.staff["nora"].id, on.unit.id, now=clock.now())
        gone = Facts(
            why=Away.PASS, left_at=clock.now(), expected_at=clock.now() + timedelta(hours=1)
        )
        leaves.leave(session, on.staff["nora"].id, stay, key=uuid4(), facts=gone)
        nights.order(
            session,
            on.staff["priya"].id,
            stay,
            key=uuid4(),
            kind=NightKind.SPO2,
            at=clock.now(),
            in_force=protocols.in_force(session, on.unit.id, at=clock.now()),
        )
        session.flush()
    return session.connection()


@contextmanager
def on_duty(connection: Connection, unit_id: int | None) -> Iterator[None]:
    """The web's role on this unit."""
    connection.execute(
        text("SELECT set_config('vigil.unit_id', :unit, true)"),
        {"unit": "" if unit_id is None else str(unit_id)},
    )
    connection.execute(text("SET LOCAL ROLE vigil_app"))
    try:
        yield
    finally:
        connection.execute(text("SET LOCAL ROLE vigil_console"))


def _catalogue(connection: Connection) -> dict[str, bool]:
    rows = connection.execute(
        text(
            "SELECT relname, relrowsecurity FROM pg_class"
            " WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        )
    )
    return {row.relname: row.relrowsecurity for row in rows}


def _kept(connection: Connection) -> list[str]:
    return sorted(name for name, kept in _catalogue(connection).items() if kept)


def _ids(connection: Connection, table: str) -> set[int]:
    return set(connection.scalars(select(TABLES[table].c.id)))


def _ids_of(connection: Connection, table: str, unit_id: int) -> set[int]:
    """Asked by the role that sees everything."""
    stays_there = select(Stay.patient_id).where(Stay.unit_id == unit_id)
    columns = TABLES[table].c
    belongs: ColumnElement[bool]
    match table:
        case "risk_flag":
            belongs = columns.patient_id.in_(stays_there)
        case "patient":
            belongs = (columns.unit_id == unit_id) | columns.id.in_(stays_there)
        case _:
            belongs = columns.unit_id == unit_id
    return set(connection.scalars(select(columns.id).where(belongs)))


def test_every_table_is_kept_to_its_unit_or_says_why_not(session: Session) -> None:
    connection = session.connection()
    found = _catalogue(connection)
    assert len(found) >= 20
    assert {name for name, kept in found.items() if not kept} == set(OPEN)
    policies = connection.execute(
        text(
            "SELECT tablename, qual, with_check, permissive FROM pg_policies"
            " WHERE 'vigil_app' = ANY(roles) OR 'public' = ANY(roles)"
        )
    ).all()
    assert {row.tablename for row in policies} == set(_kept(connection))
    for row in policies:
        assert row.tablename in BROADER or row.qual == PLAIN, row
        assert row.qual not in {"true", "(true)"}, row


def test_the_role_that_serves_neither_owns_nor_bypasses(session: Session) -> None:
    connection = session.connection()
    for role in ("vigil_app", "vigil_watch", "vigil_console"):
        row = connection.execute(
            text(
                "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolcanlogin"
                " FROM pg_roles WHERE rolname = :role"
            ),
            {"role": role},
        ).scalar_one()
        assert row is False, role
        owned = connection.execute(
            text("SELECT count(*) FROM pg_class WHERE pg_get_userbyid(relowner) = :role"),
            {"role": role},
        ).scalar_one()
        assert owned == 0, role
    become = text("SELECT pg_has_role('vigil_app', :role, 'MEMBER')")
    for role in ("vigil_owner", "vigil_watch", "vigil_console"):
        assert connection.execute(become, {"role": role}).scalar_one() is False


def test_a_unit_sees_its_own_rows_and_no_others(lived: Connection, ward: Ward, there: Ward) -> None:
    seen = {}
    for table in _kept(lived):
        ours, theirs = (_ids_of(lived, table, on.unit.id) for on in (ward, there))
        assert not ours & theirs
        with on_duty(lived, ward.unit.id):
            assert _ids(lived, table) == ours, table
        with on_duty(lived, there.unit.id):
            assert _ids(lived, table) == theirs, table
        seen[table] = bool(ours and theirs)
    # These at least have rows on both units: the test saw something.
    assert {table for table, both in seen.items() if both} >= {
        "alert", "alert_step", "audit_entry", "bed", "observation", "observation_order", "patient",
        "placement", "risk_flag", "round", "round_step", "score", "stay", "unit_protocol",
    }  # fmt: skip


def test_without_a_unit_nothing_is_seen(lived: Connection) -> None:
    for table in _kept(lived):
        with on_duty(lived, None):
            assert _ids(lived, table) == set(), table


def _copy(connection: Connection, table: str, row_id: int, changes: Mapping[str, Any]) -> Insert:
    """A statement that adds the row again, with changes, by the columns that the web may write."""
    may = text(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'public'"
        " AND table_name = :table AND column_name <> 'id'"
        " AND has_column_privilege('vigil_app', quote_ident(:table), column_name, 'INSERT')"
    )
    columns = connection.scalars(may, {"table": table}).all()
    stored = select(TABLES[table]).where(TABLES[table].c.id == row_id)
    row = connection.execute(stored).mappings().one()
    fresh = {"key": uuid4()} | ASIDE.get(table, {}) | dict(changes)
    values = {name: fresh.get(name, row[name]) for name in columns}
    return TABLES[table].insert().inline().values(**values)


def _wall(connection: Connection, statement: Executable) -> str:
    """Which wall it met; "" when nothing stood in the way. Nothing is kept."""
    attempt = connection.begin_nested()
    try:
        connection.execute(statement)
    except DBAPIError as error:
        what = type(error.orig).__name__
        return "row-level security" if "row-level security" in str(error.orig) else what
    finally:
        attempt.rollback()
    return ""


def test_a_row_for_another_unit_is_refused(lived: Connection, ward: Ward, there: Ward) -> None:
    tried = set()
    for table in _kept(lived):
        for row_id in sorted(_ids_of(lived, table, there.unit.id))[-1:]:
            forged = _copy(lived, table, row_id, {})
            for unit_id in (ward.unit.id, None):
                with on_duty(lived, unit_id):
                    assert _wall(lived, forged) == "row-level security", table
            tried.add(table)
    assert len(tried) >= 14


def test_what_is_of_another_unit_can_be_neither_moved_nor_fetched(
    lived: Connection, ward: Ward, there: Ward
) -> None:
    tried = set()
    for table in _kept(lived):
        may_move = text("SELECT has_table_privilege('vigil_app', quote_ident(:table), 'UPDATE')")
        if not lived.scalar(may_move, {"table": table}):
            continue
        (theirs, *_), (ours, *_) = (
            sorted(_ids_of(lived, table, on.unit.id)) for on in (there, ward)
        )
        with on_duty(lived, ward.unit.id):
            columns = TABLES[table].c
            touch = update(TABLES[table]).where(columns.id == theirs).values(id=columns.id)
            assert lived.execute(touch).rowcount == 0, table
            if "unit_id" in columns:
                away = update(TABLES[table]).where(columns.id == ours)
                walls = {"row-level security", "ForeignKeyViolation"}
                assert _wall(lived, away.values(unit_id=there.unit.id)) in walls, table
        tried.add(table)
    assert len(tried) >= 6


def test_a_patient_who_comes_to_another_unit_is_seen_there_and_nothing_else_of_them(
    session: Session, lived: Connection, ward: Ward, there: Ward
) -> None:
    stay = session.scalars(select(Stay).where(Stay.unit_id == ward.unit.id)).first()
    assert stay is not None
    with on_duty(lived, there.unit.id):
        assert stay.patient_id not in _ids(lived, "patient")
    stays.discharge(
        session, ward.staff["nora"].id, stay, at=clock.now(), reason=DischargeReason.TRANSFERRED
    )
    come = stays.admit(
        session,
        there.staff["olga"].id,
        key=uuid4(),
        patient_id=stay.patient_id,
        unit_id=there.unit.id,
        at=clock.now(),
    )
    session.flush()
    with on_duty(lived, there.unit.id):
        assert stay.patient_id in _ids(lived, "patient")
        assert lived.scalar(
            text("SELECT label FROM risk_flag WHERE patient_id = :id"), {"id": stay.patient_id}
        )
        mine = text("SELECT id FROM stay WHERE patient_id = :id")
        assert lived.scalars(mine, {"id": stay.patient_id}).all() == [come.id]


# What ties a row to its patient: these columns stand together in one foreign key.
TOGETHER = (
    ("stay_id", "patient_id"),
    ("stay_id", "unit_id"),
    ("observation_id", "stay_id"),
    ("bed_id", "unit_id"),
    ("protocol_id", "unit_id"),
    ("order_id", "stay_id"),
    ("alert_id", "unit_id"),
    ("round_id", "unit_id"),
    ("glass_id", "unit_id"),
)


@pytest.mark.parametrize("pair", TOGETHER, ids="+".join)
def test_a_child_is_tied_to_patient_stay_and_unit(pair: tuple[str, str]) -> None:
    tied = []
    for name, table in TABLES.items():
        # The trail outlives the stay: what it names is looked for when it is written.
        if set(pair) <= set(table.columns.keys()) and name != "audit_entry":
            keys = [set(key.column_keys) for key in table.foreign_key_constraints]
            assert any(set(pair) <= key for key in keys), f"{name} does not tie {pair} together"
            tied.append(name)
    assert tied


def test_a_row_of_the_wrong_patient_is_refused_whoever_writes_it(
    session: Session, lived: Connection, ward: Ward
) -> None:
    """Another patient of the same unit: row-level security does not help here, the keys do."""
    other = build.stay(session, ward, bed="8", orders={"cows": 240})
    session.flush()
    tried = set()
    for name, table in TABLES.items():
        # These hold no second word of whose they are.
        alone = {"placement", "assignment", "audit_entry", "legal_hold"}
        if "stay_id" not in table.columns or name in alone:
            continue
        ours = select(table.c.id).where(table.c.unit_id == ward.unit.id).order_by(table.c.id)
        row_id = lived.scalars(ours).first()
        assert row_id is not None, f"{name}: say in lived() how a row of it comes to be"
        for column, wrong in (("patient_id", other.patient_id), ("stay_id", other.id)):
            if column not in table.columns:
                continue
            forged = _copy(lived, name, row_id, {column: wrong})
            assert _wall(lived, forged) == "ForeignKeyViolation", (name, column)
            tried.add(name)
    assert tried >= {"alert", "alert_step", "observation", "observation_order", "round", "score"}
