"""The whole page of a sheet, for every route that opens one."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.accounts.shell import shell
from backend.core import clock
from backend.core.web import Screen
from backend.observations.events import queries as events
from backend.observations.events.page import lately
from backend.observations.sheet.page import Sheet
from backend.stays import queries as stays
from backend.stays.models import Stay
from backend.stays.queries import Banner


@dataclass(frozen=True, kw_only=True)
class RecordScreen(Screen, template="observations/record.html"):
    """The sheet, under the name of the patient."""

    banner: Banner
    happened: tuple[str, ...]
    sheet: Sheet


def screen(db: Session, actor: Actor, stay: Stay, sheet: Sheet) -> RecordScreen:
    """This sheet of this patient, for whoever is at the keys."""
    now = clock.now()
    return RecordScreen(
        shell=shell(actor, here="record", now=now),
        banner=stays.banner(db, stay, actor.zone, now),
        happened=lately(events.standing(db, stay.id), actor.zone, now),
        sheet=sheet,
    )
