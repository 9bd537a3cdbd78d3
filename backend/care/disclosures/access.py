"""Loads an entry of the ledger together with the check: another unit's reads 404."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from backend.accounts.access import Actor, signed_in
from backend.accounts.permissions import Permission
from backend.care.disclosures import queries
from backend.care.disclosures.models import Disclosure
from backend.core.db import Db
from backend.core.errors import NotFound
from backend.core.web import Id


@dataclass(frozen=True)
class DisclosureFor:
    """The disclosure in the address, for a person whose role has this permission."""

    permission: Permission

    def __call__(
        self, disclosure_id: Id, db: Db, actor: Annotated[Actor, Depends(signed_in)]
    ) -> Disclosure:
        """The disclosure, or 403 or 404."""
        actor.must(self.permission)
        found = queries.on_unit(db, disclosure_id, actor.unit.id)
        if found is None:
            raise NotFound("There is no such disclosure on this unit.")
        return found


DisclosureToReview = Annotated[Disclosure, Depends(DisclosureFor(Permission.REVIEW_DISCLOSURES))]
