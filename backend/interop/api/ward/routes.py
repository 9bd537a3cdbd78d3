"""The unit that the token is for: its beds, and its board as it stands."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from backend.accounts import census
from backend.accounts.access import Actor, Allowed, by_token
from backend.accounts.permissions import Permission
from backend.accounts.units import queries as units_queries
from backend.accounts.units.models import Bed
from backend.alerts.models import AlertState, Level
from backend.board import queries as board_queries
from backend.board.queries import Lying
from backend.care.disclosures.models import What
from backend.core import clock
from backend.core.db import Db
from backend.core.strict_json import Moment, StrictJsonRoute
from backend.interop.api.away import ShownAway, shown_away
from backend.interop.api.leaving import Payload, leave
from backend.observations.models import Outcome, ScoreStatus
from backend.rounds.models import RoundState
from backend.stays import queries as stays_queries

router = APIRouter(route_class=StrictJsonRoute, tags=["ward"])

Reader = Annotated[Actor, Depends(Allowed(Permission.SEE_BOARD, by_token))]


class ShownBed(BaseModel):
    """A place to lie."""

    id: int
    label: str
    room: str | None


class ShownUnit(BaseModel):
    """One ward, on its own clock."""

    id: int
    code: str
    name: str
    time_zone: str = Field(description="IANA name; shifts and days are on this clock.")
    shift_starts: list[str] = Field(examples=[["07:00", "19:00"]])
    beds: list[ShownBed]


class Units(Payload):
    """The units that this token may act on: one."""

    units: list[ShownUnit]


class LastScore(BaseModel):
    """The newest score of one instrument; without a total, `lowest` bounds it from below."""

    definition: str
    observed_at: Moment
    status: ScoreStatus
    total: int | None
    lowest: int | None
    value: str | None
    band_system: str
    band: str | None
    severity: int | None


class LastSet(BaseModel):
    """The newest set, of whatever outcome."""

    observed_at: Moment
    outcome: Outcome


class OpenAlert(BaseModel):
    """What needs somebody."""

    id: int
    level: Level
    state: AlertState
    title: str


class NextRound(BaseModel):
    """What is to be observed next."""

    instrument: str
    due_at: Moment
    late_at: Moment
    state: RoundState


class Place(BaseModel):
    """One patient on the board. Nothing here is normal because it is null."""

    stay_id: int
    patient_code: str
    bed: ShownBed | None = Field(description="null: a patient without a bed, still to be watched.")
    last_set: LastSet | None
    scores: dict[str, LastScore]
    alerts: list[OpenAlert] = Field(description="Worst first.")
    rounds: list[NextRound] = Field(description="Next due first; empty while somebody is away.")
    away: ShownAway | None = Field(description="null: on the unit.")


class Board(Payload):
    """The unit at one moment, without names."""

    server_time: Moment
    places: list[Place]
    free_beds: list[ShownBed]


def _bed(bed: Bed) -> ShownBed:
    return ShownBed(id=bed.id, label=bed.label, room=bed.room)


def _place(lying: Lying) -> Place:
    newest = {key: course.point for key, course in lying.courses.items() if course.point}
    return Place(
        stay_id=lying.stay.id,
        patient_code=lying.patient.code,
        bed=_bed(lying.bed) if lying.bed else None,
        last_set=LastSet(observed_at=lying.last.observed_at, outcome=lying.last.outcome)
        if lying.last
        else None,
        scores={
            instrument: LastScore(
                definition=point.definition,
                observed_at=point.observed_at,
                status=point.status,
                total=point.total,
                lowest=point.lowest,
                value=point.value,
                band_system=point.band_system,
                band=point.band,
                severity=point.severity,
            )
            for instrument, point in newest.items()
        },
        alerts=[
            OpenAlert(id=alert.id, level=alert.level, state=alert.state, title=alert.title)
            for alert in lying.alerts
        ],
        rounds=[
            NextRound(
                instrument=row.instrument, due_at=row.due_at, late_at=row.late_at, state=row.state
            )
            for row in lying.rounds
        ],
        away=shown_away(lying.away),
    )


@router.get("/board", summary="Everybody on the unit: last scores, open alerts, what is due")
def board(db: Db, actor: Reader) -> Board:
    """What the ward board shows, by bed and code. Ask again every few seconds, not more often."""
    now, everybody = clock.now(), board_queries.lying(db, actor.unit.id)
    census.shown(db, actor, "api board", [lying.stay.id for lying in everybody], now)
    found = Board(
        server_time=now,
        places=[_place(lying) for lying in everybody],
        free_beds=[_bed(bed) for bed in stays_queries.free_beds(db, actor.unit.id)],
    )
    return leave(db, actor, What.BOARD, found)


@router.get("/units", summary="The unit that the token is for, with its beds")
def units(db: Db, actor: Reader) -> Units:
    """A token is for one unit; everything else of another unit reads 404."""
    unit = actor.unit
    found = Units(
        units=[
            ShownUnit(
                id=unit.id,
                code=unit.code,
                name=unit.name,
                time_zone=unit.time_zone,
                shift_starts=[f"{start:%H:%M}" for start in unit.shift_starts],
                beds=[_bed(bed) for bed in units_queries.beds(db, unit.id)],
            )
        ]
    )
    return leave(db, actor, What.UNIT, found)
