"""What each role may do: one enum, one table."""

from collections.abc import Collection
from enum import StrEnum


class Role(StrEnum):
    """The part a person plays on one unit."""

    NURSE = "nurse"
    TECHNICIAN = "technician"
    CHARGE_NURSE = "charge_nurse"
    PHYSICIAN = "physician"
    THERAPIST = "therapist"
    ADMINISTRATOR = "administrator"
    APPROVER = "approver"
    PRIVACY_OFFICER = "privacy_officer"
    DEVICE = "device"
    INTERFACE = "interface"


# They present a token and never a password.
MACHINES = frozenset({Role.DEVICE, Role.INTERFACE})


class Permission(StrEnum):
    """One thing that a route may ask for."""

    SEE_BOARD = "see_board"
    SEE_CHART = "see_chart"
    RECORD_OBSERVATION = "record_observation"
    CORRECT_OBSERVATION = "correct_observation"
    # A word that somebody off the unit is alert, by whoever leads the group.
    SAY_SEEN = "say_seen"
    ORDER_OBSERVATIONS = "order_observations"
    # Whom nobody wakes, and what is measured in a sleeper: a prescriber decides it.
    ORDER_NIGHTS = "order_nights"
    # To have somebody looked after more closely; less closely is for whoever may order.
    ORDER_SAFETY_ROUNDS = "order_safety_rounds"
    ASSIGN_PATIENTS = "assign_patients"
    MANAGE_STAYS = "manage_stays"
    SEE_ALERTS = "see_alerts"
    ANSWER_ALERT = "answer_alert"
    CLOSE_EMERGENCY = "close_emergency"
    SEE_REPORTS = "see_reports"
    EXPORT_REPORT = "export_report"
    SEE_IDENTIFIED_REPORT = "see_identified_report"
    MANAGE_DEVICES = "manage_devices"
    MANAGE_WORKSTATIONS = "manage_workstations"
    GIVE_DUTY = "give_duty"
    SEE_NOTES = "see_notes"
    # What an observer rates, on scales that the unit reserves for nurses.
    SCORE_RESERVED = "score_reserved"
    COUNSEL = "counsel"
    MANAGE_STAFF = "manage_staff"
    HELP_SIGN_IN = "help_sign_in"
    SEE_CONSENTS = "see_consents"
    TAKE_CONSENT = "take_consent"
    DISCLOSE_IN_EMERGENCY = "disclose_in_emergency"
    REVIEW_DISCLOSURES = "review_disclosures"
    SEE_AUDIT = "see_audit"
    BREAK_GLASS = "break_glass"
    REVIEW_GLASS = "review_glass"
    ASK_FOR_PURGE = "ask_for_purge"
    AGREE_TO_PURGE = "agree_to_purge"


P = Permission
_WARD = {P.SEE_BOARD, P.SEE_CHART, P.RECORD_OBSERVATION, P.SEE_ALERTS}
# Every person may, in an emergency; somebody else looks at it afterwards.
_BEDSIDE = _WARD | {P.BREAK_GLASS, P.SAY_SEEN}
_CONSENT = {P.SEE_CONSENTS, P.TAKE_CONSENT}
_NURSE = (
    _BEDSIDE
    | _CONSENT
    | {P.SEE_NOTES, P.SCORE_RESERVED, P.CORRECT_OBSERVATION, P.ANSWER_ALERT}
    | {P.SEE_REPORTS, P.DISCLOSE_IN_EMERGENCY, P.ORDER_SAFETY_ROUNDS}
)

ALLOWED: dict[Role, frozenset[Permission]] = {
    Role.NURSE: frozenset(_NURSE | {P.MANAGE_STAYS}),
    Role.TECHNICIAN: frozenset(_BEDSIDE),
    Role.CHARGE_NURSE: frozenset(
        _NURSE
        | {
            P.MANAGE_STAYS,
            P.ORDER_OBSERVATIONS,
            P.ASSIGN_PATIENTS,
            P.EXPORT_REPORT,
            P.SEE_IDENTIFIED_REPORT,
            P.MANAGE_WORKSTATIONS,
            P.GIVE_DUTY,
            P.HELP_SIGN_IN,
        }
    ),
    Role.PHYSICIAN: frozenset(
        _NURSE
        | {
            P.MANAGE_STAYS,
            P.ORDER_OBSERVATIONS,
            P.ORDER_NIGHTS,
            P.CLOSE_EMERGENCY,
            P.EXPORT_REPORT,
            P.SEE_IDENTIFIED_REPORT,
        }
    ),
    # Counselling notes are theirs alone (42 CFR 2.11); alerts about vital signs are not.
    Role.THERAPIST: frozenset(
        {P.SEE_BOARD, P.SEE_CHART, P.SEE_NOTES, P.COUNSEL, P.BREAK_GLASS, P.SAY_SEEN} | _CONSENT
    ),
    # Counts, never charts.
    Role.ADMINISTRATOR: frozenset(
        {
            P.SEE_REPORTS,
            P.EXPORT_REPORT,
            P.MANAGE_DEVICES,
            P.MANAGE_WORKSTATIONS,
            P.MANAGE_STAFF,
            P.HELP_SIGN_IN,
            P.GIVE_DUTY,
            P.BREAK_GLASS,
            P.AGREE_TO_PURGE,
        }
    ),
    Role.APPROVER: frozenset({P.SEE_REPORTS, P.BREAK_GLASS}),
    Role.PRIVACY_OFFICER: frozenset(
        {P.SEE_REPORTS, P.SEE_CONSENTS, P.REVIEW_DISCLOSURES, P.SEE_AUDIT}
        | {P.BREAK_GLASS, P.REVIEW_GLASS, P.ASK_FOR_PURGE, P.AGREE_TO_PURGE}
    ),
    # A monitor posts and reads nothing back; an interface engine also reads and answers.
    Role.DEVICE: frozenset({P.RECORD_OBSERVATION}),
    Role.INTERFACE: frozenset(
        _WARD
        | {
            P.SEE_NOTES,
            P.SCORE_RESERVED,
            P.ANSWER_ALERT,
            P.MANAGE_STAYS,
            P.SEE_REPORTS,
            P.EXPORT_REPORT,
        }
    ),
}


def allows(role: Role, permission: Permission, denied: Collection[str] = ()) -> bool:
    """Whether somebody in this role may do it. A restriction beats whatever the role allows."""
    return permission not in denied and permission in ALLOWED[role]
