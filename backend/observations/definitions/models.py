"""What definitions say, whoever brought them. Rows are added, never changed."""

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class InstrumentDocument(Base):
    """One definition as it was loaded: what its scores are made and read by."""

    __tablename__ = "instrument_document"
    __table_args__ = (CheckConstraint("document <> ''", name="is_not_empty"),)

    definition: Mapped[str] = mapped_column(
        ForeignKey("instrument_definition.id"), primary_key=True
    )
    document: Mapped[str]
    loaded_by: Mapped[int] = mapped_column(ForeignKey("staff.id"))
    loaded_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)


class DefinitionContent(Base):
    """Everything that a shipped definition says, as a fingerprint: it may never say another."""

    __tablename__ = "definition_content"

    definition: Mapped[str] = mapped_column(
        ForeignKey("instrument_definition.id"), primary_key=True
    )
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    loaded_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp(), init=False)
