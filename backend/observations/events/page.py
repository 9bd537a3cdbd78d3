"""What the pages of events show: the buttons that write one down with one tap, and the list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from backend.accounts.access import Actor
from backend.accounts.permissions import Permission
from backend.clinical import happening
from backend.core import local_time
from backend.observations.events.models import Event, EventChange

# Written down longer ago than this, the list says so.
LATE = timedelta(minutes=15)
# What whoever stands at the bed should know of.
LATELY = timedelta(hours=24)


@dataclass(frozen=True, kw_only=True)
class Button:
    """One kind of event. What `lasts` has an end."""

    kind: str
    label: str
    lasts: bool
    chosen: bool = False


@dataclass(frozen=True, kw_only=True)
class Own:
    """Whose form it is, of which patient, and where it goes."""

    path: str
    key: UUID
    opened_by: int
    opened_in: int | None
    opened_for: int


@dataclass(frozen=True, kw_only=True)
class Tap(Own):
    """A form with a button for each kind."""

    buttons: tuple[Button, ...]


def buttons(chosen: str = "") -> tuple[Button, ...]:
    """Every kind, in the order of the list."""
    return tuple(
        Button(kind=kind.key, label=kind.label, lasts=kind.lasts, chosen=kind.key == chosen)
        for kind in happening.KINDS.values()
    )


def own(actor: Actor, stay_id: int) -> Own:
    """What a form of this page carries."""
    return Own(
        path=f"/stays/{stay_id}/events",
        key=uuid4(),
        opened_by=actor.id,
        opened_in=actor.sign_in_id,
        opened_for=stay_id,
    )


def tap(actor: Actor, stay_id: int) -> Tap | None:
    """For whoever may record; None for others."""
    if not actor.may(Permission.RECORD_OBSERVATION):
        return None
    return Tap(**vars(own(actor, stay_id)), buttons=buttons())


@dataclass(frozen=True, kw_only=True)
class Happened:
    """One row of the list: what is known, or what was wrong with it."""

    id: int
    kind: str
    label: str
    when: str
    who: str
    remarks: tuple[str, ...]
    goes_on: bool
    struck: bool


@dataclass(frozen=True, kw_only=True)
class Putting:
    """The event that is being put right, and what is typed about it."""

    id: int
    was: str
    kinds: tuple[Button, ...]
    started: str
    ended: str
    reason: str


def when(row: Event, zone: ZoneInfo, now: datetime) -> str:
    """When it was, and how long it lasted."""
    began = local_time.day_and_time(row.started_at, zone, now)
    if row.ended_at is not None:
        over = local_time.day_and_time(row.ended_at, zone, now)
        return f"{began} to {over}, {local_time.span(row.ended_at - row.started_at)}"
    if happening.KINDS[row.kind].lasts:
        return f"since {began}, no end written down"
    return began


def lately(rows: Sequence[Event], zone: ZoneInfo, now: datetime) -> tuple[str, ...]:
    """What happened in the last day, newest first, for whoever is about to observe."""
    return tuple(
        f"{happening.KINDS[row.kind].label}, {when(row, zone, now)}"
        for row in reversed(rows)
        if row.started_at > now - LATELY or (row.ended_at or row.started_at) > now - LATELY
    )


CHANGES = {EventChange.CORRECTED: "corrected", EventChange.TAKEN_BACK: "taken back"}


def listed(
    rows: Sequence[Event], names: Mapping[int, str], zone: ZoneInfo, now: datetime
) -> list[Happened]:
    """Newest first. What was put right or taken back stays, struck through, with who and why."""
    after = {row.supersedes_id: row for row in rows if row.supersedes_id is not None}
    found = []
    for row in sorted(rows, key=lambda one: (one.started_at, one.id), reverse=True):
        by = after.get(row.id)
        if row.change is EventChange.TAKEN_BACK or (by and by.change is EventChange.ENDED):
            continue  # told with the row before or after it
        remarks = []
        if row.change is EventChange.RECORDED and row.entered_at - row.started_at > LATE:
            remarks.append(f"entered {local_time.span(row.entered_at - row.started_at)} after")
        if by is not None:
            who = names.get(by.recorded_by, "somebody")
            at = local_time.day_and_time(by.entered_at, zone, now)
            remarks.append(f"{CHANGES[by.change]} {at} by {who}: {by.reason}")
        kind = happening.KINDS[row.kind]
        found.append(
            Happened(
                id=row.id,
                kind=row.kind.value,
                label=kind.label,
                when=when(row, zone, now),
                who=names.get(row.recorded_by, "not known"),
                remarks=tuple(remarks),
                goes_on=by is None and kind.lasts and row.ended_at is None,
                struck=by is not None,
            )
        )
    return found


def _local(moment: datetime | None, zone: ZoneInfo) -> str:
    """For a `datetime-local` input."""
    return f"{moment.astimezone(zone):%Y-%m-%dT%H:%M}" if moment else ""


def putting_right(
    row: Event | None, zone: ZoneInfo, now: datetime, typed: dict[str, Any]
) -> Putting | None:
    if row is None or row.change is EventChange.TAKEN_BACK:
        return None
    return Putting(
        id=row.id,
        was=f"{happening.KINDS[row.kind].label}, {when(row, zone, now)}",
        kinds=buttons(str(typed.get("kind", row.kind.value))),
        started=str(typed.get("started", _local(row.started_at, zone))),
        ended=str(typed.get("ended", _local(row.ended_at, zone))),
        reason=str(typed.get("reason", "")),
    )
