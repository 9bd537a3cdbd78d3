"""The hallway screen."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from markupsafe import Markup
from sqlalchemy.orm import Session

from backend.accounts import census
from backend.accounts.access import Actor, Allowed
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.board import snapshot
from backend.board.cards import Card, in_order
from backend.board.snapshot import Counts, Snapshot
from backend.core import clock
from backend.core.db import Db
from backend.core.web import Page, Screen, html, render

router = APIRouter()
SeesBoard = Annotated[Actor, Depends(Allowed(Permission.SEE_BOARD))]
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
    """The hallway screen."""

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


def _snapshot(session: Session, actor: Actor) -> Snapshot:
    """The board, and on the audit trail whom it shows to whom."""
    now = clock.now()
    taken = snapshot.of_unit(session, actor.unit, now)
    census.shown(session, actor, "wall", [card.stay_id for card in taken.cards], now)
    return taken


@router.get("/wall")
def wall(db: Db, actor: SeesBoard) -> Response:
    return render(
        Wall(
            shell=shell(actor, here="wall", now=clock.now()),
            grid=Markup(_grid(_snapshot(db, actor))),  # noqa: S704 (escaped when rendered)
        )
    )


@router.get("/wall/grid")
def wall_grid(db: Db, actor: SeesBoard) -> Response:
    return Response(_grid(_snapshot(db, actor)), media_type="text/html")
