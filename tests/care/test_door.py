"""The one door: who may be named to whom, what is stamped, and what the ledger holds of it."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.accounts.permissions import Role
from backend.audit.models import AuditEntry
from backend.care.consents import service as consents
from backend.care.consents.models import (
    EndKind,
    PurposeKind,
    RecipientClass,
    RecipientKind,
    RecordKind,
)
from backend.care.disclosures import service as door
from backend.care.disclosures.models import Basis, Disclosure, DisclosurePatient, Verdict, What
from backend.care.disclosures.notice import NOTICE
from backend.care.disclosures.service import Clearance, Grounds, Leaving, Written
from backend.care.sharing import service as sharing
from backend.core import clock
from backend.core.errors import Invalid, NotAllowed, StepUpNeeded, TooMany, UserError
from backend.stays.models import Stay
from tests import build
from tests.care.build import consent, restriction
from tests.people import Ward

BODY = b"what left"
Leaves = Callable[..., Clearance]


@pytest.fixture
def stays(session: Session, ward: Ward) -> list[Stay]:
    """Two patients."""
    return [build.stay(session, ward, bed=bed) for bed in ("7", "8")]


@pytest.fixture
def leaves(session: Session, ward: Ward, stays: list[Stay]) -> Leaves:
    """A report of both leaves, by chen unless somebody else is named."""

    def released(
        who: str = "chen", role: Role = Role.CHARGE_NURSE, *, stepped_up: bool = True, **more: Any
    ) -> Clearance:
        asked: dict[str, Any] = {
            "basis": Basis.TREATMENT,
            "recipient": "Dr Vance",
            "affiliation": "City Hospital",
            "purpose": "ward round",
        }
        leaving: dict[str, Any] = {"what": What.SHIFT_REPORT, "form": "pdf"}
        leaving |= {name: more.pop(name) for name in ("what", "form", "grounds") if name in more}
        until = clock.now() + timedelta(minutes=5)
        actor = Actor(
            id=ward.staff[who].id,
            name=who,
            role=role,
            unit=ward.unit,
            sign_in_id=1,
            stepped_up_until=until if stepped_up else None,
        )
        found: list[Clearance] = []

        def write(clearance: Clearance) -> Written[None]:
            found.append(clearance)
            return Written(value=None, body=lambda: BODY, rows=3)

        whole = Leaving(
            unit=ward.unit,
            by=actor.id,
            actor=actor,
            whose={one.id: one.patient_id for one in stays},
            **{"grounds": Grounds(**asked | more)} | leaving,
        )
        door.release(session, whole, write)
        return found[0]

    return released


def ledger(session: Session) -> list[Disclosure]:
    return list(session.scalars(select(Disclosure).order_by(Disclosure.id)))


def named(session: Session) -> dict[int, int | None]:
    rows = session.scalars(select(DisclosurePatient))
    return {row.stay_id: row.consent_id for row in rows}


def test_nobody_is_named_without_grounds(session: Session, leaves: Leaves) -> None:
    clearance = leaves(grounds=None, stepped_up=False)
    assert clearance.named == {}
    assert clearance.stamp.notice == NOTICE
    (entry,) = ledger(session)
    assert (entry.basis, entry.recipient, named(session)) == (Basis.CODED, "", {})


def test_what_leaves_with_names_stands_in_the_ledger_with_its_bytes(
    session: Session, ward: Ward, stays: list[Stay], leaves: Leaves
) -> None:
    clearance = leaves()
    assert set(clearance.named) == {one.id for one in stays}
    assert "for Dr Vance (City Hospital). Purpose: ward round." in clearance.stamp.grounds
    (entry,) = ledger(session)
    assert (entry.by_id, entry.unit_id) == (ward.staff["chen"].id, ward.unit.id)
    assert (entry.recipient, entry.affiliation, entry.purpose) == (
        "Dr Vance",
        "City Hospital",
        "ward round",
    )
    assert (entry.sha256, entry.row_count) == (hashlib.sha256(BODY).hexdigest(), 3)
    assert set(named(session)) == {one.id for one in stays}


@pytest.mark.parametrize("missing", ["recipient", "affiliation", "purpose"])
def test_names_go_to_somebody_for_something(session: Session, leaves: Leaves, missing: str) -> None:
    with pytest.raises(Invalid):
        leaves(**{missing: ""})
    assert ledger(session) == []


@pytest.mark.parametrize("basis", [Basis.CODED, Basis.EMERGENCY, Basis.PATIENT])
def test_a_report_leaves_on_no_ground_that_is_not_its_own(
    session: Session, leaves: Leaves, basis: Basis
) -> None:
    """In an emergency there is a form of its own; a patient's own request is not for a ward."""
    with pytest.raises(Invalid):
        leaves(basis=basis)
    assert ledger(session) == []


def test_nothing_leaves_for_a_court_but_through_the_privacy_officer(
    session: Session, leaves: Leaves
) -> None:
    with pytest.raises(NotAllowed, match="privacy officer"):
        leaves(basis=Basis.LEGAL)
    with pytest.raises(NotAllowed):  # the officer's role alone does not open a ward's report
        leaves(who="pavel", role=Role.PRIVACY_OFFICER, basis=Basis.LEGAL)
    assert ledger(session) == []
    assert refused(session) == 2


def refused(session: Session) -> int:
    found = select(func.count()).where(AuditEntry.action == "disclosure.refused")
    return session.scalars(found).one()


def test_names_need_the_permission_and_a_fresh_proof(session: Session, leaves: Leaves) -> None:
    with pytest.raises(NotAllowed):
        leaves(who="nora", role=Role.NURSE)
    with pytest.raises(StepUpNeeded):
        leaves(stepped_up=False)
    assert ledger(session) == []


def test_on_consent_only_those_are_named_whose_consent_covers_it(
    session: Session, ward: Ward, stays: list[Stay], leaves: Leaves
) -> None:
    with pytest.raises(NotAllowed, match="No consent that stands"):
        leaves(basis=Basis.CONSENT)
    given = consent(session, ward, stays[0])
    consent(session, ward, stays[1], recipient="Dr Other")
    clearance = leaves(basis=Basis.CONSENT)
    assert clearance.named == {stays[0].id: given.id}
    assert "Named: 1 of 2 patients" in clearance.stamp.grounds
    assert "can be revoked at any time" in clearance.stamp.grounds
    assert named(session) == {stays[0].id: given.id}


@pytest.mark.parametrize(
    "signed",
    [
        {"scope": (RecordKind.IDENTITY,)},
        {"recipient": "Dr Other"},
        {"recipient_kind": RecipientKind.CLASS, "recipient": RecipientClass.PLANS.value},
        {"purpose_kind": PurposeKind.SPECIFIC, "purpose": "a study"},
    ],
    ids=str,
)
def test_outside_what_was_signed_nothing_leaves_and_the_refusal_is_on_record(
    session: Session, ward: Ward, stays: list[Stay], leaves: Leaves, signed: dict[str, Any]
) -> None:
    consent(session, ward, stays[0], **signed)
    with pytest.raises(NotAllowed):
        leaves(basis=Basis.CONSENT)
    assert ledger(session) == []
    assert refused(session) == 1


def test_after_its_last_day_a_consent_covers_nothing(
    session: Session, ward: Ward, stays: list[Stay], leaves: Leaves
) -> None:
    consent(session, ward, stays[0], expires_on=clock.now().date() + timedelta(days=3))
    assert leaves(basis=Basis.CONSENT).named
    with clock.as_if(clock.now() + timedelta(days=5)), pytest.raises(UserError):
        leaves(basis=Basis.CONSENT)


def test_from_its_revocation_on_a_consent_covers_nothing_and_what_left_stays_on_record(
    session: Session, ward: Ward, stays: list[Stay], leaves: Leaves
) -> None:
    given = consent(session, ward, stays[0])
    leaves(basis=Basis.CONSENT)
    consents.end(
        session,
        ward.staff["nora"].id,
        stays[0],
        key=uuid4(),
        consent_id=given.id,
        kind=EndKind.REVOKED,
        said_how="by word",
    )
    with pytest.raises(NotAllowed):
        leaves(basis=Basis.CONSENT)
    assert len(ledger(session)) == 1


@pytest.mark.parametrize("basis", [Basis.TREATMENT, Basis.AUDIT, Basis.CONSENT])
def test_whoever_asked_for_it_leaves_with_no_name_whatever_the_ground(
    session: Session, ward: Ward, stays: list[Stay], leaves: Leaves, basis: Basis
) -> None:
    for one in stays:
        consent(session, ward, one)
    wish = restriction(session, ward, stays[0])
    assert set(leaves(basis=basis).named) == {stays[1].id}
    sharing.answer_restriction(
        session,
        ward.staff["pavel"].id,
        stays[0],
        key=uuid4(),
        restriction_id=wish,
        verdict=Verdict.LIFTED,
        reason="The patient changed their mind.",
    )
    assert set(leaves(basis=basis).named) == {one.id for one in stays}


@pytest.mark.parametrize(("about", "kept"), [("dr vance", 1), ("City  hospital", 1), ("Other", 0)])
def test_a_wish_about_one_recipient_holds_for_that_one(  # noqa: PLR0917 (fixtures)
    session: Session, ward: Ward, stays: list[Stay], leaves: Leaves, about: str, kept: int
) -> None:
    restriction(session, ward, stays[0], recipient=about)
    assert len(leaves().named) == 2 - kept


def test_nobody_takes_more_files_than_anybody_reads(
    session: Session, leaves: Leaves, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "MOST_FILES_AN_HOUR", 2)
    leaves()
    leaves(grounds=None)
    with pytest.raises(TooMany):
        leaves(grounds=None)
    leaves(who="priya", role=Role.PHYSICIAN)
    assert (len(ledger(session)), refused(session)) == (3, 1)
