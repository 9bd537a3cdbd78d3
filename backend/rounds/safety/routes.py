"""The page of safety rounds, and the checks of one stay: seen, written down, put right."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from sqlalchemy.orm import Session

from backend.accounts import census
from backend.accounts.access import Actor, Allowed, SignedIn
from backend.accounts.permissions import Permission
from backend.accounts.shell import shell
from backend.accounts.staff import queries as staff
from backend.audit import service as audit
from backend.core import clock, local_time
from backend.core.db import Db
from backend.core.web import LARGEST_ID, Id, Page, Screen, go, render, stands_on
from backend.patients.models import Patient
from backend.rounds.door_tags import service as door_tags
from backend.rounds.safety import coaching, page, queries, service, words
from backend.rounds.safety.forms import CheckForm, CorrectionForm, TakeBackForm
from backend.rounds.safety.models import SafetyCheck
from backend.rounds.safety.page import Look, Own, Putting, SafetyRounds, Seen
from backend.rounds.safety.queries import OnRounds
from backend.stays import queries as stay_queries
from backend.stays.access import BedsideOf, ChartOf
from backend.stays.leave import queries as leave
from backend.stays.models import Stay
from backend.stays.queries import Banner

router = APIRouter()
GoesRound = Annotated[Actor, Depends(Allowed(Permission.RECORD_OBSERVATION))]
StayId = Annotated[int | None, Query(alias="stay", ge=1, le=LARGEST_ID)]
CheckId = Annotated[int | None, Query(ge=1, le=2**63 - 1)]
Token = Annotated[str, Query(max_length=200)]


@dataclass(frozen=True, kw_only=True)
class SafetyScreen(Screen, template="rounds/safety.html"):
    """Whose turn it is, with two taps; and everybody else on safety rounds."""

    rounds: SafetyRounds
    look: Look | None
    saved: str | None
    # Where checks look alike: one's own, and for the charge nurse those of others.
    hints: tuple[str, ...]
    hints_of_others: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class SafetyList(Page, template="rounds/_safety.html"):
    """The list alone, which keeps itself up to date. The open form stays as it is."""

    rounds: SafetyRounds


@dataclass(frozen=True, kw_only=True)
class ChecksScreen(Screen, template="rounds/checks.html"):
    """What was seen of one patient, and how it is put right."""

    banner: Banner
    own: Own
    checks: tuple[Seen, ...]
    correcting: Putting | None


def _in_turn(db: Session, actor: Actor) -> list[OnRounds]:
    """Next due first; whoever is off the unit comes after everybody who is there."""
    found = queries.on_rounds(db, actor.unit.id)
    away = leave.away(db, [one.stay.id for one in found])
    return sorted(found, key=lambda one: one.stay.id in away)


def _rounds(db: Session, actor: Actor, found: list[OnRounds], chosen: int | None) -> SafetyRounds:
    now = clock.now()
    seen = queries.last_seen(db, [one.stay.id for one in found])
    away = leave.away(db, [one.stay.id for one in found])
    turns = [page.turn(one, seen, away, actor.zone, now) for one in found]
    return SafetyRounds(
        heading=page.heading(turns),
        path=f"/rounds/safety/list?stay={chosen}" if chosen else "/rounds/safety/list",
        look_for=chosen,
        others=tuple(one for one in turns if one.stay_id != chosen),
    )


def _turn(db: Session, actor: Actor, found: list[OnRounds], stay_id: int) -> page.Turn | None:
    now = clock.now()
    seen = queries.last_seen(db, [stay_id])
    for one in found:
        if one.stay.id == stay_id:
            return page.turn(one, seen, leave.away(db, [stay_id]), actor.zone, now)
    stay = next((s for s in stay_queries.current(db, actor.unit.id) if s.id == stay_id), None)
    if stay is None:
        return None
    return page.not_on_rounds(
        stay.id,
        db.get_one(Patient, stay.patient_id),
        stay_queries.bed_now(db, stay.id),
        seen=words.seen_words(seen.get(stay.id), actor.zone, now),
    )


@router.get("/rounds/safety")
def safety_screen(
    db: Db, actor: GoesRound, stay_id: StayId = None, tag: Token = "", saved: CheckId = None
) -> Response:
    now = clock.now()
    found = _in_turn(db, actor)
    census.shown(db, actor, "safety", [one.stay.id for one in found], now)
    chosen = stay_id or (found[0].stay.id if found else None)
    turn = _turn(db, actor, found, chosen) if chosen else None
    look = None
    if turn is not None:
        audit.viewed(db, actor.id, stay_id=turn.stay_id, unit_id=actor.unit.id, now=now)
        scan = door_tags.proven(tag, actor_id=actor.id, stay_id=turn.stay_id, now=now)
        look = page.look(
            actor,
            turn,
            tag=tag,
            scanned=scan is not None,
            tags_required=actor.unit.door_tags_required,
        )
    hints, of_others = coaching.words(db, actor, now)
    return render(
        SafetyScreen(
            shell=shell(actor, here="rounds", now=now),
            rounds=_rounds(db, actor, found, turn.stay_id if turn else None),
            look=look,
            saved=_saved(db, actor, saved),
            hints=hints,
            hints_of_others=of_others,
        )
    )


def _saved(db: Session, actor: Actor, check_id: int | None) -> str | None:
    """What is stored, read back."""
    row = db.get(SafetyCheck, check_id) if check_id else None
    if row is None or row.recorded_by != actor.id or row.unit_id != actor.unit.id:
        return None
    bed = stay_queries.bed_now(db, row.stay_id)
    at = local_time.clock_time(row.observed_at, actor.zone)
    return f"Saved {at}, {words.place_of(bed).lower()}: {words.told(row)}."


@router.get("/rounds/safety/list")
def safety_list(db: Db, actor: GoesRound, stay_id: StayId = None) -> Response:
    found = _in_turn(db, actor)
    census.shown(db, actor, "safety", [one.stay.id for one in found], clock.now())
    return render(SafetyList(rounds=_rounds(db, actor, found, stay_id)))


@router.post("/stays/{stay_id}/safety")
@stands_on("/rounds/safety?stay={opened_for}&tag={tag}")
def record(
    request: Request, db: Db, actor: SignedIn, stay: BedsideOf, form: Annotated[CheckForm, Form()]
) -> Response:
    actor.signs(form, of=stay.id)
    now = clock.now()
    scan = door_tags.proven(form.tag, actor_id=actor.id, stay_id=stay.id, now=now)
    row = service.record(
        db,
        actor.id,
        stay,
        key=form.key,
        look=service.Look(answers=form.answers(), not_seen=form.not_seen, note=form.note),
        proof=service.Proof(tag_id=scan.tag_id, scanned_at=scan.at)
        if scan
        else service.Proof(no_tag=form.no_tag),
        observed_at=form.observed_at(actor.zone, now),
    )
    return go(request, f"/rounds/safety?saved={row.id}")


@router.get("/stays/{stay_id}/safety")
def checks_screen(db: Db, actor: SignedIn, stay: ChartOf, correct: CheckId = None) -> Response:
    now = clock.now()
    audit.viewed(db, actor.id, stay_id=stay.id, unit_id=stay.unit_id, now=now)
    rows = queries.chain(db, stay.id)
    sees_notes = actor.may(Permission.SEE_NOTES)
    checks = page.listed(
        rows,
        staff.names(db, [row.recorded_by for row in rows]),
        actor,
        of_others=_of_others(actor),
        sees_notes=sees_notes,
        now=now,
    )
    return render(
        ChecksScreen(
            shell=shell(actor, here="safety", now=now),
            banner=stay_queries.banner(db, stay, actor.zone, now),
            own=page.own(actor, stay.id),
            checks=checks,
            correcting=_putting(db, actor, stay, checks, correct),
        )
    )


def _of_others(actor: Actor) -> bool:
    return actor.may(Permission.CORRECT_OBSERVATION)


def _putting(
    db: Session, actor: Actor, stay: Stay, checks: tuple[Seen, ...], check_id: int | None
) -> Putting | None:
    if not any(one.id == check_id and one.may_take_back for one in checks) or check_id is None:
        return None
    row = queries.one(db, stay.id, check_id)
    if row is None or not actor.may(Permission.RECORD_OBSERVATION):
        return None
    own = row.recorded_by == actor.id or actor.may(Permission.SEE_NOTES)
    note = (row.note or "") if own else ""
    return page.putting_right(row, actor.zone, clock.now(), note=note)


@router.post("/stays/{stay_id}/safety/{safety_check_id}/correct")
@stands_on("/stays/{stay_id}/safety?correct={safety_check_id}")
def correct(
    *,
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: BedsideOf,
    safety_check_id: Id,
    form: Annotated[CorrectionForm, Form()],
) -> Response:
    actor.signs(form, of=stay.id)
    service.correct(
        db,
        actor.id,
        stay,
        key=form.key,
        check_id=safety_check_id,
        answers=form.answers(),
        note=form.note,
        reason=form.reason,
        of_others=_of_others(actor),
    )
    return go(request, f"/stays/{stay.id}/safety")


@router.post("/stays/{stay_id}/safety/{safety_check_id}/take-back")
@stands_on("/stays/{stay_id}/safety?correct={safety_check_id}")
def take_back(
    *,
    request: Request,
    db: Db,
    actor: SignedIn,
    stay: BedsideOf,
    safety_check_id: Id,
    form: Annotated[TakeBackForm, Form()],
) -> Response:
    actor.signs(form, of=stay.id)
    service.take_back(
        db,
        actor.id,
        stay,
        key=form.key,
        check_id=safety_check_id,
        reason=form.reason,
        of_others=_of_others(actor),
    )
    return go(request, f"/stays/{stay.id}/safety")
