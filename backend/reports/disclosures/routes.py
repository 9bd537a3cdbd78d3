"""The privacy officer's ledger, and the accounting for one patient."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, Allowed, OneOf, SignedIn
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.audit import service as audit
from backend.care.disclosures import answers, queries
from backend.care.disclosures.access import DisclosureToReview
from backend.care.disclosures.queries import Entry
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.web import Page, Screen, go, render, stands_on
from backend.reports.disclosures import service
from backend.reports.disclosures.forms import AccountingForm, FindForm, SeenForm
from backend.stays import queries as stay_queries
from backend.stays.models import Stay
from backend.stays.queries import Banner

router = APIRouter()
Officer = Annotated[Actor, Depends(Allowed(Permission.REVIEW_DISCLOSURES))]
ReviewOf = Annotated[Stay, Depends(OneOf(Stay, Permission.REVIEW_DISCLOSURES))]

DAYS = 30
MOST = 500


@dataclass(frozen=True, kw_only=True)
class Line:
    """One disclosure, in words."""

    id: int
    cells: tuple[str, ...]
    path: str | None
    key: UUID


@dataclass(frozen=True, kw_only=True)
class NewDisclosures(Page, template="reports/_new_disclosures.html"):
    """What the privacy officer has to look at."""

    emergencies: tuple[Line, ...]
    requests: tuple[Line, ...]
    opened_by: int
    opened_in: int | None


@dataclass(frozen=True, kw_only=True)
class LedgerScreen(Screen, template="reports/disclosures.html"):
    """What has left the unit."""

    emergencies: tuple[Line, ...]
    requests: tuple[Line, ...]
    opened_by: int
    opened_in: int | None
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    days: int
    cut: bool
    find_key: UUID
    code: str
    refusal: str | None


@dataclass(frozen=True, kw_only=True)
class Told:
    """One of the two lists that a patient may ask for."""

    of: str
    title: str
    words: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, kw_only=True)
class AccountingScreen(Screen, template="reports/accounting.html"):
    """What has left with one patient's name, and whom a consent to a kind has reached."""

    banner: Banner
    key: UUID
    opened_by: int
    opened_in: int | None
    years: int
    told: tuple[Told, ...]


@router.get("/privacy/disclosures")
def ledger_screen(db: Db, actor: Officer) -> Response:
    return render(_ledger(db, actor))


def _ledger(
    session: Session, actor: Actor, *, code: str = "", refusal: str | None = None
) -> LedgerScreen:
    now = clock.now()
    entries = queries.of_unit(
        session, actor.unit.id, since=now - timedelta(days=DAYS), most=MOST + 1
    )
    return LedgerScreen(
        shell=shell(actor, here="disclosures", now=now),
        **_waiting(session, actor),
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        columns=(*service.COLUMNS, "patients", "form"),
        lines=tuple(_line(one, actor) for one in entries[:MOST]),
        days=DAYS,
        cut=len(entries) > MOST,
        find_key=uuid4(),
        code=code,
        refusal=refusal,
    )


def _waiting(session: Session, actor: Actor) -> dict[str, tuple[Line, ...]]:
    """Emergencies that nobody has looked at, and requests that nobody has answered."""
    return {
        "emergencies": tuple(
            _line(one, actor) for one in queries.unseen_emergencies(session, actor.unit.id)
        ),
        "requests": tuple(
            Line(
                id=one.id,
                cells=(f"Asked {local_time.day_and_time(one.asked_at, actor.zone)}",),
                path=f"/stays/{one.stay_id}/sharing",
                key=uuid4(),
            )
            for one in queries.undecided(session, actor.unit.id)
        ),
    }


def _line(entry: Entry, actor: Actor) -> Line:
    return Line(
        id=entry.disclosure.id,
        cells=(
            *service.row(entry, actor.zone),
            str(entry.named),
            entry.disclosure.form,
        ),
        path=f"/stays/{entry.stay_id}/accounting" if entry.stay_id else None,
        key=uuid4(),
    )


@router.get("/privacy/disclosures/new")
def new_disclosures(db: Db, actor: Officer) -> Response:
    return render(
        NewDisclosures(**_waiting(db, actor), opened_by=actor.id, opened_in=actor.sign_in_id)
    )


@router.post("/privacy/disclosures/{disclosure_id}/seen")
@stands_on("/privacy/disclosures")
def seen(
    request: Request,
    db: Db,
    actor: SignedIn,
    disclosure: DisclosureToReview,
    form: Annotated[SeenForm, Form()],
) -> Response:
    actor.signs(form)
    service.seen(db, actor, disclosure)
    return go(request, "/privacy/disclosures")


@router.post("/privacy/disclosures/find")
@stands_on("/privacy/disclosures")
def find(db: Db, actor: Officer, form: Annotated[FindForm, Form()]) -> Response:
    """The patient of this code: their newest stay on this unit."""
    actor.signs(form)
    stay_id = queries.stay_by_code(db, form.code, actor.unit.id)
    if stay_id is None:
        words = "No patient of this unit has that code. It stands on the board, as K-TR42."
        return render(_ledger(db, actor, code=form.code, refusal=words), 404)
    return RedirectResponse(f"/stays/{stay_id}/sharing", 303)


@router.get("/stays/{stay_id}/accounting")
def accounting_screen(db: Db, actor: SignedIn, stay: ReviewOf) -> Response:
    now = clock.now()
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=now)
    return render(
        AccountingScreen(
            shell=shell(actor, here="disclosures", now=now),
            banner=stay_queries.banner(db, stay, actor.zone, now),
            key=uuid4(),
            opened_by=actor.id,
            opened_in=actor.sign_in_id,
            years=service.YEARS,
            told=tuple(
                Told(
                    of=of,
                    title=account.title,
                    words=account.about,
                    columns=account.columns,
                    rows=service.rows(db, account, stay, actor.zone, now),
                )
                for of, account in service.ACCOUNTS.items()
            ),
        )
    )


@router.post("/stays/{stay_id}/accounting/file")
@stands_on("/stays/{stay_id}/accounting")
def accounting_file(
    db: Db, actor: SignedIn, stay: ReviewOf, form: Annotated[AccountingForm, Form()]
) -> Response:
    actor.signs(form, of=stay.id)
    now = clock.now()
    code = stay_queries.banner(db, stay, actor.zone, now).code
    name, media_type, body = service.file(db, actor, stay, form.format, form.of, code=code, now=now)
    return answers.file(name, media_type, body)
