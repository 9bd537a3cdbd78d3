"""How an answer leaves to a machine: through the one door, with the notice as its first field."""

from collections.abc import Callable
from typing import TypeVar

from fastapi import Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.care.disclosures import service as disclosures
from backend.care.disclosures.models import Basis, What
from backend.care.disclosures.notice import HEADER, NOTICE
from backend.care.disclosures.service import ANSWER, Clearance, Grounds, Leaving, Written
from backend.core.errors import TooMany
from backend.stays.models import Stay


class Payload(BaseModel):
    """What every answer with records in it carries."""

    notice: str = Field(default=NOTICE, description="42 CFR 2.32: pass it on with the records.")


P = TypeVar("P", bound=Payload)


def noticed(response: Response) -> None:
    """The same notice as a header, for whatever passes the answer on unread."""
    response.headers[HEADER] = NOTICE


def leave(session: Session, actor: Actor, what: What, payload: P) -> P:
    """An answer in which nobody is named."""

    def write(_: Clearance) -> Written[P]:
        return _written(payload)

    leaving = Leaving(unit=actor.unit, by=actor.id, actor=actor, what=what, form=ANSWER)
    return disclosures.release(session, leaving, write)


def leave_named(
    session: Session,
    actor: Actor,
    what: What,
    stay: Stay,
    make: Callable[[bool], P],
    *,
    capped: bool = False,
) -> P:
    """An answer about one patient, named unless they asked that nothing leaves with their name."""

    def write(clearance: Clearance) -> Written[P]:
        return _written(make(stay.id in clearance.named))

    leaving = Leaving(
        unit=actor.unit,
        by=actor.id,
        actor=actor,
        what=what,
        form=ANSWER,
        whose={stay.id: stay.patient_id},
        grounds=Grounds(
            basis=Basis.TREATMENT,
            recipient=actor.name,
            affiliation=actor.unit.name,
            purpose="care on the unit, through an interface of its own",
        ),
        capped=capped,
    )
    return disclosures.release(session, leaving, write)


def ask_named(
    session: Session,
    actor: Actor,
    what: What,
    stay: Stay,
    make: Callable[[bool], P],
) -> P | Response:
    """The same for a question. Its refusal is answered, not raised, so that it stays on record."""
    try:
        return leave_named(session, actor, what, stay, make, capped=True)
    except TooMany as error:
        return JSONResponse(
            {"status": error.status, "title": error.sentence},
            error.status,
            headers={"Retry-After": "60"},
            media_type="application/problem+json",
        )


def _written(payload: P) -> Written[P]:
    return Written(value=payload, body=lambda: payload.model_dump_json().encode(), rows=1)
