"""Who may have broken glass to review."""

from typing import Annotated

from fastapi import Depends

from backend.accounts.access import OneOf
from backend.accounts.permissions import Permission
from backend.care.glass.models import Glass

GlassToAnswer = Annotated[Glass, Depends(OneOf(Glass, Permission.REVIEW_GLASS))]
