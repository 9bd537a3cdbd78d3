"""Read what was seen on the safety rounds of a stay. A look is made by a person, never sent."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, Field

from backend.accounts.access import ByToken, OneOf, by_token
from backend.accounts.permissions import Permission
from backend.audit import service as audit
from backend.care.disclosures.models import What
from backend.clinical.safety import NotSeenKind
from backend.core import clock
from backend.core.db import Db
from backend.core.strict_json import Moment, StrictJsonRoute
from backend.interop.api.leaving import Payload, ask_named
from backend.rounds.safety import queries
from backend.rounds.safety.models import CheckChange, NoTag, SafetyCheck
from backend.stays.models import Stay

router = APIRouter(route_class=StrictJsonRoute, tags=["safety checks"])

ChartOf = Annotated[Stay, Depends(OneOf(Stay, Permission.SEE_CHART, by_token))]
NAMES = (
    *("id", "stay_id", "change", "definition", "observed_at", "entered_at", "late_entry"),
    *("recorded_by", "place", "doing", "breathing", "concern", "not_seen", "no_tag"),
    "supersedes_id",
)


class StoredCheck(BaseModel):
    """One row as the database holds it. It never changes; a correction is a further row."""

    id: int
    stay_id: int
    change: CheckChange = Field(description="What the row says; the last row of a chain counts.")
    definition: str = Field(description="The list of words by which the letters are read.")
    observed_at: Moment
    entered_at: Moment
    late_entry: bool
    recorded_by: int
    place: str | None
    doing: str | None
    breathing: str | None = Field(description="Of somebody asleep: seen to breathe, Y or N.")
    concern: str | None = Field(description="Y: something worries. null: nobody asked.")
    not_seen: NotSeenKind | None = Field(description="Why nobody was seen.")
    tag_scanned: bool = Field(description="Whether the tag of the door was scanned for it.")
    no_tag: NoTag | None
    note: str | None
    supersedes_id: int | None
    reason: str | None = Field(description="Why it was corrected or taken back.")
    superseded_by_id: int | None = Field(description="The row that took its place, if any.")


class SafetyChecks(Payload):
    """The newest looks at one patient, newest first; five days of them at every 15 minutes."""

    safety_checks: list[StoredCheck]


def _fields(row: SafetyCheck, superseded_by_id: int | None, *, with_words: bool) -> dict[str, Any]:
    return {name: getattr(row, name) for name in NAMES} | {
        "tag_scanned": row.tag_id is not None,
        "note": row.note if with_words else None,
        "reason": row.reason if with_words else None,
        "superseded_by_id": superseded_by_id,
    }


@router.get(
    "/stays/{stay_id}/safety-checks",
    summary="What was seen on safety rounds, newest first",
    response_model=SafetyChecks,
)
def safety_checks(db: Db, actor: ByToken, stay: ChartOf) -> SafetyChecks | Response:
    """What was corrected or taken back is included and marked."""
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=clock.now())
    rows = queries.chain(db, stay.id)
    after = {row.supersedes_id: row.id for row in rows if row.supersedes_id is not None}
    sees_notes = actor.may(Permission.SEE_NOTES)
    return ask_named(
        db,
        actor,
        What.SAFETY_CHECKS,
        stay,
        lambda named: SafetyChecks(
            safety_checks=[
                StoredCheck(**_fields(row, after.get(row.id), with_words=named and sees_notes))
                for row in rows
            ],
        ),
    )
