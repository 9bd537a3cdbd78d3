"""Print blank sheets of one patient; come back from one to type it in."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import RedirectResponse

from backend.accounts.access import Actor, Allowed, SignedIn, load
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.audit import service as audit
from backend.core import clock
from backend.core.db import Db
from backend.core.web import Screen, render
from backend.observations import queries as observations
from backend.observations import words
from backend.observations.paper import page, token
from backend.observations.paper.page import Blank
from backend.observations.sheet import opening
from backend.observations.sheet.reading import local_input
from backend.observations.sheet.screen import screen
from backend.stays import queries as stays
from backend.stays.access import BedsideOf
from backend.stays.models import Stay
from backend.stays.queries import Banner

router = APIRouter()
Records = Annotated[Actor, Depends(Allowed(Permission.RECORD_OBSERVATION))]
HOURS = (4, 8, 12)


@dataclass(frozen=True, kw_only=True)
class PaperScreen(Screen, template="observations/paper.html"):
    """What to print, and under it the sheets, each a page."""

    banner: Banner
    instruments: tuple[tuple[str, str, bool], ...]
    hours: tuple[tuple[int, bool], ...]
    blanks: tuple[Blank, ...]


@router.get("/stays/{stay_id}/paper")
def paper_screen(
    db: Db,
    actor: SignedIn,
    stay: BedsideOf,
    instruments: Annotated[list[str] | None, Query(max_length=30)] = None,
    hours: Annotated[int, Query(ge=1, le=12)] = HOURS[0],
) -> Response:
    now = clock.now()
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=now)
    known = page.asked(db, actor, stay)
    usual = page.ordered(db, stay)
    wanted = [key for key in known if key in (usual if instruments is None else instruments)]
    blanks = page.blanks(db, actor, stay, wanted, hours=hours, now=now)
    audit.note(
        db,
        actor.id,
        "observation.paper_made",
        unit_id=stay.unit_id,
        stay_id=stay.id,
        sheets=len(blanks),
    )
    return render(
        PaperScreen(
            shell=shell(actor, here="paper", now=now),
            banner=stays.banner(db, stay, actor.zone, now),
            instruments=tuple((key, words.name_of(key), key in wanted) for key in known),
            hours=tuple((number, number == hours) for number in HOURS),
            blanks=blanks,
        )
    )


@router.get("/paper/{sheet}")
def back_from_paper(db: Db, actor: Records, sheet: str) -> Response:
    """The sheet of that patient and instrument, at the time for which it was printed.

    What was typed in from this paper before is shown, and not asked a second time.
    """
    blank = token.read(actor.unit.id, sheet)
    stay: Stay = load(db, actor, Stay, blank.stay_id, Permission.RECORD_OBSERVATION)
    now = clock.now()
    stored = observations.by_key(db, blank.key)
    if stored is not None:
        return RedirectResponse(f"/stays/{stay.id}/observations/{stored.id}", 303)
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=now)
    filled = opening.new(
        db,
        actor,
        stay,
        instruments=(blank.instrument,),
        also=(),
        key=blank.key,
        observed_local=local_input(blank.due_at, actor.zone) if blank.due_at <= now else "",
    )
    return render(screen(db, actor, stay, filled))
