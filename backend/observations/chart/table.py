"""The table of sets, newest first, and the strip of items: the chart in words and figures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from backend.clinical import scale
from backend.core import local_time
from backend.observations import words
from backend.observations.chart.page import Heat, HeatTime, Row, Total
from backend.observations.chart.queries import Course
from backend.observations.models import Outcome, Score
from backend.observations.queries import StoredSet

MOST_HEAT_COLUMNS = 12


def rows(
    course: Course, sums: Sequence[str], *, zone: ZoneInfo, may: bool, sees_notes: bool
) -> list[Row]:
    """Every set, newest first; what was corrected or taken back stands under what replaced it."""
    previous = _previous(course)
    by_id = {stored.observation.id: stored for stored in course.sets}
    found: list[Row] = []
    last_day = ""
    for stored in reversed(course.sets):
        if stored.superseded_by_id in by_id:
            continue  # told under the set that replaced it
        row = _row(course, stored, sums, previous, zone=zone, may=may, sees_notes=sees_notes)
        if stored.observation.outcome is not Outcome.ENTERED_IN_ERROR:
            found.append(replace(row, day="" if row.day == last_day else row.day))
            last_day = row.day
        for older, by in _replaced(stored, by_id):
            struck = _row(
                course, older, sums, previous, zone=zone, may=False, sees_notes=sees_notes, by=by
            )
            found.append(replace(struck, day=""))
    return found


def _replaced(
    stored: StoredSet, by_id: Mapping[int, StoredSet]
) -> Iterator[tuple[StoredSet, StoredSet]]:
    """What this set replaced, and what that had replaced before, each with its successor."""
    older = by_id.get(stored.observation.supersedes_id or 0)
    while older is not None:
        yield older, stored
        stored, older = older, by_id.get(older.observation.supersedes_id or 0)


def _previous(course: Course) -> dict[tuple[int, str], Score]:
    """For each standing set and instrument, the complete score before it."""
    found: dict[tuple[int, str], Score] = {}
    newest: dict[str, Score] = {}
    for stored in course.standing:
        for key, score in stored.scores.items():
            if key in newest:
                found[stored.observation.id, key] = newest[key]
            if words.is_known(score):
                newest[key] = score
    return found


def _row(
    course: Course,
    stored: StoredSet,
    sums: Sequence[str],
    previous: dict[tuple[int, str], Score],
    *,
    zone: ZoneInfo,
    may: bool,
    sees_notes: bool,
    by: StoredSet | None = None,
) -> Row:
    row = stored.observation
    same_day = local_time.day(row.entered_at, zone) == local_time.day(row.observed_at, zone)
    entered = local_time.clock_time if same_day else local_time.day_and_time

    def total(key: str) -> Total | None:
        score = stored.scores.get(key)
        return _total(score, previous.get((row.id, key))) if score else None

    return Row(
        id=row.id,
        day=local_time.day(row.observed_at, zone),
        observed=local_time.clock_time(row.observed_at, zone),
        machine_time=local_time.machine(row.observed_at),
        entered=entered(row.entered_at, zone),
        scales=tuple(total(key) for key in sums),
        outcome="" if row.outcome is Outcome.ASSESSED else words.OUTCOMES[row.outcome],
        vitals=(
            words.vital("pulse_per_min", row.pulse_per_min),
            words.pressure(row),
            words.vital("respiratory_rate_per_min", row.respiratory_rate_per_min),
            words.vital("spo2_percent", row.spo2_percent) + (" O₂" if row.on_oxygen else ""),
            words.vital("temperature_c", row.temperature_c),
            words.vital("consciousness", row.consciousness),
        ),
        news2=total("news2"),
        who=course.names.get(row.recorded_by, "not known"),
        remarks=tuple(_remarks(course, stored, zone, by, sees_notes=sees_notes)),
        struck=stored.superseded_by_id is not None,
        can_correct=may and stored.superseded_by_id is None,
    )


def _total(score: Score, before: Score | None) -> Total:
    instrument = scale.instruments()[score.definition]
    arrow, change = words.change(score.total, before.total if before else None)
    missing = [item.in_a_sentence for item in instrument.scored if item.id not in score.points]
    known = words.is_known(score)
    return Total(
        name=instrument.name,
        total=words.shown(score),
        band=score.band or ("" if known else "incomplete"),
        arrow=arrow,
        change=change,
        complete=known,
        told=words.told(score),
        moved=words.moved(score, before),
        parts=tuple(words.parts(score)),
        missing="" if known else ", ".join(missing),
    )


def _remarks(
    course: Course, stored: StoredSet, zone: ZoneInfo, by: StoredSet | None, *, sees_notes: bool
) -> list[str]:
    row = stored.observation
    told = []
    if row.late_entry and row.supersedes_id is None:
        told.append(f"late entry, {local_time.span(row.entered_at - row.observed_at)}")
    if row.saved_on_device_at is not None:
        saved = local_time.clock_time(row.saved_on_device_at, zone)
        told.append(f"saved {saved} without contact")
    if row.source.value != "typed":
        told.append(f"from {row.source.value}")
    if row.supersedes_id is not None:
        told.append(f"corrected {local_time.clock_time(row.entered_at, zone)}")
    if by is None and stored.superseded_by_id is not None:
        told.append("corrected to another time")
    if by is not None:
        what = "taken back" if by.observation.outcome is Outcome.ENTERED_IN_ERROR else "corrected"
        who = course.names.get(by.observation.recorded_by, "somebody")
        when = local_time.day_and_time(by.observation.entered_at, zone)
        told.append(f"{what} {when} by {who}: {by.observation.correction_reason}")
    if row.note:
        told.append(row.note if sees_notes else words.NOT_YOURS)
    return told


def heat(course: Course, key: str, zone: ZoneInfo) -> Heat | None:
    """The items of the newest sets of one scale, side by side."""
    scored = [stored for stored in course.standing if key in stored.scores]
    if not scored:
        return None
    # Another definition asks other things: its items do not stand in one line with these.
    newest = scored[-1].scores[key].definition
    scored = [one for one in scored if one.scores[key].definition == newest][-MOST_HEAT_COLUMNS:]
    columns = [tuple(words.parts(stored.scores[key])) for stored in scored]
    return Heat(
        name=words.name_of(key),
        key=key,
        times=tuple(_heat_times(scored, zone)),
        rows=tuple((parts[0].label, parts) for parts in zip(*columns, strict=False)),
        totals=tuple(words.shown(stored.scores[key]) for stored in scored),
    )


def _heat_times(scored: Sequence[StoredSet], zone: ZoneInfo) -> Iterator[HeatTime]:
    last_day = ""
    for stored in scored:
        at = stored.observation.observed_at
        day = f"{at.astimezone(zone):%a %-d}"
        yield HeatTime(
            set_id=stored.observation.id,
            day="" if day == last_day else day,
            words=local_time.clock_time(at, zone),
        )
        last_day = day
