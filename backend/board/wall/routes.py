"""The hallway screen."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Response
from markupsafe import Markup
from sqlalchemy.orm import Session

from backend.accounts import census
from backend.accounts.shell import shell
from backend.board import snapshot
from backend.board.cards import Card, in_order
from backend.board.snapshot import Counts, Snapshot
from backend.board.wall.access import AtTheWall, Viewer
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.web import Page, Screen, html, render

router = APIRouter()
CALLS_SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class WallGrid(Page, template="board/_wall.html"):
    """The hallway screen's changing part: beds and codes, never a name."""

    counts: Counts
    calls: tuple[Card, ...]
    more_calls: int
    tiles: tuple[Card, ...]
    free_beds: tuple[str, ...]
    sounds: int


@dataclass(frozen=True, kw_only=True)
class Wall(Screen, template="board/wall.html"):
    """The hallway screen: of a person who looks (`shell`), or of a machine by itself."""

    unit_name: str
    time_zone: str
    time_words: str
    now: str
    grid: Markup


def _grid(taken: Snapshot) -> str:
    def make() -> str:
        ranked = [card for _, _, found in in_order(list(taken.cards)) for card in found]
        calls = [card for card in ranked if card.overdue or card.level in ("emergency", "urgent")]
        return html(
            WallGrid(
                counts=taken.counts,
                calls=tuple(calls[:CALLS_SHOWN]),
                more_calls=max(0, len(calls) - CALLS_SHOWN),
                tiles=taken.cards,
                free_beds=taken.free_beds,
                sounds=sum(
                    card.alert is not None
                    and card.alert.level == "emergency"
                    and not card.alert.taken
                    for card in taken.cards
                ),
            )
        )

    return taken.part("wall", make)


def _snapshot(session: Session, viewer: Viewer) -> Snapshot:
    """The board, and on the audit trail whom it shows to whom."""
    now = clock.now()
    taken = snapshot.of_unit(session, viewer.unit, now)
    stays = [card.stay_id for card in taken.cards]
    if viewer.actor is not None:
        census.shown(session, viewer.actor, "wall", stays, now)
    elif viewer.machine is not None:
        census.shown_by_itself(session, viewer.machine, "wall", stays, now)
    return taken


@router.get("/wall")
def wall(db: Db, viewer: AtTheWall) -> Response:
    now, unit = clock.now(), viewer.unit
    return render(
        Wall(
            shell=shell(viewer.actor, here="wall", now=now) if viewer.actor else None,
            unit_name=unit.name,
            time_zone=unit.time_zone,
            time_words=local_time.clock_time(now, ZoneInfo(unit.time_zone)),
            now=now.isoformat(),
            grid=Markup(_grid(_snapshot(db, viewer))),  # noqa: S704 (escaped when rendered)
        )
    )


@router.get("/wall/grid")
def wall_grid(db: Db, viewer: AtTheWall) -> Response:
    return Response(_grid(_snapshot(db, viewer)), media_type="text/html")
