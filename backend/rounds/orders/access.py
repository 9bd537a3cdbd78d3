"""Who may order observations, and for what: the row comes with its right, or not at all."""

from typing import Annotated

from fastapi import Depends

from backend.accounts.access import OneOf
from backend.accounts.permissions import Permission
from backend.rounds.models import ObservationOrder
from backend.stays.models import Stay

StayToOrderOf = Annotated[Stay, Depends(OneOf(Stay, Permission.ORDER_OBSERVATIONS))]
OrderToEnd = Annotated[
    ObservationOrder, Depends(OneOf(ObservationOrder, Permission.ORDER_OBSERVATIONS))
]
