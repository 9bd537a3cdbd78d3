"""Take in what waited on a device; show what still waits there."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated
from uuid import uuid4

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from backend.accounts import census
from backend.accounts.access import Actor, Allowed, SignedIn
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.accounts.sign_in import queries as sign_ins
from backend.accounts.workstations.cookies import workstation_of
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.errors import Conflict, Invalid
from backend.core.settings import settings
from backend.core.web import Screen, anybody, render
from backend.observations import service
from backend.observations.models import Observation, Source
from backend.observations.offline import queries, worker
from backend.observations.sheet import forms, opening
from backend.observations.sheet.forms import SheetForm
from backend.observations.sheet.reading import AHEAD, Sent
from backend.observations.sheet.screen import screen
from backend.observations.sheet.wire import Came
from backend.stays.access import BedsideOf
from backend.stays.models import Stay

router = APIRouter()
Records = Annotated[Actor, Depends(Allowed(Permission.RECORD_OBSERVATION))]
Opened = Annotated[list[int] | None, Query(max_length=queries.MOST)]
# Beside the inputs of the sheet itself.
SAVED_ON_DEVICE_AT = "saved_on_device_at"
EARLIEST_YEAR = 2000


@dataclass(frozen=True, kw_only=True)
class UnsentScreen(Screen, template="observations/unsent.html"):
    """What waits on this device. The server knows nothing of it: the page's script fills it."""


@dataclass(frozen=True, kw_only=True)
class OfflineScreen(Screen, template="observations/offline.html"):
    """What a browser shows instead of a page that it does not keep. Holds nothing of anybody."""


@router.get("/worker.js", dependencies=[Depends(anybody)])
def worker_script() -> Response:
    """At the root, since a worker serves what lies beside its own address."""
    return Response(worker.script(), media_type="text/javascript")


@router.get("/offline", dependencies=[Depends(anybody)])
def offline_screen() -> Response:
    return render(OfflineScreen(shell=None))


@router.get("/offline/device", dependencies=[Depends(anybody)])
def device(request: Request, db: Db) -> Response:
    """The enrolment of the machine that asks; 0 where it has none, or none any more."""
    here = workstation_of(request, db)
    return JSONResponse({"device": here.id if here else 0})


@router.get("/offline/pages")
def pages_to_keep(
    db: Db,
    actor: Records,
    opened: Annotated[list[int] | None, Query(max_length=queries.MOST)] = None,
) -> Response:
    """What this machine keeps for who is signed in: their patients, or else those they opened.

    Nothing on a machine that nobody has enrolled; in the demo everybody is invented.
    """
    if actor.workstation_id is None and not settings().demo:
        return JSONResponse({"pages": []})
    stays = queries.to_keep(db, actor, opened or (), now=clock.now())
    sheets = {f"/stays/{stay_id}/record": f"/stays/{stay_id}/record/copy" for stay_id in stays}
    copies = {"/unsent": "/unsent", "/rounds": "/rounds", **sheets}
    return JSONResponse({"pages": [{"path": to, "from": at} for to, at in copies.items()]})


@router.get("/stays/{stay_id}/record/copy")
def record_copy(db: Db, actor: SignedIn, stay: BedsideOf) -> Response:
    """For a device to keep: written down like a board, since nobody has looked at it yet."""
    census.shown(db, actor, f"copy of {stay.id}", [stay.id], clock.now())
    sheet = opening.new(db, actor, stay, instruments=(), also=(), key=uuid4())
    return render(screen(db, actor, stay, sheet))


@router.get("/unsent")
def unsent_screen(actor: Records) -> Response:
    return render(UnsentScreen(shell=shell(actor, here="unsent", now=clock.now())))


@router.post("/stays/{stay_id}/observations/queued")
def take_in(db: Db, actor: SignedIn, stay: BedsideOf, came: Came) -> Response:
    """A set that was saved without contact, from the script that kept it meanwhile.

    The same sheet under the same key as if it had been sent at once: whichever comes first is
    stored, and the other gets its answer.
    """
    try:
        with db.begin_nested():
            row = _recorded(db, actor, stay, came)
    except Invalid as refused:
        return _refusal(refused.status, refused.sentence, refused.fields)
    except Conflict as overtaken:
        return _refusal(overtaken.status, overtaken.sentence, {})
    return JSONResponse(
        {
            "key": str(row.key),
            "path": f"/stays/{stay.id}/observations/{row.id}",
            "received": local_time.clock_time(row.entered_at, actor.zone),
        }
    )


def _recorded(db: Session, actor: Actor, stay: Stay, came: Sent) -> Observation:
    sheet = came.without(SAVED_ON_DEVICE_AT)
    form = forms.read(sheet)
    form.must_be_of(stay.id)
    _must_have_typed(db, actor, form)
    now = clock.now()
    return service.record(
        db,
        actor.id,
        stay,
        key=form.key,
        sheet=form.sheet(actor.zone, now),
        source=Source.TYPED,
        sent=sheet.fingerprint(stay.id),
        reserved=actor.reserved_scales,
        saved_on_device_at=_saved_at(came.inputs.get(SAVED_ON_DEVICE_AT, ""), now),
    )


def _must_have_typed(db: Session, actor: Actor, form: SheetForm) -> None:
    """The sign-in may have ended meanwhile: it was this very person's, or it is not theirs to send.

    That they are at the keys of the page that sends it, every request is asked.
    """
    if form.opened_by != actor.id or not sign_ins.was_of(db, form.opened_in, actor.id):
        raise Conflict("Somebody else typed this, so it was not saved. It waits for their sign-in.")


def _saved_at(said: str, now: datetime) -> datetime:
    words = "When this was saved on the device cannot be read. Open the set, and save it again."
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        raise Invalid("Not saved.", {SAVED_ON_DEVICE_AT: words}) from None
    if at.tzinfo is None or at.year < EARLIEST_YEAR or at > now + AHEAD:
        raise Invalid("Not saved.", {SAVED_ON_DEVICE_AT: words})
    return at.astimezone(UTC)


def _refusal(status: int, sentence: str, fields: dict[str, str]) -> Response:
    return JSONResponse({"sentence": sentence, "wrong": list(fields.values())}, status)
