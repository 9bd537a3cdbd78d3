"""Choose a shift, read its report, take it out as a file."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form, Response
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, Allowed
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.audit import service as audit
from backend.care.consents.models import PurposeKind, RecipientClass
from backend.care.disclosures import answers
from backend.care.disclosures.models import Basis
from backend.care.disclosures.service import Grounds
from backend.clinical import shift as shifts
from backend.clinical.shift import Shift
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.errors import Invalid, NotAllowed, TooMany
from backend.core.web import Screen, render, stands_on
from backend.reports.shift import drawing, page, service, windows
from backend.reports.shift.drawing import Drawing
from backend.reports.shift.forms import GROUNDS, ExportForm
from backend.reports.shift.page import ShownTable
from backend.reports.shift.report import Headline, Report
from backend.reports.shift.service import Format

router = APIRouter()
Reader = Annotated[Actor, Depends(Allowed(Permission.SEE_REPORTS))]
Exporter = Annotated[Actor, Depends(Allowed(Permission.EXPORT_REPORT))]

RECENT = 14
# What a date input can hold: anything else is not given back.
A_DAY = re.compile(r"[0-9-]{1,10}")
FORMATS = {Format.PDF: "PDF", Format.XLSX: "XLSX", Format.CSV: "CSV"}


@dataclass(frozen=True, kw_only=True)
class ShiftLink:
    """One shift that can be opened."""

    path: str
    day: str
    hours: str
    running: bool


@dataclass(frozen=True, kw_only=True)
class ShiftsScreen(Screen, template="reports/shifts.html"):
    """Which shift?"""

    recent: tuple[ShiftLink, ...]
    of_day: tuple[ShiftLink, ...]
    day: str
    latest_day: str
    refusal: str | None


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One format."""

    value: str
    label: str
    chosen: bool


@dataclass(frozen=True, kw_only=True)
class Taking:
    """The form that takes the report out, with what was typed into it before."""

    key: UUID
    opened_by: int
    opened_in: int | None
    start: str
    formats: tuple[Choice, ...]
    may_identify: bool
    identified: bool
    bases: tuple[Choice, ...]
    classes: tuple[Choice, ...]
    purposes: tuple[Choice, ...]
    recipient: str
    affiliation: str
    reason: str
    refusal: str | None


@dataclass(frozen=True, kw_only=True)
class ShiftScreen(Screen, template="reports/shift.html"):
    """The report of one shift."""

    when: str
    generated_at: str
    running: bool
    notice: str
    header: tuple[tuple[str, str], ...]
    headlines: tuple[Headline, ...]
    drawings: tuple[Drawing, ...]
    tables: tuple[ShownTable, ...]
    earlier: ShiftLink
    later: ShiftLink | None
    taking: Taking | None


@router.get("/reports")
def shifts_screen(db: Db, actor: Reader, day: str = "") -> Response:  # noqa: ARG001 (the gate's)
    return _choose(actor, clock.now(), day=day)


def _choose(actor: Actor, now: datetime, *, day: str = "", refusal: str | None = None) -> Response:
    of_day: Sequence[Shift] = ()
    if day:
        try:
            of_day = [s for s in windows.shifts_of_day(actor.unit, day) if s.starts_at <= now]
        except Invalid as error:
            refusal = error.sentence
        else:
            refusal = None if of_day else "No shift of that day has begun yet."
    screen = ShiftsScreen(
        shell=shell(actor, here="reports", now=now),
        recent=tuple(_link(actor, s, now) for s in windows.recent_shifts(actor.unit, now, RECENT)),
        of_day=tuple(_link(actor, s, now) for s in of_day),
        day=day if A_DAY.fullmatch(day) else "",
        latest_day=f"{now.astimezone(actor.zone):%Y-%m-%d}",
        refusal=refusal,
    )
    return render(screen, 422 if refusal else 200)


def _link(actor: Actor, shift: Shift, now: datetime) -> ShiftLink:
    begins = shift.starts_at.astimezone(actor.zone)
    return ShiftLink(
        path=f"/reports/shift?start={_start(shift)}",
        day=f"{local_time.day(begins, actor.zone)} {begins:%Y}",
        hours=windows.window_words(shift, actor.zone),
        running=shift.ends_at > now,
    )


def _start(shift: Shift) -> str:
    """In an address a plus sign would be read as a space."""
    return local_time.machine(shift.starts_at).replace("+00:00", "Z")


@router.get("/reports/shift")
def shift_screen(db: Db, actor: Reader, start: str = "") -> Response:
    now = clock.now()
    try:
        shift = windows.shift_starting(actor.unit, start, now)
    except Invalid as error:
        return _choose(actor, now, refusal=error.sentence)
    report = _report(db, actor, shift, now)
    audit.note(
        db,
        actor.id,
        "report.viewed",
        unit_id=actor.unit.id,
        report="shift",
        starts_at=local_time.machine(shift.starts_at),
        detail=report.detail.value,
    )
    return render(_screen(actor, report, now))


@router.post("/reports/shift/file")
@stands_on("/reports/shift?start={start}")
def take_out(db: Db, actor: Exporter, form: Annotated[ExportForm, Form()]) -> Response:
    """The file; or the page again, with the sentence that refuses it and what was typed."""
    actor.signs(form)
    now = clock.now()
    shift = windows.shift_starting(actor.unit, form.start, now)
    try:
        file = service.export(
            db,
            actor.unit,
            shift,
            Format(form.format),
            by=actor.id,
            actor=actor,
            prepared_by=actor.name,
            detail=service.detail_for(actor.role),
            now=now,
            grounds=_grounds(form) if form.identified else None,
        )
    except (Invalid, NotAllowed, TooMany) as error:
        screen = _screen(actor, _report(db, actor, shift, now), now, form, error.sentence)
        return render(screen, error.status)
    return answers.file(file.name, file.media_type, file.body)


def _grounds(form: ExportForm) -> Grounds:
    """Why the names leave. What is missing is refused by the door, which notes the refusal."""
    return Grounds(
        basis=form.basis or Basis.CODED,
        recipient=form.recipient,
        affiliation=form.affiliation,
        purpose=service.stated(form.reason),
        purpose_kind=form.purpose_kind,
        recipient_class=form.recipient_class,
    )


def _report(db: Session, actor: Actor, shift: Shift, now: datetime) -> Report:
    """As the screen shows it: without names."""
    return service.prepare(
        db,
        actor.unit,
        shift,
        detail=service.detail_for(actor.role),
        prepared_by=actor.name,
        now=now,
    )


def _screen(
    actor: Actor,
    report: Report,
    now: datetime,
    form: ExportForm | None = None,
    refusal: str | None = None,
) -> ShiftScreen:
    starts = actor.unit.shift_starts
    later = None if report.running else shifts.following(report.shift, starts, actor.zone)
    return ShiftScreen(
        shell=shell(actor, here="reports", now=now),
        when=f"{local_time.day(report.shift.starts_at, actor.zone)}, "
        + windows.window_words(report.shift, actor.zone),
        generated_at=local_time.day_and_time(now, actor.zone),
        running=report.running,
        notice=report.stamp.notice,
        header=tuple(report.header()),
        headlines=report.headlines,
        drawings=tuple(drawing.drawn(chart) for chart in report.charts),
        tables=tuple(page.shown_table(table, report) for table in report.tables),
        earlier=_link(actor, shifts.previous(report.shift, starts, actor.zone), now),
        later=_link(actor, later, now) if later and later.starts_at <= now else None,
        taking=_taking(actor, report, form, refusal),
    )


def _taking(
    actor: Actor, report: Report, form: ExportForm | None, refusal: str | None
) -> Taking | None:
    if not actor.may(Permission.EXPORT_REPORT):
        return None
    chosen = Format(form.format) if form else Format.PDF
    return Taking(
        key=uuid4(),
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        start=_start(report.shift),
        formats=tuple(
            Choice(value=one.value, label=label, chosen=one is chosen)
            for one, label in FORMATS.items()
        ),
        may_identify=actor.may(Permission.SEE_IDENTIFIED_REPORT),
        identified=form.identified if form else False,
        bases=_choices(GROUNDS, form.basis if form else None),
        classes=_choices(RecipientClass, form.recipient_class if form else None),
        purposes=_choices(PurposeKind, form.purpose_kind if form else PurposeKind.TPO),
        recipient=form.recipient if form else "",
        affiliation=form.affiliation if form else "",
        reason=form.reason if form else "",
        refusal=refusal,
    )


def _choices(every: Iterable[StrEnum], chosen: StrEnum | None) -> tuple[Choice, ...]:
    return tuple(Choice(value=one.value, label=one.value, chosen=one is chosen) for one in every)
