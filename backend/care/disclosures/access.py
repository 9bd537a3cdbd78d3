"""Who may have a disclosure, and for what: the row comes with its right, or not at all."""

from typing import Annotated

from fastapi import Depends

from backend.accounts.access import OneOf
from backend.accounts.permissions import Permission
from backend.care.disclosures.models import Disclosure

DisclosureToReview = Annotated[
    Disclosure, Depends(OneOf(Disclosure, Permission.REVIEW_DISCLOSURES))
]
