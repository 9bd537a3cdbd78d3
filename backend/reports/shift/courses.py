"""Each patient's scores in the shift, what was put right, what was written late, and by whom."""

from collections import Counter
from dataclasses import dataclass

from backend.observations.models import Observation, Outcome, Score, ScoreStatus
from backend.reports.shift.queries import Stored
from backend.stays.models import Stay


@dataclass(frozen=True, kw_only=True)
class Course:
    """One instrument on one patient. `before` and the change only where both are comparable."""

    stay: Stay
    instrument: str
    complete: int
    incomplete: int
    last: Score
    before: int | None
    highest: int | None

    @property
    def change(self) -> int | None:
        """Against the last complete total before the shift, by the same definition."""
        if self.last.total is None or self.before is None:
            return None
        return self.last.total - self.before


@dataclass(frozen=True, kw_only=True)
class Correction:
    """A set that was put right or taken back."""

    wrong: Observation
    right: Observation
    # After the shift had ended: a report made before it said otherwise.
    since: bool


@dataclass(frozen=True, kw_only=True)
class Recorder:
    """What one person wrote down."""

    name: str
    sets: int
    corrections: int
    late_entries: int


def standing(stored: Stored) -> list[Observation]:
    """The sets observed in the shift that are neither corrected since nor taken back, in order."""
    return sorted(
        (
            row
            for row in stored.sets.values()
            if stored.in_shift(row.observed_at)
            and row.id not in stored.corrected_by
            and row.outcome is not Outcome.ENTERED_IN_ERROR
        ),
        key=lambda row: (row.observed_at, row.id),
    )


def courses(stored: Stored) -> list[Course]:
    """By stay and instrument, where there is at least one score."""
    scores: dict[tuple[int, str], list[Score]] = {}
    for row in standing(stored):
        for instrument, score in sorted(stored.scores.get(row.id, {}).items()):
            scores.setdefault((row.stay_id, instrument), []).append(score)
    by_id = {stay.id: stay for stay in stored.stays}
    return [
        _course(stored, by_id[stay_id], instrument, found)
        for (stay_id, instrument), found in sorted(scores.items())
    ]


def _course(stored: Stored, stay: Stay, instrument: str, scores: list[Score]) -> Course:
    last = scores[-1]
    before = stored.earlier_scores.get((stay.id, instrument))
    comparable = before is not None and before.definition == last.definition
    totals = [score.total for score in scores if score.total is not None]
    return Course(
        stay=stay,
        instrument=instrument,
        complete=sum(score.status is ScoreStatus.OK for score in scores),
        incomplete=sum(score.status is ScoreStatus.INCOMPLETE for score in scores),
        last=last,
        before=before.total if comparable and before is not None else None,
        highest=max(totals, default=None),
    )


def corrections(stored: Stored) -> list[Correction]:
    """Of sets that were observed in the shift, before or after they were put right."""
    found = [
        Correction(
            wrong=stored.sets[wrong_id],
            right=stored.sets[right_id],
            since=stored.sets[right_id].entered_at >= stored.shift.ends_at,
        )
        for wrong_id, right_id in stored.corrected_by.items()
        if stored.in_shift(stored.sets[wrong_id].observed_at)
        or stored.in_shift(stored.sets[right_id].observed_at)
    ]
    return sorted(found, key=lambda one: one.right.id)


def late_entries(stored: Stored) -> list[Observation]:
    """Sets that were written down long after they were observed."""
    return [row for row in standing(stored) if row.late_entry]


def recorders(stored: Stored) -> list[Recorder]:
    """Everybody who wrote down a set observed in the shift, also one that was put right since."""
    rows = [row for row in stored.sets.values() if stored.in_shift(row.observed_at)]
    sets = Counter(row.recorded_by for row in rows if row.supersedes_id is None)
    put_right = Counter(row.recorded_by for row in rows if row.supersedes_id is not None)
    late = Counter(row.recorded_by for row in late_entries(stored))
    found = [
        Recorder(
            name=stored.names[person],
            sets=sets[person],
            corrections=put_right[person],
            late_entries=late[person],
        )
        for person in sorted({*sets, *put_right})
    ]
    return sorted(found, key=lambda one: (-one.sets, one.name))
