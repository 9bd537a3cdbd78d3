"""The stream of words, what goes stale without a word, and what Vigil is."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from sqlalchemy.exc import SQLAlchemyError

from backend.accounts.access import SignedIn
from backend.accounts.locks.access import Listening, Locker, still_there
from backend.accounts.shell import shell
from backend.accounts.sign_in.service import ENDED
from backend.accounts.workstations.service import ended_word
from backend.core import clock, live
from backend.core.web import Page, Screen, Shell, anybody, render

router = APIRouter()

# A stream outlives its sign-in by no more than this many heartbeats.
BEATS_PER_CHECK = 2


@dataclass(frozen=True, kw_only=True)
class When(Page, template="components/_when.html"):
    """The unit, the date and the shift."""

    shell: Shell


@dataclass(frozen=True, kw_only=True)
class About(Screen, template="board/about.html"):
    """What Vigil is for, and what it is not."""


@router.get("/shift")
def when(actor: SignedIn) -> Response:
    """Date and shift, for a screen that stays open through them."""
    return render(When(shell=shell(actor, here="", now=clock.now())))


@router.get("/about", dependencies=[Depends(anybody)])
def about() -> Response:
    return render(About(shell=None))


def _still_there(locker: Locker) -> bool:
    """Whether it can be shown now; while the database is away the screen must ask again."""
    try:
        return still_there(locker)
    except (SQLAlchemyError, OSError):
        return False


def _my_end(locker: Locker) -> str:
    if locker.actor is None and locker.workstation is not None:
        return ended_word(locker.workstation.id)
    return f"{ENDED}{locker.actor.sign_in_id if locker.actor else 0}"


@router.get("/live", response_class=EventSourceResponse)
async def live_words(locker: Listening) -> AsyncIterator[ServerSentEvent]:
    """Topic words and heartbeats, for as long as the sign-in lasts. Holds no database session.

    Every screen listens, whatever its role may see: a word says nothing about anybody, and what
    it makes a screen ask for is checked like everything else. A locked screen listens too, or its
    alarms would stand still. That this sign-in ended is the last word; where it is lost, the check
    at a heartbeat ends the stream.
    """
    beats = 0
    mine = _my_end(locker)
    async for event in live.broadcast.hear():
        if (event.raw_data or "").startswith(ENDED):
            if event.raw_data != mine:
                continue  # somebody else's
            yield ServerSentEvent(event="ended", raw_data="")
            return
        if event.event == "heartbeat":
            beats += 1
            if beats % BEATS_PER_CHECK == 0 and not await asyncio.to_thread(_still_there, locker):
                return
        yield event
