"""Record and correct sets. Every way in (screen, API, import, device) ends here."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, insert, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from backend.accounts.units.models import Unit
from backend.audit import service as audit
from backend.clinical import scale, shared
from backend.clinical import vitals as vital_signs
from backend.clinical.definition import as_text
from backend.clinical.scale import Score as ClinicalScore
from backend.clinical.sheet import Answer, Sheet
from backend.core import clock, live
from backend.core.db import table_of
from backend.core.errors import Conflict, Invalid, NotFound, UserError
from backend.observations import evaluation, queries
from backend.observations.definitions import queries as definitions
from backend.observations.models import (
    Observation,
    Outcome,
    Score,
    Source,
)
from backend.protocols import queries as protocols
from backend.protocols.queries import InForce
from backend.rounds import service as rounds
from backend.rounds.leave import service as leaves
from backend.stays.models import Stay

NEWS2 = "news2"
# Tables, not entities, and put together once: this is where most saves spend their time.
INSERT_SET = select(Observation).from_statement(
    postgresql.insert(table_of(Observation))
    .on_conflict_do_nothing(index_elements=[table_of(Observation).c.key])
    .returning(table_of(Observation))
)
LOCK_STAY = (
    select(Stay)
    .where(Stay.id == bindparam("of_stay"))
    .with_for_update(key_share=True)
    .execution_options(populate_existing=True)
)
INSERT_SCORE = insert(table_of(Score))
# What somebody judges by looking, not by asking or reading off.
OBSERVER_RATES = frozenset({"observed", "ask_and_observe"})
# Somebody was there to be seen.
AT_THE_BEDSIDE = frozenset({Outcome.ASSESSED, Outcome.ASLEEP, Outcome.REFUSED})
# A browser's clock and ours differ a little; more than this is a wrong time, not a fast clock.
AHEAD = timedelta(minutes=2)


def record(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    sheet: Sheet,
    source: Source,
    sent: bytes | None = None,
    reserved: Collection[str] = (),
    saved_on_device_at: datetime | None = None,
) -> Observation:
    """Store one set, score it, set what is due next, raise what the unit's rules ask for.

    A retry with the same key gets the first answer. Invalid: a sentence per field that is wrong.
    `sent` is a fingerprint of what the client sent, where the sheet holds more than that (a form
    that says "now" means the same thing when it is sent again). `reserved` are the scales of which
    the actor leaves to a nurse what an observer rates. `saved_on_device_at`: it waited on a device.
    """
    if any(key not in scale.latest() for key in {**sheet.answers, **sheet.unscored}):
        definitions.keep_up(session)
    _leave_to_a_nurse(sheet, reserved)
    _only_what_the_unit_uses(session, stay, sheet)
    if sheet.outcome == Outcome.ENTERED_IN_ERROR.value:
        raise Invalid("There is no set to take back.", {"outcome": "Choose another outcome."})
    return _store(
        session,
        actor_id,
        stay,
        key=key,
        sheet=sheet,
        source=source,
        sent=sent,
        saved_on_device_at=saved_on_device_at,
    )


def correct(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    supersedes_id: int,
    reason: str,
    sheet: Sheet,
    sent: bytes | None = None,
) -> Observation:
    """Put a set right with a new row. Of two corrections of one set, the first wins."""
    stored = queries.one(session, stay.id, supersedes_id)
    if stored is None:
        raise NotFound("There is no such set on this stay.")
    if stored.observation.outcome is Outcome.ENTERED_IN_ERROR:
        raise Conflict("This set was taken back. Record a new one instead.")
    try:
        with session.begin_nested():
            return _store(
                session,
                actor_id,
                stay,
                key=key,
                sheet=sheet,
                source=Source.TYPED,
                sent=sent,
                supersedes_id=supersedes_id,
                correction_reason=reason,
            )
    except IntegrityError as error:
        if "supersedes_id" not in str(error.orig):
            raise
        raise Conflict(
            "Somebody has corrected this set already. Look at the corrected set first."
        ) from error


def entered_in_error(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    supersedes_id: int,
    reason: str,
) -> Observation:
    """Take a set back (wrong patient, wrong time). It stays readable, struck through."""
    stored = queries.one(session, stay.id, supersedes_id)
    if stored is None:
        raise NotFound("There is no such set on this stay.")
    sheet = Sheet(
        observed_at=stored.observation.observed_at,
        outcome=Outcome.ENTERED_IN_ERROR.value,
    )
    return correct(
        session,
        actor_id,
        stay,
        key=key,
        supersedes_id=supersedes_id,
        reason=reason,
        sheet=sheet,
    )


def _store(
    session: Session,
    actor_id: int,
    stay: Stay,
    *,
    key: UUID,
    sheet: Sheet,
    source: Source,
    sent: bytes | None,
    supersedes_id: int | None = None,
    correction_reason: str | None = None,
    saved_on_device_at: datetime | None = None,
) -> Observation:
    # Two sets of one patient take turns, so that the rules of the second see the first. Where
    # several rows are locked, it is the stay first, then its rounds, then its alerts.
    stay = session.scalars(LOCK_STAY, {"of_stay": stay.id}).one()
    now = clock.now()
    in_force = protocols.in_force(session, stay.unit_id, at=sheet.observed_at)
    digest = sent or request_digest(stay.id, sheet, supersedes_id)
    try:
        _check_times(stay, sheet, now)
        _check_vitals(sheet)
        scores = scored(sheet, in_force, spo2_scale=stay.spo2_scale)
    except UserError:
        # What can no longer be recorded (the stay has ended) may have been, before the answer
        # was lost on its way.
        if queries.by_key(session, key) is None:
            raise
        return _first_answer(session, actor_id, stay, key, digest)
    observation = insert_set(
        session,
        stay,
        key=key,
        digest=digest,
        sheet=sheet,
        scores=scores,
        source=source,
        entered_at=now,
        late_entry=is_late_entry(sheet.observed_at, now, in_force),
        recorded_by=actor_id,
        protocol_id=in_force.id,
        supersedes_id=supersedes_id,
        correction_reason=correction_reason,
        saved_on_device_at=saved_on_device_at,
    )
    if observation is None:
        return _first_answer(session, actor_id, stay, key, digest)
    seen = rounds.Seen(
        observation_id=observation.id,
        observed_at=observation.observed_at,
        actor_id=actor_id,
        outcome=observation.outcome.value,
        scores=scores,
        breaths_per_min=observation.respiratory_rate_per_min,
        spo2_percent=observation.spo2_percent,
    )
    before = queries.versions_before(session, observation)
    if not before and observation.outcome in AT_THE_BEDSIDE:
        leaves.here(session, actor_id, stay, key=key, at=observation.observed_at)
    if before:
        rounds.reconsider(session, stay, seen, superseded_ids=before, in_force=in_force)
    else:
        rounds.fulfil(session, stay, seen, in_force=in_force)
    evaluation.evaluate(session, actor_id, stay, in_force=in_force, now=now, superseded_ids=before)
    audit.record(
        session,
        actor_id,
        "observation.corrected" if supersedes_id else "observation.recorded",
        unit_id=stay.unit_id,
        stay_id=stay.id,
        reason=correction_reason,
        observation_id=observation.id,
    )
    live.announce(session, f"stay-{stay.id}", "rounds")
    return observation


def _first_answer(
    session: Session, actor_id: int, stay: Stay, key: UUID, digest: bytes
) -> Observation:
    first = queries.by_key(session, key)
    if first is None or (first.stay_id, first.recorded_by) != (stay.id, actor_id):
        raise Conflict("This form was already sent by someone else. Open it again.")
    if first.request_sha256 != digest:
        raise Conflict(
            "This set is already saved, with other values than these. Look at the chart and"
            " correct it there."
        )
    return first


def _leave_to_a_nurse(sheet: Sheet, reserved: Collection[str]) -> None:
    wrong = {
        f"{key}.{item.id}": f"{item.label}: on this unit a nurse rates this. Leave it open."
        for key in reserved
        for item in scale.latest()[key].items
        if item.rater in OBSERVER_RATES
        and item.id in {**sheet.answers.get(key, {}), **sheet.unscored.get(key, {})}
    }
    if wrong:
        raise Invalid("Some of this is for a nurse to rate.", wrong)


def _only_what_the_unit_uses(session: Session, stay: Stay, sheet: Sheet) -> None:
    """One sedation scale per unit, and no scale without the permission that it needs."""
    unit = session.get_one(Unit, stay.unit_id)
    offered = scale.offered(sedation=unit.sedation_scale, permitted=unit.permitted_scales)
    wrong = {}
    for key in {**sheet.answers, **sheet.unscored}:
        if key == scale.SAFETY:
            wrong[key] = "Safety checks have rounds of their own: write it down there."
        instrument = scale.asked().get(key)
        if instrument is None or key in offered:
            continue
        name = scale.latest()[unit.sedation_scale].name
        wrong[key] = f"This unit scores sedation by {name}, not by {instrument.name}."
        if instrument.permission and key not in unit.permitted_scales:
            wrong[key] = (
                f"{instrument.name} needs the permission {instrument.permission}, which this unit"
                " has not written down."
            )
    if wrong:
        raise Invalid("This unit does not use that.", wrong)


def _check_times(stay: Stay, sheet: Sheet, now: datetime) -> None:
    if sheet.observed_at > now + AHEAD:
        raise Invalid(
            "The time lies in the future.",
            {"observed_at": "This time has not come yet."},
        )
    if sheet.observed_at < stay.admitted_at:
        raise Invalid(
            "The time lies before the admission.",
            {"observed_at": "Before this stay began."},
        )
    if stay.discharged_at is not None and sheet.observed_at > stay.discharged_at:
        raise Conflict("This stay has ended. Nothing after the discharge can be recorded.")


def _check_vitals(sheet: Sheet) -> None:
    """Impossible values are refused; implausible ones until somebody has confirmed them."""
    wrong = {
        problem.field: problem.sentence
        for problem in vital_signs.problems(sheet.vitals)
        if problem.refuse or problem.field not in sheet.confirmed
    }
    if wrong:
        raise Invalid("Check the vital signs.", wrong)


def is_late_entry(observed_at: datetime, entered_at: datetime, in_force: InForce) -> bool:
    """Whether the set was written down so long after that the chart must say so."""
    limit = timedelta(minutes=in_force.protocol.late_entry_minutes)
    return entered_at - observed_at > limit


def scored(sheet: Sheet, in_force: InForce, *, spo2_scale: int) -> dict[str, ClinicalScore]:
    """Every instrument that this set answers, scored by the unit's bands. Illegal is refused."""
    found: dict[str, ClinicalScore] = {}
    wrong: dict[str, str] = {}
    answered: dict[str, dict[str, Answer]] = {
        key: {**answers, **sheet.unscored.get(key, {})}
        for key, answers in shared.filled(sheet.answers, sheet.vitals).items()
    }
    for key, extra in sheet.unscored.items():
        answered.setdefault(key, dict(extra))
    for key, answers in answered.items():
        instrument = scale.latest().get(key)
        if instrument is None:
            raise Invalid("This instrument is not known here.", {key: "Not known."})
        found[key] = scale.score(
            instrument, answers, band_system=in_force.protocol.band_systems.get(key)
        )
        wrong |= {f"{key}.{item}": words for item, words in found[key].illegal.items()}
    if wrong:
        raise Invalid("Some answers do not exist on this scale.", wrong)
    news2 = scale.latest()[NEWS2]
    measured = scale.vital_answers(news2, sheet.vitals, spo2_scale=spo2_scale)
    if any(value is not None for name, value in measured.items() if name != "spo2_scale"):
        found[NEWS2] = scale.score(
            news2, measured, band_system=in_force.protocol.band_systems.get(NEWS2)
        )
    return found


def insert_set(
    session: Session,
    stay: Stay,
    *,
    key: UUID,
    digest: bytes,
    sheet: Sheet,
    scores: Mapping[str, ClinicalScore],
    source: Source,
    entered_at: datetime,
    late_entry: bool,
    recorded_by: int,
    protocol_id: int,
    supersedes_id: int | None = None,
    correction_reason: str | None = None,
    saved_on_device_at: datetime | None = None,
) -> Observation | None:
    """The set and its scores, in two statements; None when the key is already there."""
    values = {
        "key": key,
        "request_sha256": digest,
        "stay_id": stay.id,
        "patient_id": stay.patient_id,
        "unit_id": stay.unit_id,
        "outcome": Outcome(sheet.outcome),
        "source": source,
        "observed_at": sheet.observed_at,
        "entered_at": entered_at,
        "late_entry": late_entry,
        "recorded_by": recorded_by,
        "protocol_id": protocol_id,
        "note": sheet.note,
        "supersedes_id": supersedes_id,
        "correction_reason": correction_reason,
        "saved_on_device_at": saved_on_device_at,
        **{name: getattr(sheet.vitals, name) for name in queries.VITAL_COLUMNS},
    }
    observation = session.scalars(INSERT_SET, values).one_or_none()
    if observation is not None and scores:
        rows = [score_row(observation, score) for score in scores.values()]
        session.execute(INSERT_SCORE, rows)
    return observation


def score_row(observation: Observation, score: ClinicalScore) -> dict[str, Any]:
    """A clinical score as the columns of its table."""
    return {
        "observation_id": observation.id,
        "stay_id": observation.stay_id,
        "patient_id": observation.patient_id,
        "unit_id": observation.unit_id,
        "observed_at": observation.observed_at,
        **score_columns(score),
    }


def score_columns(score: ClinicalScore) -> dict[str, Any]:
    """What a stored score says, apart from whose it is."""
    return {
        "instrument": score.key,
        "definition": score.definition,
        "status": score.status,
        "answers": {name: _plain(answer) for name, answer in score.answers.items()},
        "unscored": {name: _plain(answer) for name, answer in score.unscored.items()},
        "points": dict(score.points),
        "total": score.total,
        "lowest": score.lowest,
        "highest": score.highest,
        "value": as_text(score.value) if score.total is None and score.value is not None else None,
        "band_system": score.band_system,
        "band": score.band.word if score.band else None,
        "severity": score.band.severity if score.band else None,
        "alarms": [alarm.id for alarm in score.alarms],
    }


def _plain(answer: Any) -> Any:
    return float(answer) if isinstance(answer, Decimal) else answer


def request_digest(stay_id: int, sheet: Sheet, supersedes_id: int | None = None) -> bytes:
    """A fingerprint of what was sent, to tell a retry from another deed under the same key."""
    said = asdict(sheet)
    said["confirmed"] = sorted(sheet.confirmed)
    words = json.dumps([stay_id, supersedes_id, said], sort_keys=True, default=str)
    return hashlib.sha256(words.encode()).digest()
