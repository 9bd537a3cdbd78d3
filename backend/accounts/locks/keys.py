"""Who has the keys of a browser, however they came in."""

from fastapi import Request, Response
from sqlalchemy.orm import Session

from backend.accounts.locks import service
from backend.accounts.sign_in.cookies import give_token, token_of
from backend.accounts.workstations.cookies import keep_workstation, workstation_of
from backend.core import clock


def take_the_keys(request: Request, session: Session, answer: Response, token: str) -> None:
    """The browser is this person's from here on; who had it before is parked or signed out."""
    machine = workstation_of(request, session)
    service.settle(session, token, workstation=machine, before=token_of(request), now=clock.now())
    give_token(answer, token)
    keep_workstation(request, answer)
