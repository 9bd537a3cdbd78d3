"""Who may order for the night: the row comes with its right, or not at all."""

from typing import Annotated

from fastapi import Depends

from backend.accounts.access import OneOf
from backend.accounts.permissions import Permission
from backend.stays.models import Stay

StayToLeaveAsleep = Annotated[Stay, Depends(OneOf(Stay, Permission.ORDER_NIGHTS))]
