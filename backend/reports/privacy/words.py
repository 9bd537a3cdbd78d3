"""How the trail reads to a person."""

from typing import Any

from backend.audit.models import AuditEntry

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
}
# What of the details helps a reader; the rest is for machines.
TOLD = ("screen", "path", "status", "report", "format", "detail", "what", "form", "basis")


def action(entry: AuditEntry) -> str:
    """`observation recorded`, or our own words."""
    return ACTIONS.get(entry.action) or entry.action.replace(".", " ").replace("_", " ")


def details(entry: AuditEntry) -> str:
    """Reason first, then what was touched."""
    told: list[Any] = [entry.reason] if entry.reason else []
    if entry.object_type:
        told.append(f"{entry.object_type.replace('_', ' ')} {entry.object_id}")
    told += [entry.subject[name] for name in TOLD if name in entry.subject]
    if "stay_ids" in entry.subject:
        told.append(f"{len(entry.subject['stay_ids'])} patients")
    return ", ".join(str(part) for part in told)
