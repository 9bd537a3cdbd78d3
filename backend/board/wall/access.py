"""Who may see the hallway screen: whoever may see the board, or a machine enrolled for it."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import select

from backend.accounts.access import Actor, half_signed_in
from backend.accounts.permissions import Permission
from backend.accounts.sign_in.models import TWO_FACTORS
from backend.accounts.units.models import Unit
from backend.accounts.workstations.cookies import workstation_of
from backend.accounts.workstations.models import Kind, Workstation
from backend.core.db import Db, unit_on_duty
from backend.core.errors import HalfSignedIn


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """Beds and codes are shown to a person, or to whoever comes by a machine."""

    unit: Unit
    actor: Actor | None = None
    machine: Workstation | None = None


@dataclass(frozen=True)
class OnTheWall:
    """A wallboard shows its unit whoever was signed in there; elsewhere it takes the right to."""

    permission: Permission

    def __call__(self, request: Request, db: Db) -> Viewer:
        """Them, or 401 or 403."""
        machine = workstation_of(request, db)
        if machine is not None and machine.kind is Kind.WALLBOARD:
            of_the_machine = select(Unit, unit_on_duty(Unit.id)).where(Unit.id == machine.unit_id)
            unit, _ = db.execute(of_the_machine).one()
            return Viewer(unit=unit, machine=machine)
        actor = half_signed_in(request, db)
        if actor.assurance < TWO_FACTORS:
            raise HalfSignedIn("/account")
        actor.must(self.permission)
        return Viewer(unit=actor.unit, actor=actor)


AtTheWall = Annotated[Viewer, Depends(OnTheWall(Permission.SEE_BOARD))]
