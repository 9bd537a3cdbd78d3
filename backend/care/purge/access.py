"""Who may answer what somebody asked to have deleted."""

from typing import Annotated

from fastapi import Depends

from backend.accounts.access import OneOf
from backend.accounts.permissions import Permission
from backend.care.purge.models import Purge

PurgeToAnswer = Annotated[Purge, Depends(OneOf(Purge, Permission.AGREE_TO_PURGE))]
