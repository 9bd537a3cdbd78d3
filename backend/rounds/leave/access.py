"""Who may write down what of a leave: the row comes with its right, or not at all."""

from typing import Annotated

from fastapi import Depends

from backend.accounts.access import OneOf
from backend.accounts.permissions import Permission
from backend.stays.models import Stay

StayToBeSeen = Annotated[Stay, Depends(OneOf(Stay, Permission.SAY_SEEN))]
