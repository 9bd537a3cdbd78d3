"""Read what happened on a stay, and write it down, by the same deed as the screen."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from pydantic import BaseModel, Field

from backend.accounts.access import ByToken, OneOf, by_token
from backend.accounts.permissions import Permission
from backend.audit import service as audit
from backend.care.disclosures.models import What
from backend.core import clock
from backend.core.db import Db
from backend.core.errors import Conflict
from backend.core.strict_json import Key, Moment, StrictJsonRoute
from backend.interop.api.events.forms import EndBody, EventBody
from backend.interop.api.leaving import Payload, ask_named, leave
from backend.observations.events import queries, service
from backend.observations.events.models import Event, EventChange, EventKind
from backend.stays.models import Stay

router = APIRouter(route_class=StrictJsonRoute, tags=["events"])

ChartOf = Annotated[Stay, Depends(OneOf(Stay, Permission.SEE_CHART, by_token))]
BedsideOf = Annotated[Stay, Depends(OneOf(Stay, Permission.RECORD_OBSERVATION, by_token))]
EventId = Annotated[int, Path(ge=1, lt=2**63)]
OTHER_USE = "This key was used for something else. Make a new one for each deed."


class StoredEvent(BaseModel):
    """One row as the database holds it. It never changes; an end or correction is a further row."""

    id: int
    stay_id: int
    kind: EventKind
    change: EventChange = Field(description="What the row says; the last row of a chain counts.")
    started_at: Moment
    ended_at: Moment | None = Field(description="null: not over, not known, or without an end.")
    entered_at: Moment
    recorded_by: int
    supersedes_id: int | None
    reason: str | None = Field(description="Why it was corrected or taken back.")
    superseded_by_id: int | None = Field(description="The row that took its place, if any.")


class RecordedEvent(StoredEvent, Payload):
    """The row that has just been stored."""


class Events(Payload):
    """Everything that happened on a stay, oldest row first."""

    events: list[StoredEvent]


def _fields(row: Event, superseded_by_id: int | None, *, with_words: bool) -> dict[str, Any]:
    names = ("id", "stay_id", "kind", "change", "started_at", "ended_at", "entered_at")
    found = {name: getattr(row, name) for name in (*names, "recorded_by", "supersedes_id")}
    reason = row.reason if with_words else None
    return found | {"reason": reason, "superseded_by_id": superseded_by_id}


@router.get(
    "/stays/{stay_id}/events",
    summary="What happened on a stay, oldest row first",
    response_model=Events,
)
def events(db: Db, actor: ByToken, stay: ChartOf) -> Events | Response:
    """What was corrected or taken back is included and marked."""
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=clock.now())
    rows = queries.chain(db, stay.id)
    after = {row.supersedes_id: row.id for row in rows if row.supersedes_id is not None}
    return ask_named(
        db,
        actor,
        What.EVENTS,
        stay,
        lambda named: Events(
            events=[
                StoredEvent(**_fields(row, after.get(row.id), with_words=named)) for row in rows
            ],
        ),
    )


@router.post("/stays/{stay_id}/events", status_code=201, summary="Write down an event")
def record(db: Db, actor: ByToken, stay: BedsideOf, key: Key, body: EventBody) -> RecordedEvent:
    """Fresh, or still going on, it calls for somebody at once, as a tap on the screen does."""
    row = service.record(
        db,
        actor.id,
        stay,
        key=key,
        kind=body.kind,
        started_at=body.started_at,
        ended_at=body.ended_at,
    )
    if (row.started_at, row.ended_at) != (body.started_at, body.ended_at):
        raise Conflict(OTHER_USE)
    return leave(db, actor, What.EVENTS, RecordedEvent(**_fields(row, None, with_words=True)))


@router.post(
    "/stays/{stay_id}/events/{event_id}/end", status_code=201, summary="Say that it is over"
)
def end(
    *, db: Db, actor: ByToken, stay: BedsideOf, event_id: EventId, key: Key, body: EndBody
) -> RecordedEvent:
    """A further row, with the end."""
    row = service.end(db, actor.id, stay, key=key, event_id=event_id, ended_at=body.ended_at)
    if row.ended_at != body.ended_at:
        raise Conflict(OTHER_USE)
    return leave(db, actor, What.EVENTS, RecordedEvent(**_fields(row, None, with_words=True)))
