"""Work the report of a shift out, and hand it out on record."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.accounts.permissions import ALLOWED, Permission, Role
from backend.accounts.units.models import Unit
from backend.care.disclosures import service as disclosures
from backend.care.disclosures.models import What
from backend.care.disclosures.service import NOBODY, Clearance, Grounds, Leaving, Written
from backend.clinical.shift import Shift
from backend.core.deed import is_readable
from backend.core.errors import Invalid
from backend.reports.shift import (
    away,
    charts,
    csv_file,
    json_file,
    patient_tables,
    pdf_file,
    queries,
    response,
    safety,
    tables,
    timeliness,
    xlsx_file,
)
from backend.reports.shift.census import acuity, census
from backend.reports.shift.headlines import headlines
from backend.reports.shift.queries import Stored
from backend.reports.shift.report import Detail, Report, Table, data_rows
from backend.reports.shift.response import Answered
from backend.reports.shift.timeliness import Judged

ORDER = (
    "census",
    "acuity",
    "observations",
    "safety",
    "alerts",
    "events",
    "patients",
    "scores",
    "safety-list",
    "rules",
    "alert-list",
    "event-list",
    "leave-list",
    "sets",
    "staff",
    "late-entries",
    "corrections",
)
REASON_LENGTH = (10, 500)


class Format(StrEnum):
    """What a report is written to."""

    PDF = "pdf"
    XLSX = "xlsx"
    CSV = "csv"
    JSON = "json"


WRITERS = {
    Format.PDF: (pdf_file.body, pdf_file.MEDIA_TYPE),
    Format.XLSX: (xlsx_file.body, xlsx_file.MEDIA_TYPE),
    Format.CSV: (csv_file.body, csv_file.MEDIA_TYPE),
    Format.JSON: (json_file.body, json_file.MEDIA_TYPE),
}


@dataclass(frozen=True, kw_only=True)
class File:
    """A report that leaves."""

    name: str
    media_type: str
    body: bytes


def detail_for(role: Role) -> Detail:
    """Who may not see a chart is told counts, in which nobody can be found."""
    return Detail.CODED if Permission.SEE_CHART in ALLOWED[role] else Detail.COUNTS


def prepare(
    session: Session,
    unit: Unit,
    shift: Shift,
    *,
    detail: Detail,
    prepared_by: str,
    now: datetime,
    clearance: Clearance = NOBODY,
) -> Report:
    """The report as the record stands now, with the corrections made since the shift."""
    zone = ZoneInfo(unit.time_zone)
    stored = queries.stored(session, unit.id, shift, now)
    rounds = timeliness.judged(stored)
    answered = response.answers(stored)
    shown = _tables(stored, rounds, answered, detail, clearance.named)
    rows = data_rows(shown)
    return Report(
        unit_code=unit.code,
        unit_name=unit.name,
        zone=zone,
        shift=shift,
        running=shift.ends_at > now,
        detail=detail,
        stamp=clearance.stamp,
        generated_at=now,
        prepared_by=prepared_by,
        rules=", then ".join(f"{rule.name}, version {rule.version}" for rule in stored.rules)
        or "none yet",
        headlines=headlines(stored, rounds, answered),
        charts=(
            charts.observations(rounds, shift, zone),
            charts.alerts(answered, shift, zone),
        ),
        tables=shown,
        rows=rows,
        sha256=csv_file.digest(rows, zone),
    )


def _tables(
    stored: Stored,
    rounds: list[Judged],
    answered: list[Answered],
    detail: Detail,
    named: Collection[int],
) -> tuple[Table, ...]:
    told = patient_tables.whose(stored, detail, named)
    of_patients = {
        table.key: table
        for table in (
            patient_tables.patients_table(stored, rounds, told),
            patient_tables.scores_table(stored, told),
            patient_tables.alert_list(stored, answered, told),
            patient_tables.event_list(stored, told),
            safety.safety_list(stored, told),
            away.leave_list(stored, told),
            patient_tables.late_entries_table(stored, told),
            patient_tables.corrections_table(stored, told, detail, named),
        )
    }
    of_counts = {
        table.key: table
        for table in (
            tables.census_table(census(stored)),
            tables.acuity_table(acuity(stored)),
            tables.observations_table(rounds),
            safety.safety_table(stored),
            tables.alerts_table(answered),
            tables.rules_table(answered),
            tables.events_table(stored),
            tables.sets_table(stored),
            tables.staff_table(stored),
        )
    }
    shown = of_counts if detail is Detail.COUNTS else of_counts | of_patients
    return tuple(shown[key] for key in ORDER if key in shown)


def export(
    session: Session,
    unit: Unit,
    shift: Shift,
    form: Format,
    *,
    by: int,
    actor: Actor | None,
    prepared_by: str,
    detail: Detail,
    now: datetime,
    grounds: Grounds | None = None,
) -> File:
    """The report as a file, through the door. With grounds those who may be named are named."""

    def write(clearance: Clearance) -> Written[File]:
        report = prepare(
            session,
            unit,
            shift,
            detail=Detail.IDENTIFIED if grounds else detail,
            prepared_by=prepared_by,
            now=now,
            clearance=clearance,
        )
        body, media_type = WRITERS[form]
        file = File(name=file_name(report, form), media_type=media_type, body=body(report))
        return Written(value=file, body=lambda: file.body, rows=len(report.rows))

    leaving = Leaving(
        unit=unit,
        by=by,
        actor=actor,
        what=What.SHIFT_REPORT,
        form=form.value,
        whose=queries.on_the_unit(session, unit.id, shift, now) if grounds else {},
        grounds=grounds,
        capped=actor is not None,  # a nightly script may write a month at once
    )
    return disclosures.release(session, leaving, write)


def stated(reason: str) -> str:
    """What names are needed for, in a few words of the person who asks; Invalid without."""
    words = " ".join(reason.split())
    least, most = REASON_LENGTH
    readable = words.isprintable() and is_readable(words)
    if not (least <= len(words) <= most and readable):
        raise Invalid(
            f"A report with names is a disclosure. Say what for, in {least} to {most} letters.",
            {"reason": "Say what the names are needed for."},
        )
    return words


def file_name(report: Report, form: Format) -> str:
    """Made of the unit's code and the time only: nothing that a patient is called."""
    code = re.sub(r"[^a-z0-9-]", "", report.unit_code.casefold())[:40] or "unit"
    begins = f"{report.shift.starts_at.astimezone(report.zone):%Y-%m-%d-%H%M}"
    names = "-with-names" if report.detail is Detail.IDENTIFIED else ""
    return f"vigil-shift-{code}-{begins}{names}.{form.value}"
