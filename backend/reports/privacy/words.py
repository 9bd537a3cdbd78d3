"""How the trail reads to a person."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from backend.audit.models import AuditEntry

What = Literal["all", "reads", "deeds", "exports", "refusals", "sign-ins", "glass"]
Of = Literal["unit", "none"]
ACTIONS = {
    "audit.viewed": "opened the record",
    "census.viewed": "was shown the patients of the unit",
    "wallboard.shown": "showed the beds in a hallway, without names",
    "report.viewed": "read a shift report",
    "report.exported": "took a shift report out",
    "access.refused": "was refused",
    "sign_in.begun": "signed in",
    "sign_in.ended": "signed out",
    "sign_in.refused": "could not sign in",
    "audit.read": "read the audit trail",
    "audit.searched": "looked for a patient in the trail",
    "audit.explained": "explained the trail",
    "glass.broken": "GLASS BROKEN: took the right to read a record",
    "glass.used": "GLASS BROKEN: read the record",
    "glass.ended": "GLASS BROKEN: ended it",
    "glass.refused": "GLASS BROKEN: asked for a record that is not there",
    "glass.reviewed": "reviewed broken glass",
    "disclosure.refused": "was refused a disclosure",
    "audit.exported": "took a part of the trail out",
    "purge.asked": "asked for old records to be deleted",
    "purge.approved": "agreed to it, and old records were deleted",
    "purge.declined": "declined to delete old records",
    "purge.withdrawn": "took back what was asked about old records",
    "sign_in.second_factor_refused": "knew the password and not the second factor",
    "sign_in.all_ended": "was signed out everywhere",
    "sign_in.unlock_refused": "could not unlock the screen",
    "sign_in.workstation_code_refused": "typed a wrong code for a machine",
    "sign_in.tries_forgiven": "let somebody try again at once",
    "step_up.refused": "could not prove once more who they are",
    "step_up.proved": "proved once more who they are",
    "link.made": "made a link",
    "link.used": "used a link",
    "staff.created": "made an account",
    "staff.disabled": "ended an account",
    "staff.password_changed": "changed a password",
}
# What of the details helps a reader; the rest is for machines.
TOLD = ("screen", "path", "status", "report", "format", "detail", "what", "form", "basis")


def action(entry: AuditEntry) -> str:
    """`observation recorded`, or our own words."""
    return ACTIONS.get(entry.action) or entry.action.replace(".", " ").replace("_", " ")


def details(
    entry: AuditEntry, staff: Mapping[int, str] | None = None, *, written: bool = True
) -> str:
    """Reason first, then what was touched. Without `written` nothing that somebody put in words."""
    told: list[Any] = [entry.reason] if entry.reason and written else []
    if entry.object_type:
        plain = f"{entry.object_type.replace('_', ' ')} {entry.object_id}"
        known = staff if staff and entry.object_type == "staff" else {}
        told.append(known.get(entry.object_id or 0, plain))
    told += [entry.subject[name] for name in TOLD if name in entry.subject]
    if "stay_ids" in entry.subject:
        told.append(f"{len(entry.subject['stay_ids'])} patients")
    return ", ".join(str(part) for part in told)


def who(entry: AuditEntry, staff: Mapping[int, str]) -> str:
    """The name, or that nobody did it."""
    if entry.actor_id is None and entry.object_type == "workstation":
        return "a machine of the ward, by itself"
    if entry.actor_id is None:
        return "by itself, or not signed in"
    return staff.get(entry.actor_id, "somebody unknown")


def people(entries: Sequence[AuditEntry]) -> list[int]:
    """Whose names these entries need: who did it, and whom it was done to."""
    touched = [one.object_id for one in entries if one.object_type == "staff"]
    return [number for one in entries if (number := one.actor_id)] + [n for n in touched if n]


def patient(entry: AuditEntry, codes: Mapping[int, str]) -> str:
    """The code, where this unit knows the patient."""
    return codes.get(entry.patient_id, "of another unit, or gone") if entry.patient_id else ""
