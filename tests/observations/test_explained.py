"""An old alert explains itself identically, whatever the unit has decided or corrected since."""

import copy
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from backend.alerts import queries as alerts
from backend.alerts import service as alert_service
from backend.alerts.models import Alert, StepKind
from backend.audit.models import AuditEntry
from backend.cli import app
from backend.clinical import absence, deterioration, refusal
from backend.clinical.vitals import Vitals
from backend.core import clock
from backend.core.errors import NotFound
from backend.observations import explained, queries, service
from backend.observations.events import service as events
from backend.observations.events.models import EventKind
from backend.patients.models import Patient
from backend.protocols import queries as protocols
from backend.protocols.models import UnitProtocol
from backend.protocols.service import DEFAULT
from backend.stays.models import Stay
from tests import build
from tests.people import Ward


@pytest.fixture(autouse=True)
def _nothing_parsed_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test adopts is rolled back, and its number may be another's in another database."""
    monkeypatch.setattr("backend.protocols.queries._parsed", {})


@pytest.fixture
def stay(session: Session, ward: Ward) -> Stay:
    return build.stay(session, ward, bed="7")


def other_protocol(session: Session, ward: Ward) -> None:
    """From now on CIWA-B is flagged by nothing, and NEWS2 from 3."""
    document: dict[str, Any] = copy.deepcopy(tomllib.loads(DEFAULT.read_text("utf-8")))
    document["rules"] = [rule for rule in document["rules"] if "ciwa-b" not in rule["id"]]
    document["rules"][1]["params"]["total"] = 3
    session.add(
        UnitProtocol(
            unit_id=ward.unit.id,
            version=2,
            name="Another",
            document=document,
            drafted_by=ward.staff["ada"].id,
            approved_by=ward.staff["vera"].id,
            effective_at=clock.now() - timedelta(days=2),
        )
    )
    session.flush()


def rising(session: Session, ward: Ward, stay: Stay) -> Alert:
    """18, 26, 45: one band up, and severe."""
    for hours, total in ((9, 18), (5, 26), (0.2, 45)):
        at = clock.now() - timedelta(hours=hours)
        build.recorded(session, ward, stay, answers=build.ciwa_b(total), observed_at=at)
    found = [a for a in alerts.open_on_stay(session, stay.id) if a.rule == "band-severe/ciwa-b"]
    return found[0]


def test_an_old_alert_explains_itself_identically_after_the_protocol_changed(
    session: Session, ward: Ward, stay: Stay
) -> None:
    alert = rising(session, ward, stay)
    before = explained.explain(session, alert.id)
    other_protocol(session, ward)
    in_force = protocols.in_force(session, ward.unit.id, at=clock.now())
    assert in_force.version == 2
    after = explained.explain(session, alert.id)
    assert after == before
    (told,) = after.told
    assert (told.differs, told.protocol_version, told.rule_version) == ("", 1, 1)
    assert told.sentence == "CIWA-B is 45: severe (usual form)."
    assert [value["value"] for value in told.before] == ["18", "26"]
    assert re.fullmatch(r"\+\d\.\d\d per h over 3 sets, 8 h \d\d", told.slope)


def test_a_correction_does_not_change_what_was_true_to_say(
    session: Session, ward: Ward, stay: Stay
) -> None:
    alert = rising(session, ward, stay)
    assert alert.observation_id is not None
    service.entered_in_error(
        session,
        ward.staff["nora"].id,
        stay,
        key=uuid4(),
        supersedes_id=alert.observation_id,
        reason="wrong patient",
    )
    assert [one.differs for one in explained.explain(session, alert.id).told] == [""]


def test_what_was_told_otherwise_than_the_rule_says_is_pointed_out(
    session: Session, ward: Ward, stay: Stay
) -> None:
    """As an alert would be that somebody had made up."""
    build.recorded(session, ward, stay, answers=build.ciwa_b(45))
    course = [one.id for one in queries.course(session, stay.id)]
    for sentence, told in (
        ("CIWA-B is 44: severe (usual form).", "Asked again, it says: CIWA-B is 45"),
        (None, ""),
    ):
        (verdict,) = (
            one
            for one in deterioration.verdicts(
                queries.course(session, stay.id),
                protocols.in_force(session, ward.unit.id, at=clock.now()).protocol,
                now=clock.now(),
            )
            if one.rule == "band-severe/ciwa-b"
        )
        asked: dict[str, Any] = {"kind": "course", "now": clock.now().isoformat(), "sets": course}
        alert = raised(session, ward, stay, verdict, asked=asked, sentence=sentence)
        found = explained.explain(session, alert.id).told[-1]
        assert found.differs.startswith(told)
        assert bool(found.differs) is bool(told)


def raised(
    session: Session, ward: Ward, stay: Stay, verdict: deterioration.Verdict, **changed: Any
) -> Alert:
    changes = {name: value for name, value in changed.items() if value is not None}
    now = clock.now()
    return alert_service.raise_alert(
        session,
        stay=stay,
        verdict=replace(verdict, **changes),
        protocol_id=protocols.in_force(session, ward.unit.id, at=now).id,
        now=now,
        actor_id=ward.staff["nora"].id,
    )


def test_every_kind_of_alert_can_be_asked_again(session: Session, ward: Ward, stay: Stay) -> None:
    """Sets, what was overdue, refused, not back, happened, and what could not be evaluated."""
    now = clock.now()
    unit = protocols.in_force(session, ward.unit.id, at=now).protocol
    row = build.recorded(session, ward, stay, vitals=Vitals(respiratory_rate_per_min=7))
    events.record(session, ward.staff["nora"].id, stay, key=uuid4(), kind=EventKind.FALL)
    for verdict in (
        deterioration.overdue(
            unit,
            instrument="ciwa-b",
            interval_minutes=240,
            missed_in_a_row=2,
            state="missed",
            due_at=now,
        ),
        refusal.refused(unit, instrument="news2", times=2, refused_at=now, observation_id=row.id),
        absence.overdue(unit, absence.REASONS["pass"], expected_at=now, at_words="02:10"),
        deterioration.cannot_evaluate("rounds"),
        deterioration.cannot_evaluate("rules", ["CIWA-B severe", "COWS severe"]),
    ):
        assert verdict is not None
        raised(session, ward, stay, verdict)
    found = alerts.open_on_stay(session, stay.id)
    assert {alert.rule.partition("/")[0] for alert in found} >= {
        "breathing-8", "event", "overdue", "refused", "overdue-return",
        "cannot-evaluate",
    }  # fmt: skip
    for alert in found:
        told = explained.explain(session, alert.id).told
        assert [(one.kind, one.differs) for one in told] == [(StepKind.RAISED, "")], alert.rule


def test_there_is_no_such_alert(session: Session) -> None:
    with pytest.raises(NotFound):
        explained.explain(session, 10**12)


def test_the_command_tells_it_without_a_name_and_leaves_a_trace(
    session: Session, ward: Ward, stay: Stay, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Sessions:
        @contextmanager
        def begin(self) -> Iterator[Session]:
            yield session

    alert = rising(session, ward, stay)
    monkeypatch.setattr("backend.cli.alerts.console_session", Sessions())
    done = CliRunner().invoke(app, ["alerts", "explain", str(alert.id)])
    assert done.exit_code == 0, done.output
    for words in (
        f"Alert {alert.id}: CIWA-B severe. Rule band-severe/ciwa-b, urgent.",
        "before   CIWA-B 26",
        "protocol “Vigil default” 1",
        "again    the same",
    ):
        assert words in done.stdout
    patient = session.get_one(Patient, stay.patient_id)
    assert patient.family_name not in done.stdout
    entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "audit.viewed")).one()
    assert entry.stay_id == stay.id
    none = CliRunner().invoke(app, ["alerts", "explain", "999999999"])
    assert (none.exit_code, none.stderr) == (1, "Error: There is no such alert.\n")
