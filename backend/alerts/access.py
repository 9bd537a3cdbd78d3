"""Loads an alert together with the check: another unit's reads 404."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.accounts.access import Actor, by_token, signed_in
from backend.accounts.permissions import Permission
from backend.alerts.models import Alert
from backend.core.db import Db
from backend.core.errors import NotFound
from backend.core.web import Id


def load(session: Session, actor: Actor, alert_id: int, permission: Permission) -> Alert:
    """The alert, if it is on the actor's unit and the role allows it."""
    actor.must(permission)
    alert = session.scalars(
        select(Alert).where(Alert.id == alert_id, Alert.unit_id == actor.unit.id)
    ).one_or_none()
    if alert is None:
        raise NotFound("There is no such alert on this unit.")
    return alert


@dataclass(frozen=True)
class AlertFor:
    """The alert in the address, for a person whose role has this permission."""

    permission: Permission

    def __call__(self, alert_id: Id, db: Db, actor: Annotated[Actor, Depends(signed_in)]) -> Alert:
        """The alert, or 403 or 404."""
        return load(db, actor, alert_id, self.permission)


@dataclass(frozen=True)
class AlertForToken:
    """The same, for a machine."""

    permission: Permission

    def __call__(self, alert_id: Id, db: Db, actor: Annotated[Actor, Depends(by_token)]) -> Alert:
        """The alert, or 403 or 404."""
        return load(db, actor, alert_id, self.permission)


AlertToSee = Annotated[Alert, Depends(AlertFor(Permission.SEE_ALERTS))]
AlertToAnswer = Annotated[Alert, Depends(AlertFor(Permission.ANSWER_ALERT))]
