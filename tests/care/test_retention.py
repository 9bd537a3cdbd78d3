"""How long a unit keeps what, what a hold keeps longer, and that nothing goes by itself."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker
from typer.testing import CliRunner

from backend.care.retention import queries, service
from backend.care.retention.models import Kept, LegalHold
from backend.cli import app
from backend.core import clock
from backend.core.errors import Conflict, Invalid
from backend.patients.models import Patient
from backend.stays import service as stays
from backend.stays.models import DischargeReason, Stay
from tests import build, people
from tests.conftest import sessions_on
from tests.people import Ward

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def gone(session: Session, ward: Ward) -> list[Stay]:
    """Two patients who went home eight and four years ago, and one who is here."""
    made = []
    for years in (8, 4):
        at = NOW - timedelta(days=366 * years)
        stay = build.stay(session, ward, bed=None, admitted_at=at)
        nora = ward.staff["nora"].id
        stays.discharge(
            session, nora, stay, at=at + timedelta(days=3), reason=DischargeReason.COMPLETED
        )
        made.append(stay)
    build.stay(session, ward)
    return made


def rule(session: Session, ward: Ward, years: int, kept: Kept = Kept.RECORD) -> None:
    service.set_rule(
        session,
        ward.staff["pavel"].id,
        unit_id=ward.unit.id,
        kept=kept,
        years=years,
        source="42 CFR 482.24(b)(1)",
    )


def counted(session: Session, ward: Ward) -> tuple[int, int]:
    found = queries.past_their_time(session, ward.unit, NOW)
    (record,) = (one for one in found if one.kept is Kept.RECORD)
    return record.rows, record.held


@pytest.mark.usefixtures("gone")
def test_without_a_rule_everything_is_kept_for_ever(session: Session, ward: Ward) -> None:
    assert counted(session, ward) == (0, 0)


@pytest.mark.usefixtures("gone")
def test_what_is_past_its_time_is_counted_by_the_newest_rule(session: Session, ward: Ward) -> None:
    rule(session, ward, 5)
    assert counted(session, ward) == (1, 0)
    rule(session, ward, 10)
    assert counted(session, ward) == (0, 0)


def hold(session: Session, ward: Ward, stay: Stay | None = None) -> LegalHold:
    return service.hold(
        session,
        ward.staff["pavel"].id,
        key=uuid4(),
        unit_id=ward.unit.id,
        reason="a complaint",
        stay=stay,
    )


def test_a_hold_keeps_one_stay_or_the_whole_unit_until_it_is_lifted(
    session: Session, ward: Ward, gone: list[Stay]
) -> None:
    rule(session, ward, 5)
    of_other = hold(session, ward, gone[1])
    assert counted(session, ward) == (1, 0)
    of_this = hold(session, ward, gone[0])
    assert counted(session, ward) == (1, 1)
    pavel = ward.staff["pavel"].id
    for one in (of_this, of_other):
        service.lift(session, pavel, unit_id=ward.unit.id, hold_id=one.id, reason="settled")
    assert counted(session, ward) == (1, 0)
    hold(session, ward)
    assert counted(session, ward) == (1, 1)


def test_a_hold_is_lifted_once_and_only_on_its_own_unit(session: Session, ward: Ward) -> None:
    made, pavel = hold(session, ward), ward.staff["pavel"].id
    with pytest.raises(Conflict):
        service.lift(session, pavel, unit_id=ward.elsewhere.id, hold_id=made.id, reason="no")
    service.lift(session, pavel, unit_id=ward.unit.id, hold_id=made.id, reason="settled")
    with pytest.raises(Conflict):
        service.lift(session, pavel, unit_id=ward.unit.id, hold_id=made.id, reason="settled")


@pytest.mark.parametrize(
    ("kept", "years"),
    [(Kept.RECORD, 4), (Kept.SHARING, 2), (Kept.AUDIT, 5), (Kept.AUDIT, 101), (Kept.AUDIT, -1)],
)
def test_nothing_is_kept_for_less_than_the_law_wants(
    session: Session, ward: Ward, kept: Kept, years: int
) -> None:
    with pytest.raises(Invalid):
        rule(session, ward, years, kept)


def test_from_a_leap_day_the_28th() -> None:
    leap = datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert queries.years_before(leap, ZoneInfo("UTC"), 5).date().isoformat() == "2023-02-28"


# --- The command ---

Vigil = Callable[..., tuple[int, str]]


@pytest.fixture
def sessions(
    fresh_database: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[sessionmaker[Session]]:
    with sessions_on(fresh_database) as made:
        monkeypatch.setattr("backend.cli.retention.console_session", made)
        yield made


def test_the_command_sets_rules_and_holds_and_reports_without_deleting(
    sessions: sessionmaker[Session],
) -> None:
    with sessions.begin() as session:
        ward = people.the_ward(session)
        at = clock.now() - timedelta(days=366 * 7)
        stay = build.stay(session, ward, bed=None, admitted_at=at)
        stays.discharge(
            session,
            ward.staff["nora"].id,
            stay,
            at=at + timedelta(days=3),
            reason=DischargeReason.COMPLETED,
        )
        code = session.get_one(Patient, stay.patient_id).code

    def vigil(*words: str) -> str:
        done = CliRunner().invoke(app, ["retention", *words])
        assert done.exit_code == 0, done.output
        return done.output

    unit = ("--unit", "lantern")
    assert "no rule, so it is kept for ever" in vigil("report", *unit)
    what = ("--what", "clinical record", "--years", "5", "--source", "42 CFR 482.24")
    assert "keeps the clinical record for 5 years" in vigil("rule", *unit, *what)
    vigil("hold", *unit, "--reason", "a complaint", "--code", code)
    told = vigil("report", *unit)
    assert "clinical record: 1 from before" in told
    assert "1 under a hold (5 years: 42 CFR 482.24)" in told
    assert "a complaint" in told
    assert "Pennywhistle" not in told
    with sessions() as session:
        (held,) = session.scalars(select(LegalHold.id))
        assert session.scalars(select(Stay.id)).all() == [stay.id]
    vigil("lift", str(held), *unit, "--reason", "settled")
    assert "0 under a hold" in vigil("report", *unit)
    refused = CliRunner().invoke(app, ["retention", "hold", *unit, "--reason", " "])
    assert refused.exit_code == 1
