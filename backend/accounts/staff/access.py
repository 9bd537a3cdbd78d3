"""Loads a person together with the check that they work on the unit of whoever asks."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from backend.accounts.access import Actor, signed_in
from backend.accounts.permissions import Permission
from backend.accounts.staff import queries
from backend.accounts.staff.models import Staff
from backend.core.db import Db
from backend.core.errors import NotFound
from backend.core.web import Id


def colleague(db: Db, actor: Actor, staff_id: int) -> Staff:
    """A person of this unit. Machines and people of other units are not here."""
    person = queries.by_id(db, staff_id)
    if (
        person is None
        or person.password_hash is None
        or queries.posting_on(db, staff_id, actor.unit.id) is None
    ):
        raise NotFound("There is nobody like this on your unit.")
    return person


@dataclass(frozen=True)
class StaffFor:
    """The person in the address, for somebody whose role has this permission."""

    permission: Permission

    def __call__(self, staff_id: Id, db: Db, actor: Annotated[Actor, Depends(signed_in)]) -> Staff:
        """The person, or 403, or 404."""
        actor.must(self.permission)
        return colleague(db, actor, staff_id)


Managed = Annotated[Staff, Depends(StaffFor(Permission.MANAGE_STAFF))]
