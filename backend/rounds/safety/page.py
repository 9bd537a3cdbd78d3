"""What the pages of safety rounds show: whose turn it is, the taps, and what was seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from backend.accounts.access import Actor
from backend.accounts.units.models import Bed
from backend.clinical import safety, scale
from backend.clinical.safety import DEFINITION, NOT_SEEN
from backend.core import local_time
from backend.patients.models import Patient
from backend.rounds.safety import words as say
from backend.rounds.safety.models import CheckChange, SafetyCheck
from backend.rounds.safety.queries import OnRounds
from backend.stays.leave import words as leave_words
from backend.stays.leave.models import Leave

MINUTE = timedelta(minutes=1)
NO_BED = "–"
NO_NOTE = "note: only for whoever may read notes"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """One tap: what it sends, and what stands on it."""

    value: str
    label: str
    chosen: bool = False


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One patient of the list."""

    stay_id: int
    plate: str
    place: str
    title: str
    level: str
    due: str
    due_words: str
    overdue: bool
    seen: str


@dataclass(frozen=True, kw_only=True)
class Own:
    """Whose form it is, and of which patient."""

    key: UUID
    opened_by: int
    opened_in: int | None
    opened_for: int


@dataclass(frozen=True, kw_only=True)
class Look(Own):
    """The form for one patient: a tap for where, and a tap for doing what, which saves."""

    turn: Turn
    tag: str
    tag_words: str
    places: tuple[Choice, ...]
    doings: tuple[Choice, ...]
    not_breathing: Choice
    not_seen: tuple[Choice, ...]
    # Why there is no tag, where the unit wants to know.
    no_tag: tuple[Choice, ...]


@dataclass(frozen=True, kw_only=True)
class SafetyRounds:
    """Everybody on safety rounds, whose turn it is first."""

    heading: str
    path: str
    look_for: int | None
    others: tuple[Turn, ...]


def own(actor: Actor, stay_id: int) -> Own:
    """What a form of these pages carries."""
    return Own(key=uuid4(), opened_by=actor.id, opened_in=actor.sign_in_id, opened_for=stay_id)


def turn(
    one: OnRounds,
    seen: Mapping[int, datetime],
    away: Mapping[int, Leave],
    zone: ZoneInfo,
    now: datetime,
) -> Turn:
    """A patient whose round is open; of somebody off the unit it rests."""
    level = safety.level_of(one.ordered.interval_minutes, one_to_one=one.ordered.one_to_one)
    left = one.round.due_at - now
    gone = away.get(one.stay.id)
    words = "now" if abs(left) < MINUTE else f"in {local_time.span(left)}"
    if left <= -MINUTE:
        words = f"{local_time.span(-left)} overdue"
    return _turn(
        one.stay.id,
        one.patient,
        one.bed,
        level=level.words,
        due="" if gone else local_time.machine(one.round.due_at),
        due_words="rests" if gone else words,
        overdue=gone is None and left <= -MINUTE,
        seen=leave_words.told(gone, zone, now)
        if gone
        else say.seen_words(seen.get(one.stay.id), zone, now),
    )


def not_on_rounds(stay_id: int, patient: Patient, bed: Bed | None, *, seen: str) -> Turn:
    """A patient whom nobody has ordered safety rounds for, and whose door was scanned."""
    return _turn(
        stay_id,
        patient,
        bed,
        level="not on safety rounds",
        due="",
        due_words="nothing due",
        overdue=False,
        seen=seen,
    )


def _turn(stay_id: int, patient: Patient, bed: Bed | None, **words: str | bool) -> Turn:
    return Turn(
        stay_id=stay_id,
        plate=bed.label if bed else NO_BED,
        place=say.place_of(bed),
        title=f"{patient.family_name}, {patient.given_name}",
        **words,  # type: ignore[arg-type]  # the fields that are left
    )


def look(actor: Actor, turned: Turn, *, tag: str, scanned: bool, tags_required: bool) -> Look:
    """The form, ready for two taps."""
    if scanned:
        tag_words = "Tag of the door scanned."
    elif tag:
        tag_words = "The scan is too old. Scan the tag on the door again."
    else:
        tag_words = "Scan the tag on the door with the camera." if tags_required else ""
    return Look(
        **vars(own(actor, turned.stay_id)),
        turn=turned,
        tag=tag if scanned else "",
        tag_words=tag_words,
        places=places(),
        doings=tuple(one for one in doings() if one.value != "S-N"),
        not_breathing=next(one for one in doings() if one.value == "S-N"),
        not_seen=tuple(
            Choice(value=kind.value, label=why.label.capitalize()) for kind, why in NOT_SEEN.items()
        ),
        no_tag=tuple(Choice(value=why.value, label=words) for why, words in say.NO_TAG.items())
        if tags_required and not scanned
        else (),
    )


def places(chosen: str | None = None) -> tuple[Choice, ...]:
    """Where somebody can be."""
    anchors = scale.instruments()[DEFINITION].by_id["place"].anchors
    return tuple(
        Choice(value=str(letter), label=words.capitalize(), chosen=letter == chosen)
        for letter, words in anchors.items()
    )


def doings(chosen: str = "") -> tuple[Choice, ...]:
    """What somebody can be doing; asleep is one with breathing, or with none seen."""
    found = []
    for letter, words in scale.instruments()[DEFINITION].by_id["doing"].anchors.items():
        if letter == safety.ASLEEP:
            found.append(("S-Y", "Asleep, breathing seen"))
            found.append(("S-N", "Asleep, NOT seen to breathe"))
        else:
            found.append((str(letter), words.capitalize()))
    return tuple(Choice(value=value, label=label, chosen=value == chosen) for value, label in found)


def heading(turns: Sequence[Turn]) -> str:
    """`3 patients on safety rounds, 1 overdue`."""
    overdue = sum(one.overdue for one in turns)
    patients = f"{len(turns)} patient" if len(turns) == 1 else f"{len(turns)} patients"
    return f"{patients} on safety rounds" + (f", {overdue} overdue" if overdue else "")


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One row of the list of a stay."""

    id: int
    when: str
    what: str
    grave: bool
    who: str
    remarks: tuple[str, ...]
    struck: bool
    may_correct: bool
    may_take_back: bool


@dataclass(frozen=True, kw_only=True)
class Putting:
    """The check that is being put right."""

    id: int
    was: str
    not_seen: bool
    places: tuple[Choice, ...]
    doings: tuple[Choice, ...]
    concern: bool
    note: str


CHANGES = {CheckChange.CORRECTED: "corrected", CheckChange.TAKEN_BACK: "taken back"}


def listed(
    rows: Sequence[SafetyCheck],
    names: Mapping[int, str],
    actor: Actor,
    *,
    of_others: bool,
    sees_notes: bool,
    now: datetime,
) -> tuple[Seen, ...]:
    """Newest first. What was put right or taken back stays, struck through, with who and why."""
    after = {row.supersedes_id: row for row in rows if row.supersedes_id is not None}
    found = []
    for row in rows:
        if row.change is CheckChange.TAKEN_BACK:
            continue  # told with the row before it
        by = after.get(row.id)
        remarks = [say.proof(row)]
        if row.late_entry:
            span = local_time.span(row.entered_at - row.observed_at)
            remarks.append(f"late entry: entered {span} after")
        if row.note:
            remarks.append(row.note if sees_notes else NO_NOTE)
        if by is not None:
            at = local_time.day_and_time(by.entered_at, actor.zone, now)
            who = names.get(by.recorded_by, "somebody")
            remarks.append(f"{CHANGES[by.change]} {at} by {who}: {by.reason}")
        own_or_right = of_others or row.recorded_by == actor.id
        found.append(
            Seen(
                id=row.id,
                when=local_time.day_and_time(row.observed_at, actor.zone, now),
                what=say.told(row),
                grave=say.is_grave(row),
                who=names.get(row.recorded_by, "not known"),
                remarks=tuple(remarks),
                struck=by is not None,
                may_correct=own_or_right and by is None and row.not_seen is None,
                may_take_back=own_or_right and by is None,
            )
        )
    return tuple(found)


def putting_right(row: SafetyCheck, zone: ZoneInfo, now: datetime, *, note: str) -> Putting:
    """Filled in as it was."""
    doing = f"{row.doing}-{row.breathing}" if row.doing == safety.ASLEEP else row.doing
    return Putting(
        id=row.id,
        was=f"{local_time.day_and_time(row.observed_at, zone, now)}, {say.told(row)}",
        not_seen=row.not_seen is not None,
        places=places(row.place),
        doings=doings(doing or ""),
        concern=row.concern == "Y",
        note=note,
    )
