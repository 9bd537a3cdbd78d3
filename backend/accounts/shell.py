"""What surrounds every page: the unit and its clock, who is signed in, and where they may go."""

from datetime import datetime, timedelta

from backend.accounts.access import Actor
from backend.accounts.permissions import ALLOWED, Permission, Role, allows
from backend.clinical import shift
from backend.core import local_time
from backend.core.settings import settings
from backend.core.web import GlassBar, NavLink, Shell

ROLE_WORDS = {
    Role.NURSE: "nurse",
    Role.TECHNICIAN: "technician",
    Role.CHARGE_NURSE: "charge nurse",
    Role.PHYSICIAN: "physician",
    Role.THERAPIST: "therapist",
    Role.ADMINISTRATOR: "administrator",
    Role.APPROVER: "clinical approver",
    Role.PRIVACY_OFFICER: "privacy officer",
    Role.DEVICE: "device",
    Role.INTERFACE: "interface",
}
PLACES = (
    ("board", "Board", "/", Permission.SEE_BOARD),
    ("rounds", "Rounds", "/rounds", Permission.RECORD_OBSERVATION),
    ("alerts", "Alerts", "/alerts", Permission.SEE_ALERTS),
    ("privacy", "Privacy", "/privacy", Permission.SEE_AUDIT),
    ("reports", "Reports", "/reports", Permission.SEE_REPORTS),
    ("duty", "Duty", "/duty", Permission.GIVE_DUTY),
    ("disclosures", "Disclosures", "/privacy/disclosures", Permission.REVIEW_DISCLOSURES),
    ("admin", "Administration", "/admin", Permission.HELP_SIGN_IN),
)


def shell(actor: Actor, *, here: str, now: datetime) -> Shell:
    """For a page at `here`, one of the names in PLACES or any other word."""
    zone = actor.zone
    current = shift.shift_at(now, actor.unit.shift_starts, zone)
    return Shell(
        unit_name=actor.unit.name,
        date_words=local_time.day(now, zone),
        shift_words=f"{current.name} shift",
        time_words=local_time.clock_time(now, zone),
        time_zone=actor.unit.time_zone,
        staff_name=actor.name,
        role_words=ROLE_WORDS[actor.role],
        other_units=actor.elsewhere,
        nav=tuple(
            NavLink(label=label, path=path, here=name == here)
            for name, label, path, permission in PLACES
            if allows(actor.role, permission, actor.denied)
            # Who goes round finds the duties there, beside who has whom.
            and not (name == "duty" and allows(actor.role, Permission.RECORD_OBSERVATION))
        ),
        sees_alerts=allows(actor.role, Permission.SEE_ALERTS, actor.denied),
        staff_id=actor.id,
        sign_in_id=actor.sign_in_id,
        locks_after_s=int(actor.locks_after.total_seconds()),
        demo=settings().demo,
        now=now,
        glass=_glass_bar(actor, now),
        device=actor.workstation_id or 0,
    )


def _glass_bar(actor: Actor, now: datetime) -> GlassBar | None:
    glass = actor.glass
    if glass is None:
        return None
    return GlassBar(
        words=f"one record of {glass.unit_name}",
        path=f"/stays/{glass.stay_id}",
        until_at=local_time.machine(glass.until_at),
        left=f"{max(0, (glass.until_at - now) // timedelta(minutes=1))} min",
    )


def landing(role: Role) -> str:
    """The first page that this role may see."""
    return next((path for _, _, path, needs in PLACES if needs in ALLOWED[role]), "/about")
