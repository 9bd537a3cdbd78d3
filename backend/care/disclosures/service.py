"""The one door: what leaves is checked, stamped and written into the ledger, or does not leave."""

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.accounts.permissions import Permission
from backend.accounts.units.models import Unit
from backend.audit import service as audit
from backend.care.consents import queries as consents
from backend.care.consents.models import PurposeKind, RecordKind
from backend.care.consents.scope import Wanted, covers
from backend.care.disclosures import queries
from backend.care.disclosures.models import Basis, Disclosure, DisclosurePatient, What
from backend.care.disclosures.notice import CODED, NOTICE, Stamp
from backend.core import clock
from backend.core.errors import Invalid, NotAllowed, TooMany

# By one person in one hour. More is not reading.
MOST_FILES_AN_HOUR = 60
# By one machine in one hour: every stay of a large unit, four times over.
MOST_ANSWERS_AN_HOUR = 600
ANSWER = "answer"
Whose = Mapping[int, int]  # stay -> patient
T = TypeVar("T")

KINDS: dict[What, frozenset[RecordKind]] = {
    What.SHIFT_REPORT: frozenset({RecordKind.IDENTITY, RecordKind.COURSE}),
    What.STAY: frozenset({RecordKind.IDENTITY}),
    What.OBSERVATIONS: frozenset({RecordKind.IDENTITY, RecordKind.COURSE}),
    What.EVENTS: frozenset({RecordKind.IDENTITY, RecordKind.COURSE}),
    What.SAFETY_CHECKS: frozenset({RecordKind.IDENTITY, RecordKind.COURSE}),
    What.ALERT: frozenset({RecordKind.IDENTITY, RecordKind.COURSE}),
}
# A legal proceeding is never a ground that anybody else may give (42 CFR 2.61 and following).
NEEDS: dict[What, Permission] = {
    What.SHIFT_REPORT: Permission.SEE_IDENTIFIED_REPORT,
    What.ACCOUNTING: Permission.REVIEW_DISCLOSURES,
    What.STAY: Permission.SEE_CHART,
    What.OBSERVATIONS: Permission.SEE_CHART,
    What.EVENTS: Permission.SEE_CHART,
    What.SAFETY_CHECKS: Permission.SEE_CHART,
    What.ALERT: Permission.SEE_ALERTS,
    What.AUDIT_TRAIL: Permission.SEE_AUDIT,
}


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """Why names may leave, to whom and what for. `recipient_class`: who they are to the patient."""

    basis: Basis
    recipient: str
    affiliation: str
    purpose: str
    purpose_kind: PurposeKind = PurposeKind.TPO
    recipient_class: str | None = None


@dataclass(frozen=True, kw_only=True)
class Clearance:
    """What may stand in it: who may be named (by stay, with the consent), and the stamp."""

    named: Mapping[int, int | None]
    stamp: Stamp


NOBODY = Clearance(named={}, stamp=CODED)


@dataclass(frozen=True, kw_only=True)
class Written(Generic[T]):
    """What was made. The bytes are worked out only where they go into the ledger."""

    value: T
    body: Callable[[], bytes]
    rows: int


@dataclass(frozen=True, kw_only=True)
class Leaving:
    """What is to leave. Without grounds nobody is named.

    `actor` is None for the command line: whoever may run commands on the server.
    """

    unit: Unit
    by: int
    actor: Actor | None
    what: What
    form: str
    whose: Whose = field(default_factory=dict)
    grounds: Grounds | None = None
    capped: bool = True


def release(session: Session, leaving: Leaving, write: Callable[[Clearance], Written[T]]) -> T:
    """Check, write, enter into the ledger: in this transaction, or not at all.

    A refusal is noted; the caller answers it without rolling back.
    """
    grounds = leaving.grounds
    try:
        if leaving.capped:
            _within_the_hour(session, leaving)
        clearance = _clear(session, leaving, grounds) if grounds else NOBODY
    except (Invalid, NotAllowed, TooMany) as refused:
        audit.note(
            session,
            leaving.by,
            "disclosure.refused",
            unit_id=leaving.unit.id,
            what=leaving.what.value,
            form=leaving.form,
            basis=(grounds.basis if grounds else Basis.CODED).value,
            status=refused.status,
        )
        raise
    written = write(clearance)
    if leaving.form != ANSWER or clearance.named:
        _enter(session, leaving, clearance, written)
    return written.value


def _within_the_hour(session: Session, leaving: Leaving) -> None:
    hour, by = timedelta(hours=1), leaving.by
    if leaving.form != ANSWER and queries.files_lately(session, by, hour) >= MOST_FILES_AN_HOUR:
        raise TooMany(f"Over {MOST_FILES_AN_HOUR} files in an hour. Wait, or print what you have.")
    named = leaving.form == ANSWER and leaving.grounds is not None
    if named and queries.answers_lately(session, by, hour) >= MOST_ANSWERS_AN_HOUR:
        raise TooMany(f"Over {MOST_ANSWERS_AN_HOUR} stays read with names in an hour. Wait.")


def _clear(session: Session, leaving: Leaving, grounds: Grounds) -> Clearance:
    _may(leaving.actor, leaving.what, grounds)
    whose = leaving.whose
    unnamed: set[int] = set()
    # Who has asked that nothing leaves with the name is told by code, whatever the ground. Their
    # own accounting goes to themselves.
    if grounds.basis is not Basis.PATIENT:
        recipients = (grounds.recipient, grounds.affiliation)
        unnamed = queries.restricted(session, set(whose.values()), recipients)
    named: dict[int, int | None] = {
        stay: None for stay, patient in whose.items() if patient not in unnamed
    }
    if grounds.basis is Basis.CONSENT:
        named = _consented(session, leaving, grounds, named)
        if not named:
            raise NotAllowed(
                "No consent that stands covers this: what, to whom and what for must agree with"
                " what the patient signed. Without names it may leave."
            )
    return Clearance(named=named, stamp=_stamp(leaving.what, grounds, len(named), len(whose)))


def _may(actor: Actor | None, what: What, grounds: Grounds) -> None:
    if actor is not None:
        actor.must(NEEDS[what])
    own = grounds.basis is Basis.PATIENT
    if grounds.basis in {Basis.CODED, Basis.EMERGENCY} or own != (what is What.ACCOUNTING):
        raise Invalid("Say on what ground the names leave.", {"basis": "Choose the ground."})
    if grounds.basis is Basis.LEGAL and (
        actor is None or not actor.may(Permission.REVIEW_DISCLOSURES)
    ):
        raise NotAllowed(
            "Nothing leaves for a legal proceeding but through the privacy officer. Ask them; a"
            " subpoena alone is not enough."
        )
    if not all((grounds.recipient, grounds.affiliation, grounds.purpose)):
        raise Invalid(
            "Say who gets the names, of what organisation, and what for.",
            {"recipient": "A disclosure needs a recipient, an organisation and a purpose."},
        )
    if actor is not None and actor.sign_in_id is not None:
        actor.must_have_stepped_up(clock.now())


def _consented(
    session: Session, leaving: Leaving, grounds: Grounds, candidates: Collection[int]
) -> dict[int, int | None]:
    """Of these stays, those whose patient's consent covers it."""
    whose = leaving.whose
    wanted = Wanted(
        kinds=KINDS[leaving.what],
        recipient=grounds.recipient,
        affiliation=grounds.affiliation,
        recipient_class=grounds.recipient_class,
        purpose_kind=grounds.purpose_kind,
        purpose=grounds.purpose,
    )
    today = clock.now().astimezone(ZoneInfo(leaving.unit.time_zone)).date()
    standing = consents.standing(session, set(whose.values()), leaving.unit.id)
    found: dict[int, int | None] = {}
    for stay in candidates:
        for consent in standing.get(whose[stay], []):
            if covers(consent, wanted, today=today):
                found[stay] = consent.id
    return found


def _stamp(what: What, grounds: Grounds, named: int, patients: int) -> Stamp:
    """The notice, and a clear explanation of what this may be used for."""
    kinds = ", ".join(sorted(kind.value for kind in KINDS.get(what, ())))
    words = (
        f"Leaves on the ground of {grounds.basis.value}, for {grounds.recipient}"
        f" ({grounds.affiliation}). Purpose: {grounds.purpose}."
    )
    if grounds.basis is Basis.CONSENT:
        words += (
            f" The consents cover: {kinds}; for this recipient and this purpose only, unless the"
            " law allows more. They can be revoked at any time for what has not left yet."
        )
    if patients != 1:
        words += f" Named: {named} of {patients} patients; the others by code."
    return Stamp(notice=NOTICE, grounds=words)


def _enter(session: Session, leaving: Leaving, clearance: Clearance, written: Written[T]) -> None:
    """The line in the ledger. A machine that asks again within a quarter of an hour adds none."""
    by, what, grounds, named = leaving.by, leaving.what, leaving.grounds, clearance.named
    if leaving.form == ANSWER and all(
        queries.told_lately(session, by, what, stay) for stay in named
    ):
        return
    entry = Disclosure(
        key=uuid4(),
        unit_id=leaving.unit.id,
        by_id=by,
        what=what,
        form=leaving.form,
        basis=grounds.basis if grounds else Basis.CODED,
        recipient=grounds.recipient if grounds else "",
        affiliation=grounds.affiliation if grounds else "",
        purpose=grounds.purpose if grounds else "",
        sha256=hashlib.sha256(written.body()).hexdigest(),
        row_count=written.rows,
    )
    session.add(entry)
    session.flush()
    session.add_all(
        DisclosurePatient(
            disclosure_id=entry.id,
            stay_id=stay,
            patient_id=leaving.whose[stay],
            unit_id=leaving.unit.id,
            consent_id=consent,
        )
        for stay, consent in named.items()
    )
    session.flush()
    audit.note(
        session,
        by,
        "disclosure.made" if named else "disclosure.coded",
        unit_id=leaving.unit.id,
        reason=entry.purpose or None,
        disclosure_id=entry.id,
        what=what.value,
        form=leaving.form,
    )
