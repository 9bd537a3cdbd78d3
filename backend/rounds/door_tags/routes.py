"""Print the tags of the doors, replace one, and open the right patient when one is scanned."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID, uuid4

import segno
from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from backend.accounts.access import SignedIn
from backend.accounts.shell import shell
from backend.accounts.units.models import Bed
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.settings import settings
from backend.core.web import Screen, go, render, stands_on
from backend.rounds.door_tags import queries, service
from backend.rounds.door_tags.access import MakesTags, Scanned, TagToReplace
from backend.rounds.door_tags.forms import ReplaceForm, TagsForm

router = APIRouter()
PRINTED = 6


@dataclass(frozen=True, kw_only=True)
class Tag:
    """One tag, as it is printed."""

    tag_id: int
    bed: str
    room: str
    picture: str
    made: str


@dataclass(frozen=True, kw_only=True)
class TagsScreen(Screen, template="rounds/door_tags.html"):
    """The sheet of tags: no patient stands on it."""

    key: UUID
    opened_by: int
    opened_in: int | None
    tags: tuple[Tag, ...]
    missing: int
    required: bool


@dataclass(frozen=True, kw_only=True)
class TagScreen(Screen, template="rounds/door_tag.html"):
    """Why a scanned tag leads to nobody."""

    title: str
    sentence: str


@router.get("/rounds/door-tags")
def tags_screen(db: Db, actor: MakesTags) -> Response:
    beds = queries.of_beds(db, actor.unit.id)
    return render(
        TagsScreen(
            shell=shell(actor, here="rounds", now=clock.now()),
            key=uuid4(),
            opened_by=actor.id,
            opened_in=actor.sign_in_id,
            tags=tuple(
                Tag(
                    tag_id=tag.id,
                    bed=bed.label,
                    room=bed.room or "",
                    picture=_picture(tag.code),
                    made=local_time.day_and_time(tag.made_at, actor.zone),
                )
                for bed, tag in beds
                if tag is not None
            ),
            missing=sum(tag is None for _, tag in beds),
            required=actor.unit.door_tags_required,
        )
    )


def _picture(code: str) -> str:
    address = f"{settings().public_origin}/rounds/safety/tag/{code}"
    return segno.make(address, error="m").svg_data_uri(scale=PRINTED, border=4, light="#fff")


@router.post("/rounds/door-tags")
def make(request: Request, db: Db, actor: MakesTags, form: Annotated[TagsForm, Form()]) -> Response:
    actor.signs(form)
    service.make_missing(db, actor.id, actor.unit.id, now=clock.now())
    return go(request, "/rounds/door-tags")


@router.post("/rounds/door-tags/{door_tag_id}/replacement")
@stands_on("/rounds/door-tags")
def replace(
    request: Request,
    db: Db,
    actor: SignedIn,
    tag: TagToReplace,
    form: Annotated[ReplaceForm, Form()],
) -> Response:
    actor.signs(form)
    service.replace(db, actor.id, tag, now=clock.now())
    return go(request, "/rounds/door-tags")


@router.get("/rounds/safety/tag/{door_tag_code}")
def scan(db: Db, actor: SignedIn, tag: Scanned) -> Response:
    """Leads on at once, so that the code does not stay in the history of the browser."""
    now = clock.now()
    bed = db.get_one(Bed, tag.bed_id)
    stay = queries.lies_in(db, bed.id)
    if tag.replaced_at is None and stay is not None:
        scanned = service.Scan(tag_id=tag.id, at=now)
        token = service.signed(scanned, actor_id=actor.id, stay_id=stay.id)
        return RedirectResponse(f"/rounds/safety?stay={stay.id}&tag={token}", 303)
    title = f"Nobody lies in bed {bed.label}"
    sentence = "There is nobody to look after behind this door. Is the bed right on the board?"
    if tag.replaced_at is not None:
        title = f"This tag of bed {bed.label} is old"
        at = local_time.day_and_time(tag.replaced_at, actor.zone)
        sentence = f"It was replaced {at}. Take it down, and scan the new one."
    return render(
        TagScreen(shell=shell(actor, here="rounds", now=now), title=title, sentence=sentence)
    )
