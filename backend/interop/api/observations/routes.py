"""Read the sets of a stay, and record one, by the same deed as the screen."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from backend.accounts.access import ByToken, OneOf, by_token
from backend.accounts.permissions import Permission, Role
from backend.audit import service as audit
from backend.care.disclosures.models import What
from backend.clinical import shared
from backend.core import clock
from backend.core.db import Db
from backend.core.errors import Invalid
from backend.core.strict_json import Digits, Key, Moment, Number, StrictJsonRoute
from backend.interop.api.leaving import Payload, ask_named, leave
from backend.interop.api.observations import queries as pages
from backend.interop.api.observations.forms import SetBody
from backend.observations import queries, service
from backend.observations.models import Outcome, ScoreStatus, Source
from backend.observations.queries import StoredSet
from backend.stays.models import Stay

router = APIRouter(route_class=StrictJsonRoute, tags=["observations"])

ChartOf = Annotated[Stay, Depends(OneOf(Stay, Permission.SEE_CHART, by_token))]
BedsideOf = Annotated[Stay, Depends(OneOf(Stay, Permission.RECORD_OBSERVATION, by_token))]
MOST = 200


class StoredScore(BaseModel):
    """What one instrument made of the set. Without a total, `lowest` and `highest` bound it."""

    definition: str
    status: ScoreStatus
    total: int | None
    lowest: int | None
    highest: int | None
    value: str | None = Field(description="Where nothing is added up: a letter, or the number.")
    band_system: str
    band: str | None
    severity: int | None = Field(description="0 is the mildest; compare only within one system.")
    answers: dict[str, Any]
    unscored: dict[str, Any]
    points: dict[str, Any]
    alarms: list[str]


class StoredVitals(BaseModel):
    """Vital signs in the units that the names say; null was not measured, and is not normal."""

    model_config = ConfigDict(from_attributes=True)

    respiratory_rate_per_min: int | None
    spo2_percent: int | None
    on_oxygen: bool | None
    oxygen_l_per_min: Number | None
    systolic_mmhg: int | None
    diastolic_mmhg: int | None
    pulse_per_min: int | None
    temperature_c: Number | None
    consciousness: str | None


class StoredObservation(BaseModel):
    """One set as the database holds it. It never changes; a correction is a further set."""

    id: int
    stay_id: int
    observed_at: Moment
    entered_at: Moment
    late_entry: bool
    outcome: Outcome
    source: Source
    recorded_by: int
    vitals: StoredVitals
    scores: dict[str, StoredScore]
    note: str | None
    supersedes_id: int | None
    correction_reason: str | None
    superseded_by_id: int | None = Field(description="The set that corrects this one, if any.")


class RecordedObservation(StoredObservation, Payload):
    """The set that has just been stored."""


class Observations(Payload):
    """One page of a stay's sets, the last stored first."""

    observations: list[StoredObservation]
    next_before: int | None = Field(description="Ask with `before` for the next page; null: done.")


def described(stored: StoredSet, *, with_words: bool = True) -> StoredObservation:
    """A stored set for a machine. What people wrote in words may name somebody."""
    return StoredObservation(**_fields(stored, with_words=with_words))


def _fields(stored: StoredSet, *, with_words: bool) -> dict[str, Any]:
    row = stored.observation
    return dict(  # noqa: C408 (fields, not a table)
        id=row.id,
        stay_id=row.stay_id,
        observed_at=row.observed_at,
        entered_at=row.entered_at,
        late_entry=row.late_entry,
        outcome=row.outcome,
        source=row.source,
        recorded_by=row.recorded_by,
        vitals=StoredVitals.model_validate(row),
        scores={
            instrument: StoredScore(
                definition=score.definition,
                status=score.status,
                total=score.total,
                lowest=score.lowest,
                highest=score.highest,
                value=score.value,
                band_system=score.band_system,
                band=score.band,
                severity=score.severity,
                answers=score.answers,
                unscored=score.unscored,
                points=score.points,
                alarms=score.alarms,
            )
            for instrument, score in stored.scores.items()
        },
        note=row.note if with_words else None,
        supersedes_id=row.supersedes_id,
        correction_reason=row.correction_reason if with_words else None,
        superseded_by_id=stored.superseded_by_id,
    )


@router.get(
    "/stays/{stay_id}/observations",
    summary="The sets of a stay, the last stored first",
    response_model=Observations,
)
def observations(
    db: Db,
    actor: ByToken,
    stay: ChartOf,
    before: Annotated[int | None, Digits, Query(ge=1, lt=2**63)] = None,
    limit: Annotated[int, Digits, Query(ge=1, le=MOST)] = 50,
) -> Observations | Response:
    """Corrected sets are included and marked.

    Two sets stored at the same moment may become visible in either order, so whoever follows a
    stay asks for the first page again and keeps what is new.
    """
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=clock.now())
    found = pages.stored_before(db, stay.id, before=before, most=limit + 1)
    page = found[:limit]
    more = len(found) > limit
    return ask_named(
        db,
        actor,
        What.OBSERVATIONS,
        stay,
        lambda named: Observations(
            observations=[described(stored, with_words=named) for stored in page],
            next_before=page[-1].observation.id if more else None,
        ),
    )


@router.post(
    "/stays/{stay_id}/observations",
    status_code=201,
    summary="Record one set",
)
def record(db: Db, actor: ByToken, stay: BedsideOf, key: Key, body: SetBody) -> RecordedObservation:
    """Stored, scored, and evaluated by the unit's rules in one transaction.

    When this answers, alerts have been raised and the next observation has its due time. The
    answer is the stored row, whose totals are the ones that screens show.
    """
    sheet = body.sheet()
    if wrong := shared.contradictions(sheet.answers, sheet.vitals):
        raise Invalid("An answer and the vital sign that it is read off contradict.", wrong)
    source = Source.DEVICE if actor.role is Role.DEVICE else Source.API
    row = service.record(
        db,
        actor.id,
        stay,
        key=key,
        sheet=sheet,
        source=source,
        reserved=actor.reserved_scales,
    )
    stored = queries.one(db, stay.id, row.id)
    assert stored is not None  # noqa: S101 (it was written two lines above)
    # What the sender sent, and what it came to: nobody is named who was not named to us.
    return leave(
        db,
        actor,
        What.OBSERVATIONS,
        RecordedObservation(**_fields(stored, with_words=True)),
    )
