"""Count what became of every row, and write down those that were not stored."""

import csv
import io
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from backend.core.errors import Invalid
from backend.core.settings import settings


@dataclass(frozen=True, kw_only=True)
class Flag:
    """What would have been flagged, and when; or a total that the file has wrong."""

    patient: str
    stay: str
    at: datetime
    rule: str
    level: str
    title: str
    sentence: str


@dataclass(frozen=True, kw_only=True)
class Total:
    """The total of one set; None where the set is incomplete."""

    patient: str
    stay: str
    at: datetime
    instrument: str
    total: int | None


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What became of a file: every row read was stored, known already, or rejected.

    `totals` and `flags` describe the file as a whole, also what an earlier import had stored.
    """

    read: int
    stored: int
    duplicate: int
    reasons: dict[str, int]
    totals: Sequence[Total]
    flags: Sequence[Flag]
    rejects: Path

    @property
    def rejected(self) -> int:
        return sum(self.reasons.values())

    def as_json(self) -> dict[str, Any]:
        instruments: dict[str, dict[str, Any]] = {}
        for one in self.totals:
            found = instruments.setdefault(
                one.instrument, {"complete": 0, "incomplete": 0, "totals": []}
            )
            found["incomplete" if one.total is None else "complete"] += 1
            found["totals"].append(one.total)
        return {
            "read": self.read,
            "stored": self.stored,
            "duplicate": self.duplicate,
            "rejected": self.rejected,
            "reasons": self.reasons,
            "instruments": instruments,
            "findings": [
                {
                    "patient": one.patient,
                    "stay": one.stay,
                    "at": one.at.isoformat(),
                    "rule": one.rule,
                    "level": one.level,
                    "title": one.title,
                    "sentence": one.sentence,
                }
                for one in self.flags
            ],
        }


@dataclass
class Tally:
    """The counts while they grow, and the file of the rejected rows."""

    header: list[str]
    delimiter: str
    writer: Any
    read: int = 0
    stored: int = 0
    duplicate: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    totals: list[Total] = field(default_factory=list)
    flags: list[Flag] = field(default_factory=list)

    def reject(self, line: int, raw: str, reason: str, detail: str) -> None:
        """The row goes into the file as it was, behind its line, the reason and what was wrong."""
        text = io.StringIO(raw, newline="")
        cells = next(csv.reader(text, delimiter=self.delimiter), [])
        self.writer.writerow([line, reason, detail, *cells])
        self.reasons[reason] += 1

    def summary(self, path: Path, *, refused: set[tuple[str, str]]) -> Summary:
        """The counts as they stand. Stays that were refused as a whole flag nothing."""
        totals = [one for one in self.totals if (one.patient, one.stay) not in refused]
        flags = [one for one in self.flags if (one.patient, one.stay) not in refused]
        return Summary(
            read=self.read,
            stored=self.stored,
            duplicate=self.duplicate,
            reasons=dict(sorted(self.reasons.items(), key=lambda pair: (-pair[1], pair[0]))),
            totals=sorted(totals, key=lambda one: (one.at, one.patient, one.stay)),
            flags=sorted(flags, key=lambda one: (one.at, one.patient, one.stay, one.rule)),
            rejects=path,
        )


@contextmanager
def opened(path: Path, header: list[str], delimiter: str) -> Iterator[Tally]:
    """A tally whose rejected rows go to this file, which only its owner may read."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise Invalid(f"The rejected rows cannot be written to {path}: {error.strerror}.") from None
    with open(descriptor, "w", encoding="utf-8", newline="") as file:  # noqa: PTH123 (a descriptor)
        writer = csv.writer(file)
        writer.writerow(["line", "reason", "detail", *header])
        yield Tally(header=header, delimiter=delimiter, writer=writer)


def place_of_rejects(path: Path) -> Path:
    """Beside the file; in Vigil's own folder where the file's folder is not to be written to."""
    name = f"{path.name}.rejected.csv"
    folder = path.resolve().parent
    # Root may write anywhere: a folder that nobody may write to is left alone all the same.
    writable = os.access(folder, os.W_OK) and folder.stat().st_mode & (
        stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH
    )
    return (folder if writable else settings().data_dir / "rejected") / name
