"""Who may have the counselling notes of a stay: the unit's therapists, nobody else."""

from typing import Annotated

from fastapi import Depends

from backend.accounts.access import OneOf
from backend.accounts.permissions import Permission
from backend.stays.models import Stay

CounsellingOf = Annotated[Stay, Depends(OneOf(Stay, Permission.COUNSEL))]
