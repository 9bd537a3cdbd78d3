"""Who may order safety rounds; lowering them is asked for in the deed."""

from typing import Annotated

from fastapi import Depends

from backend.accounts.access import OneOf
from backend.accounts.permissions import Permission
from backend.stays.models import Stay

StayToWatch = Annotated[Stay, Depends(OneOf(Stay, Permission.ORDER_SAFETY_ROUNDS))]
