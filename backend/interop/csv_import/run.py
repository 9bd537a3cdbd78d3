"""One import while it runs: where it writes, what it has met, what waits to be written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.orm import Session, sessionmaker

from backend.clinical.scale import Score
from backend.clinical.sheet import Sheet
from backend.interop.csv_import.mapping import FileMapping
from backend.interop.csv_import.reading import Reading
from backend.interop.csv_import.sets import ReadSet
from backend.interop.csv_import.tally import Tally
from backend.protocols import queries as protocols
from backend.protocols.queries import InForce
from backend.stays.models import Stay

# A stay lasts a moment longer than its last row.
AFTERWARDS = timedelta(seconds=1)

Progress = Callable[[str, int], None]


@dataclass
class StayInFile:
    """One stay of the file: its first and last time, and the stored stay once there is one."""

    patient: str
    stay: str
    key: UUID
    first: datetime
    last: datetime
    row: Stay | None = None
    was_there: bool = False
    is_open: bool = False
    refused: str = ""

    @property
    def end(self) -> datetime:
        return self.last + AFTERWARDS


@dataclass(frozen=True, kw_only=True)
class Pending:
    """A scored set that waits to be written, with the totals of the file that agree with it."""

    stay: StayInFile
    key: UUID
    read: ReadSet
    sheet: Sheet
    scores: Mapping[str, Score]
    agreed: tuple[Reading, ...]
    in_force: InForce


@dataclass
class Run:
    """The state of one import."""

    sessions: sessionmaker[Session]
    mapping: FileMapping
    unit_id: int
    actor_id: int
    tally: Tally
    progress: Progress
    stays: dict[tuple[str, str], StayInFile] = field(default_factory=dict)
    pending: list[Pending] = field(default_factory=list)
    # The version that rules all the time the file speaks of, if it is only one.
    only_protocol: InForce | None = None

    def in_force(self, at: datetime) -> InForce:
        """The unit's protocol as it was at this time."""
        if self.only_protocol is not None:
            return self.only_protocol
        with self.sessions() as session:
            return protocols.in_force(session, self.unit_id, at=at)

    def reject(self, reading: Reading, reason: str, detail: str = "") -> None:
        self.tally.reject(reading.line, reading.raw, reason, detail)
