"""Who may have a stay, and for what: the row comes with its right, or not at all."""

from typing import Annotated

from fastapi import Depends

from backend.accounts.access import OneOf
from backend.accounts.permissions import Permission
from backend.stays.models import Stay

ChartOf = Annotated[Stay, Depends(OneOf(Stay, Permission.SEE_CHART))]
BedsideOf = Annotated[Stay, Depends(OneOf(Stay, Permission.RECORD_OBSERVATION))]
CorrectionOf = Annotated[Stay, Depends(OneOf(Stay, Permission.CORRECT_OBSERVATION))]
StayToManage = Annotated[Stay, Depends(OneOf(Stay, Permission.MANAGE_STAYS))]
