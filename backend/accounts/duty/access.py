"""Who may have a duty, and for what."""

from typing import Annotated

from fastapi import Depends

from backend.accounts.access import OneOf
from backend.accounts.permissions import Permission
from backend.accounts.staff.models import Duty

DutyToEnd = Annotated[Duty, Depends(OneOf(Duty, Permission.GIVE_DUTY))]
