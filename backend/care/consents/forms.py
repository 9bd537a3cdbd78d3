"""What the consent forms may send."""

from datetime import date, datetime
from typing import Annotated

from pydantic import BeforeValidator, Field

from backend.care.consents.models import (
    EndKind,
    PurposeKind,
    RecipientClass,
    RecipientKind,
    RecordKind,
    SignedHow,
)
from backend.care.consents.scope import Terms
from backend.core.deed import Line, PatientForm
from backend.core.errors import Invalid

Short = Annotated[Line, Field(max_length=200)]


def _several(value: object) -> object:
    """One ticked box comes as a word, several as a list."""
    return [value] if isinstance(value, str) else value


class ConsentForm(PatientForm):
    """What the patient signed."""

    supersedes_id: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    scope: Annotated[
        list[RecordKind], BeforeValidator(_several), Field(default_factory=list, max_length=10)
    ]
    recipient_kind: RecipientKind
    recipient: Short = ""
    recipient_class: RecipientClass | None = None
    purpose_kind: PurposeKind
    purpose: Short | None = None
    expires_on: date | None = None
    expires_with: Short | None = None
    signed_how: SignedHow
    signed_at: Annotated[str, Field(max_length=30)]

    def terms(self, signed_at: datetime) -> Terms:
        """As the record keeps them."""
        by_kind = self.recipient_kind is RecipientKind.CLASS
        if by_kind and self.recipient:
            raise Invalid(
                "Check to whom.",
                {"recipient": "Write a name, or choose everybody of a kind; not both."},
            )
        recipient = (self.recipient_class or "") if by_kind else self.recipient
        if not recipient:
            raise Invalid("Check to whom.", {"recipient": "Say who may be told."})
        return Terms(
            scope=tuple(dict.fromkeys(self.scope)),
            recipient_kind=self.recipient_kind,
            recipient=str(recipient),
            purpose_kind=self.purpose_kind,
            purpose=self.purpose,
            expires_on=self.expires_on,
            expires_with=self.expires_with,
            signed_how=self.signed_how,
            signed_at=signed_at,
        )


class EndForm(PatientForm):
    """The patient takes a consent back, or its event has come."""

    consent_id: Annotated[int, Field(ge=1, lt=2**31)]
    kind: EndKind
    said_how: Annotated[Line, Field(min_length=1, max_length=200)]
