"""The watch's heartbeat: one row that screens read to know that somebody is awake."""

from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from backend.core.db import Base


class Beat(Base):
    """When each long-running process last finished a full turn."""

    __tablename__ = "beat"

    process: Mapped[str] = mapped_column(primary_key=True)
    beat_at: Mapped[datetime]
