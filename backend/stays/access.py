"""Loads a stay together with the check: the row comes with its right, or not at all."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, by_token, signed_in
from backend.accounts.permissions import Permission
from backend.core.db import Db
from backend.core.errors import NotFound
from backend.core.web import Id
from backend.stays.models import Stay

ON_UNIT = select(Stay).where(Stay.id == bindparam("of_stay"), Stay.unit_id == bindparam("on_unit"))


def load(session: Session, actor: Actor, stay_id: int, permission: Permission) -> Stay:
    """The stay, if it is on the actor's unit and the role allows it. Another unit's reads 404."""
    actor.must(permission)
    asked = {"of_stay": stay_id, "on_unit": actor.unit.id}
    stay = session.scalars(ON_UNIT, asked).one_or_none()
    if stay is None:
        raise NotFound("There is no such stay on this unit.")
    return stay


@dataclass(frozen=True)
class StayFor:
    """The stay in the address, for a person whose role has this permission."""

    permission: Permission

    def __call__(self, stay_id: Id, db: Db, actor: Annotated[Actor, Depends(signed_in)]) -> Stay:
        """The stay, or 403 or 404."""
        return load(db, actor, stay_id, self.permission)


@dataclass(frozen=True)
class StayForToken:
    """The same, for a machine."""

    permission: Permission

    def __call__(self, stay_id: Id, db: Db, actor: Annotated[Actor, Depends(by_token)]) -> Stay:
        """The stay, or 403 or 404."""
        return load(db, actor, stay_id, self.permission)


ChartOf = Annotated[Stay, Depends(StayFor(Permission.SEE_CHART))]
BedsideOf = Annotated[Stay, Depends(StayFor(Permission.RECORD_OBSERVATION))]
CorrectionOf = Annotated[Stay, Depends(StayFor(Permission.CORRECT_OBSERVATION))]
StayToManage = Annotated[Stay, Depends(StayFor(Permission.MANAGE_STAYS))]
