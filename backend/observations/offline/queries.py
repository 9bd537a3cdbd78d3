"""Whose sheets a machine keeps."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy.orm import Session

from backend.accounts.access import Actor
from backend.rounds.assignments import queries as assignments
from backend.rounds.working_list import queries as working_list

# More than one person has on a shift, and than a machine needs.
MOST = 24


def to_keep(session: Session, actor: Actor, opened: Collection[int], *, now: datetime) -> list[int]:
    """The stays that are in somebody's hands this shift; where none is, those that they opened."""
    lying = [stay.id for stay, _, _ in working_list.lying(session, actor.unit.id)]
    holders = assignments.holders(session, actor.unit.id, now)
    theirs = [stay_id for stay_id in lying if holders.get(stay_id) == actor.id]
    return (theirs or [stay_id for stay_id in lying if stay_id in opened])[:MOST]
