"""Loads a workstation together with the check: another unit's reads 404."""

from typing import Annotated

from fastapi import Depends
from sqlalchemy import select

from backend.accounts.access import Actor, Allowed
from backend.accounts.permissions import Permission
from backend.accounts.workstations.models import Workstation
from backend.core.db import Db
from backend.core.errors import NotFound
from backend.core.web import Id

Manages = Annotated[Actor, Depends(Allowed(Permission.MANAGE_WORKSTATIONS))]


def workstation_to_manage(workstation_id: Id, db: Db, actor: Manages) -> Workstation:
    """The workstation in the address, or 403 or 404."""
    row = db.scalars(
        select(Workstation)
        .where(Workstation.id == workstation_id, Workstation.unit_id == actor.unit.id)
        .with_for_update()
    ).one_or_none()
    if row is None:
        raise NotFound("There is no such workstation on this unit.")
    return row


WorkstationToManage = Annotated[Workstation, Depends(workstation_to_manage)]
