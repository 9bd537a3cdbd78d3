"""The ward board: every bed, in this device's order."""

from dataclasses import dataclass, replace
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from markupsafe import Markup
from sqlalchemy.orm import Session

from backend.accounts import census
from backend.accounts.access import Actor, Allowed, OneOf, SignedIn
from backend.accounts.permissions import Permission, Role
from backend.accounts.shell import landing, shell
from backend.board import snapshot
from backend.board.cards import Card, in_order
from backend.board.snapshot import Counts, Snapshot
from backend.core import clock
from backend.core.db import Db
from backend.core.web import Page, Screen, html, render
from backend.stays.models import Stay

router = APIRouter()
SeesBoard = Annotated[Actor, Depends(Allowed(Permission.SEE_BOARD))]
OnTheBoard = Annotated[Stay, Depends(OneOf(Stay, Permission.SEE_BOARD))]

LOOK_COOKIE = "board_look"
REMEMBERED_S = 365 * 24 * 3600
CALLS_SHOWN = 8
# A stream outlives its sign-in by no more than this many heartbeats.
BEATS_PER_CHECK = 2


@dataclass(frozen=True, kw_only=True)
class Look:
    """How this device wants its board."""

    order: Literal["worst", "bed"]
    view: Literal["rows", "cards"]
    names: Literal["names", "codes"]


@dataclass(frozen=True, kw_only=True)
class Group:
    """Beds that belong together, under a heading. `ranks` are those that may stand in it."""

    title: str
    ranks: str
    beds: tuple[Card, ...]


@dataclass(frozen=True, kw_only=True)
class BedAndFigures(Page, template="board/_bed_and_figures.html"):
    """One bed on its own, after something happened there, and the figures that it counts in."""

    bed: Card
    summary: Markup


@dataclass(frozen=True, kw_only=True)
class Summary(Page, template="board/_summary.html"):
    """The figures, and the overdue beds that no order and no scrolling hides."""

    counts: Counts
    overdue: tuple[Card, ...]
    look: Look
    may_admit: bool


@dataclass(frozen=True, kw_only=True)
class Ward(Page, template="board/_ward.html"):
    """All beds, in this device's order."""

    groups: tuple[Group, ...]
    free_beds: tuple[str, ...]
    view: str


@dataclass(frozen=True, kw_only=True)
class Board(Screen, template="board/board.html"):
    """The ward board."""

    summary: Markup
    ward: Markup


async def kept_look(request: Request) -> Look:
    """The look that this device was last given. A cookie that says something else says nothing."""
    kept = request.cookies.get(LOOK_COOKIE, "").split("-")
    return Look(
        order="bed" if "bed" in kept else "worst",
        view="cards" if "cards" in kept else "rows",
        names="codes" if "codes" in kept else "names",
    )


KeptLook = Annotated[Look, Depends(kept_look)]


async def look(
    kept: KeptLook,
    order: Annotated[Literal["worst", "bed"] | None, Query()] = None,
    view: Annotated[Literal["rows", "cards"] | None, Query()] = None,
    names: Annotated[Literal["names", "codes"] | None, Query()] = None,
) -> Look:
    """The look in the address, or else the one that is kept."""
    return Look(order=order or kept.order, view=view or kept.view, names=names or kept.names)


Looking = Annotated[Look, Depends(look)]


def _snapshot(session: Session, actor: Actor) -> Snapshot:
    """The board, and on the audit trail whom it shows to whom."""
    now = clock.now()
    taken = snapshot.of_unit(session, actor.unit, now)
    census.shown(session, actor, "board", [card.stay_id for card in taken.cards], now)
    return taken


def _shown(card: Card, actor: Actor, look: Look) -> Card:
    """The card as this reader on this device may see it."""
    return replace(
        card,
        title=card.code if look.names == "codes" else card.title,
        may_record=actor.may(Permission.RECORD_OBSERVATION),
        may_open_alert=actor.may(Permission.SEE_ALERTS),
        shows_moved=_reads_parts(actor),
    )


def _sees(actor: Actor) -> tuple[bool, ...]:
    """All that one reader's board differs by from another's: what is rendered is shared by it."""
    may = Permission.RECORD_OBSERVATION, Permission.SEE_ALERTS, Permission.MANAGE_STAYS
    return (*(actor.may(permission) for permission in may), _reads_parts(actor))


def _reads_parts(actor: Actor) -> bool:
    """Physicians read what moved, not only how much. Others have it in the chart: no right."""
    return actor.role is Role.PHYSICIAN


def _summary(taken: Snapshot, actor: Actor, look: Look) -> str:
    def make() -> str:
        overdue = sorted(
            (card for card in taken.cards if card.overdue), key=lambda card: -card.overdue_minutes
        )
        return html(
            Summary(
                counts=taken.counts,
                overdue=tuple(overdue),
                look=look,
                may_admit=actor.may(Permission.MANAGE_STAYS),
            )
        )

    return taken.part(("summary", look, _sees(actor)), make)


def _ward(taken: Snapshot, actor: Actor, look: Look) -> str:
    def make() -> str:
        cards = [_shown(card, actor, look) for card in taken.cards]
        groups = (
            [("By bed", "", cards)]
            if look.order == "bed" and cards
            else [
                (title, "".join(map(str, ranks)), found) for title, ranks, found in in_order(cards)
            ]
        )
        return html(
            Ward(
                groups=tuple(
                    Group(title=title, ranks=ranks, beds=tuple(found))
                    for title, ranks, found in groups
                ),
                free_beds=taken.free_beds,
                view=look.view,
            )
        )

    return taken.part(("ward", look, _sees(actor)), make)


def _bed(taken: Snapshot, card: Card, actor: Actor, look: Look) -> str:
    def make() -> str:
        summary = Markup(_summary(taken, actor, look))  # noqa: S704 (escaped when it was made)
        return html(BedAndFigures(bed=_shown(card, actor, look), summary=summary))

    return taken.part(("bed", card.stay_id, look, _sees(actor)), make)


@router.get("/")
def board(db: Db, actor: SeesBoard, look: Looking) -> Response:
    taken = _snapshot(db, actor)
    answer = render(
        Board(
            shell=shell(actor, here="board", now=clock.now()),
            summary=Markup(_summary(taken, actor, look)),  # noqa: S704 (escaped when rendered)
            ward=Markup(_ward(taken, actor, look)),  # noqa: S704
        )
    )
    answer.set_cookie(
        LOOK_COOKIE,
        f"{look.order}-{look.view}-{look.names}",
        max_age=REMEMBERED_S,
        httponly=True,
        samesite="lax",
        path="/",
    )
    return answer


@router.get("/home")
def home(actor: SignedIn) -> Response:
    """The first page that this role may see: the board, or another."""
    return RedirectResponse(landing(actor.role), 303)


@router.get("/summary")
def summary(db: Db, actor: SeesBoard, look: KeptLook) -> Response:
    return Response(_summary(_snapshot(db, actor), actor, look), media_type="text/html")


@router.get("/ward")
def ward(db: Db, actor: SeesBoard, look: KeptLook) -> Response:
    return Response(_ward(_snapshot(db, actor), actor, look), media_type="text/html")


@router.get("/beds/{stay_id}")
def bed(db: Db, actor: SeesBoard, stay: OnTheBoard, look: KeptLook) -> Response:
    """The bed, and with it the figures: what changes the one mostly changes the other."""
    taken = _snapshot(db, actor)
    for card in taken.cards:
        if card.stay_id == stay.id:
            return Response(_bed(taken, card, actor, look), media_type="text/html")
    return Response(media_type="text/html")  # discharged meanwhile: its place empties
