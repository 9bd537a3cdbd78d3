"""The report of a shift, as rows or as the file that people get."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel

from backend.accounts.access import Actor, Allowed, by_token
from backend.accounts.permissions import Permission
from backend.care.disclosures import answers
from backend.core import clock
from backend.core.db import Db
from backend.core.strict_json import StrictJsonRoute
from backend.reports.shift import csv_file, pdf_file, service, windows, xlsx_file
from backend.reports.shift.service import Format

router = APIRouter(route_class=StrictJsonRoute, tags=["reports"])

Exporter = Annotated[Actor, Depends(Allowed(Permission.EXPORT_REPORT, by_token))]


class ReportRow(BaseModel):
    """One figure. A median of nothing is null: it is not 0."""

    section: str
    bed: str | None
    code: str | None
    name: str | None
    subject: str
    figure: str
    value: float | str | None
    unit: str | None


class ShiftReport(BaseModel):
    """What stands above the figures, and the figures one by one."""

    notice: str
    header: dict[str, str]
    rows: list[ReportRow]


FILE: dict[str, Any] = {
    "schema": {"type": "string", "contentMediaType": "application/octet-stream"}
}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "model": ShiftReport,
        "description": "The report, by bed and code, without names.",
        "content": {
            module.MEDIA_TYPE.partition(";")[0]: FILE for module in (csv_file, xlsx_file, pdf_file)
        },
    }
}


@router.get("/reports/shift", summary="The report of one shift", responses=ANSWERS)
def shift_report(
    db: Db,
    actor: Exporter,
    start: Annotated[
        str,
        Query(
            pattern=r"^[0-9TZ:.+ -]{1,40}$",
            description="When the shift begins, with its offset or on the unit's clock.",
            examples=["2026-11-17T07:00"],
        ),
    ],
    form: Annotated[Format, Query(alias="format")] = Format.JSON,
) -> Response:
    """As the record stands now, with the corrections made since.

    That it left is in the ledger. A wrong start is answered with the shifts of that day.
    """
    now = clock.now()
    shift = windows.shift_starting(actor.unit, start, now)
    file = service.export(
        db,
        actor.unit,
        shift,
        form,
        by=actor.id,
        actor=actor,
        prepared_by=actor.name,
        detail=service.detail_for(actor.role),
        now=now,
    )
    return answers.file(file.name, file.media_type, file.body)
