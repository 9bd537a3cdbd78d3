"""Who may scan a tag, and who may make one: the row comes with its right, or not at all."""

from typing import Annotated

from fastapi import Depends, Path

from backend.accounts.access import Actor, Allowed, OneOf
from backend.accounts.permissions import Permission
from backend.core.db import Db
from backend.core.errors import NotFound
from backend.rounds.door_tags import queries
from backend.rounds.door_tags.models import DoorTag

MakesTags = Annotated[Actor, Depends(Allowed(Permission.MANAGE_WORKSTATIONS))]
TagToReplace = Annotated[DoorTag, Depends(OneOf(DoorTag, Permission.MANAGE_WORKSTATIONS))]
Scans = Annotated[Actor, Depends(Allowed(Permission.RECORD_OBSERVATION))]
Code = Annotated[str, Path(max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


def scanned(db: Db, actor: Scans, door_tag_code: Code) -> DoorTag:
    """The tag with this code on their unit, or 404."""
    tag = queries.by_code(db, actor.unit.id, door_tag_code)
    if tag is None:
        raise NotFound("This tag is of no door on your unit. Are you on duty on the right unit?")
    return tag


Scanned = Annotated[DoorTag, Depends(scanned)]
