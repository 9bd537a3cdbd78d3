"""Which subject of which provider is which person."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class HospitalIdentity(Base):
    """The person linked it themselves. Nobody is made from what a provider says."""

    __tablename__ = "hospital_identity"
    __table_args__ = (
        Index(
            "uq_hospital_identity_subject",
            "issuer",
            "subject",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index(
            "uq_hospital_identity_person",
            "staff_id",
            unique=True,
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, init=False)
    staff_id: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    issuer: Mapped[str]
    subject: Mapped[str]
    linked_at: Mapped[datetime]
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
