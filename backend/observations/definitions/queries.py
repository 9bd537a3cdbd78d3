"""Which definitions the site has loaded, and how each process comes to know them."""

from collections.abc import Sequence

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from backend.clinical import scale
from backend.core.db import new_session
from backend.core.errors import UserError
from backend.observations.definitions.models import InstrumentDocument

log = structlog.get_logger()


def keep_up(session: Session) -> None:
    """Know what was loaded meanwhile. A stored file never changes, so each is read once."""
    ids = session.scalars(select(InstrumentDocument.definition)).all()
    if unknown := [one for one in ids if one not in scale.instruments()]:
        scale.know(_read(session, unknown))


def _read(session: Session, ids: Sequence[str]) -> list[scale.Instrument]:
    rows = session.scalars(
        select(InstrumentDocument.document).where(InstrumentDocument.definition.in_(ids))
    )
    return [scale.load(document) for document in rows]


def _ask() -> None:
    """Something stored names a definition that this process has never met."""
    try:
        with new_session() as session:
            keep_up(session)
    except (SQLAlchemyError, UserError, OSError):
        log.warning("definitions_unreadable")


scale.ask_when_unknown(_ask)
