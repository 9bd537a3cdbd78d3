"""Who may have an alert, and for what: the row comes with its right, or not at all."""

from typing import Annotated

from fastapi import Depends

from backend.accounts.access import OneOf
from backend.accounts.permissions import Permission
from backend.alerts.models import Alert

AlertToSee = Annotated[Alert, Depends(OneOf(Alert, Permission.SEE_ALERTS))]
AlertToAnswer = Annotated[Alert, Depends(OneOf(Alert, Permission.ANSWER_ALERT))]
