"""Safety checks in words, for every page and list that tells of them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from backend.accounts.units.models import Bed
from backend.clinical import safety, scale
from backend.clinical.safety import NOT_SEEN
from backend.core import local_time
from backend.rounds.safety.models import NoTag, SafetyCheck

NO_TAG = {
    NoTag.TAG_GONE: "tag gone or torn",
    NoTag.NO_CAMERA: "no camera, or too dark",
    NoTag.ELSEWHERE: "patient is not at the door",
    NoTag.OTHER: "something else",
}


def place_of(bed: Bed | None) -> str:
    if bed is None:
        return "No bed"
    return f"Room {bed.room}, bed {bed.label}" if bed.room else f"Bed {bed.label}"


def seen_words(at: datetime | None, zone: ZoneInfo, now: datetime) -> str:
    """When, and not what: whoever reads what was seen last may write it down again."""
    if at is None:
        return "not seen on a round yet"
    return f"last seen {local_time.day_and_time(at, zone, now)}"


def told(row: SafetyCheck) -> str:
    """`own room, asleep, breathing seen`; `not found`."""
    if row.not_seen is not None:
        return NOT_SEEN[row.not_seen].label
    items = scale.instruments()[row.definition].by_id
    words = [
        str(items[name].anchors[value])
        for name, value in row.answers.items()
        if not (name == "concern" and value == "N")
    ]
    return ", ".join(words).replace(": say what in the note", " that worries")


def is_grave(row: SafetyCheck) -> bool:
    """Whether it called for somebody."""
    return bool(safety.calls(row.answers, row.not_seen, at=row.observed_at, at_words=""))


def proof(row: SafetyCheck) -> str:
    """What says that somebody stood there."""
    if row.tag_id is not None:
        return "tag scanned"
    return f"without tag: {NO_TAG[row.no_tag]}" if row.no_tag else "no tag"
