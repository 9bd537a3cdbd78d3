"""From what the record sheet sent to a set as it was observed; each refusal names its input."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, field_validator

from backend.clinical import scale, shared
from backend.clinical import vitals as vital_signs
from backend.clinical.sheet import Sheet
from backend.clinical.vitals import KINDS, Typed, Vitals
from backend.core.deed import Line, PatientForm
from backend.core.errors import Invalid
from backend.observations.models import Outcome
from backend.observations.sheet.reading import (
    LONGEST_INPUT,
    NOT_MEASURED,
    Sent,
    answered,
    first_tried,
    local_input,
    measure,
    per_minute,
    typed_time,
    units_of,
)

SLEEP_CHECK = "Sleep check:"
# Nobody is there to be measured.
ABSENT = (Outcome.OFF_UNIT, Outcome.STAFF_UNAVAILABLE)

Text = Annotated[Line, Field(max_length=LONGEST_INPUT)]
Word = Annotated[Line, Field(max_length=40)]


class SheetForm(PatientForm):
    """One set. Dotted inputs (`ciwa-b.tense`, `confirm.pulse_per_min`) come as dictionaries."""

    outcome: Outcome
    observed_local: Word | None = None
    repeated: Literal["first", "second"] | None = None
    sent_at: Word | None = None
    temperature_unit: Literal["°C", "°F"] = "°C"
    pressure_unit: Literal["mmHg", "kPa"] = "mmHg"
    sleep_breaths: Word | None = None
    sleep_seconds: Literal["15", "30", "60"] = "60"
    sleep_position: Word | None = None
    sleep_colour: Word | None = None
    sleep_response: Word | None = None
    note: Text | None = None
    reason: Text | None = None
    vitals: dict[str, str]
    answers: dict[str, dict[str, str]]
    confirmed: dict[str, str]

    @field_validator("outcome")
    @classmethod
    def came_of_a_round(cls, outcome: Outcome) -> Outcome:
        """Taking back is a deed of its own, on a set that is there."""
        if outcome is Outcome.ENTERED_IN_ERROR:
            raise ValueError
        return outcome

    def why(self) -> str:
        """The reason of a correction, or Invalid."""
        if not self.reason:
            raise Invalid("Not saved.", {"reason": "Say why the set is corrected."})
        return self.reason

    def observed_at(self, zone: ZoneInfo, now: datetime, kept: datetime | None) -> datetime:
        """When it was observed: as typed; else as first tried; else now.

        `kept` is the time of the set that is being corrected, which has seconds and this has not.
        """
        if self.observed_local is None:
            return kept or first_tried(self.sent_at, now)
        if kept and self.repeated is None and self.observed_local == local_input(kept, zone):
            return kept
        return typed_time(self.observed_local, self.repeated, zone)

    def asks(self) -> dict[str, str]:
        """What only has to be confirmed: the vital sign, and the value that stands for "yes"."""
        typed = self._typed_vitals({})
        measured, _ = measure(typed, self.temperature_unit, self.pressure_unit)
        asked = {
            problem.field: typed[problem.field]
            for problem in vital_signs.problems(measured, self._as_typed(typed))
            if not problem.refuse
        }
        if self.outcome is Outcome.ASLEEP and "spo2_percent" not in typed:
            asked["spo2_percent"] = NOT_MEASURED
        return asked

    def sheet(self, zone: ZoneInfo, now: datetime, *, kept: datetime | None = None) -> Sheet:
        """The set, or Invalid with a sentence for each input that is wrong or asks back."""
        wrong: dict[str, str] = {}
        observed_at = now
        try:
            observed_at = self.observed_at(zone, now, kept)
        except Invalid as refused:
            wrong |= refused.fields
        vitals = self._vitals(wrong)
        answers, unscored = self._answers(wrong)
        wrong |= shared.contradictions(answers, vitals)
        self._fits_outcome(vitals, answers or unscored, wrong)
        if wrong:
            raise Invalid("Not saved.", wrong)
        return Sheet(
            observed_at=observed_at,
            outcome=self.outcome.value,
            vitals=vitals,
            answers=answers,
            unscored=unscored,
            note=self._full_note(),
            confirmed=frozenset(self.confirmed),
        )

    def _vitals(self, wrong: dict[str, str]) -> Vitals:
        typed = self._typed_vitals(wrong)
        measured, refused = measure(typed, self.temperature_unit, self.pressure_unit)
        wrong |= refused
        for problem in vital_signs.problems(measured, self._as_typed(typed)):
            if problem.refuse or self.confirmed.get(problem.field) != typed.get(problem.field):
                where = problem.field
                if where == "respiratory_rate_per_min" and self.outcome is Outcome.ASLEEP:
                    where = "sleep_breaths"
                wrong.setdefault(where, problem.sentence)
        return measured

    def _as_typed(self, typed: Mapping[str, str]) -> dict[str, Typed]:
        """What stands in another unit than it is stored in: a sentence says it as it stands."""
        units = units_of(self.temperature_unit, self.pressure_unit)
        return {
            name: Typed(text=typed[name], unit=unit)
            for name, unit in units.items()
            if name in typed and unit != KINDS[name].unit
        }

    def _typed_vitals(self, wrong: dict[str, str]) -> dict[str, str]:
        """As typed; of somebody asleep the breaths that were counted, as a rate."""
        if self.outcome is not Outcome.ASLEEP or self.sleep_breaths is None:
            return self.vitals
        if not re.fullmatch(r"[0-9]{1,3}", self.sleep_breaths):
            wrong["sleep_breaths"] = "Write the breaths that you counted as a whole number."
            return self.vitals
        rate = per_minute(int(self.sleep_breaths), int(self.sleep_seconds))
        return self.vitals | {"respiratory_rate_per_min": rate}

    def _answers(self, wrong: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
        answers: dict[str, dict[str, Any]] = {}
        unscored: dict[str, dict[str, Any]] = {}
        for key, typed in self.answers.items():
            items, extras, refused = answered(scale.latest()[key], typed)
            wrong |= {f"{key}.{item}": words for item, words in refused.items()}
            if items:
                answers[key] = items
            if extras:
                unscored[key] = extras
        return answers, unscored

    def _fits_outcome(self, vitals: Vitals, answered: object, wrong: dict[str, str]) -> None:
        """Only what was assessed has answers; who is away has no pulse; sleep is not a zero."""
        measured = vitals != Vitals()
        if self.outcome is Outcome.ASSESSED:
            if not (answered or measured or wrong or self.vitals):
                wrong["outcome"] = "Nothing is entered. Answer, measure, or say why not."
        elif answered:
            wrong["outcome"] = (
                "Answers go with “Assessed”, where a part may stay open. Choose it, or clear them."
            )
        if self.outcome in ABSENT and measured:
            wrong["outcome"] = "Vital signs cannot be taken from somebody who is not seen."
        if self.outcome is Outcome.ASLEEP and not (self.note or "").startswith(SLEEP_CHECK):
            self._checks_sleep(vitals, wrong)

    def _checks_sleep(self, vitals: Vitals, wrong: dict[str, str]) -> None:
        if self.sleep_breaths is None:
            wrong["sleep_breaths"] = "Asleep needs the breaths counted."
        if self.sleep_response is None:
            wrong["sleep_response"] = "Say how the person responds."
        if vitals.spo2_percent is None and self.confirmed.get("spo2_percent") != NOT_MEASURED:
            wrong.setdefault("spo2_percent", "SpO2 was not measured. Save without it?")

    def _full_note(self) -> str | None:
        """The sleep check in words, then what was written."""
        if self.outcome is not Outcome.ASLEEP or self.sleep_response is None:
            return self.note
        counted = f"{self.sleep_breaths} breaths in {self.sleep_seconds} s"
        parts = [counted, self.sleep_position, self.sleep_colour, self.sleep_response]
        check = f"{SLEEP_CHECK} {'; '.join(part for part in parts if part)}."
        return f"{check} {self.note}" if self.note else check


def read(came: Sent) -> SheetForm:
    """The form, or Invalid: a sentence for each input."""
    if came.problems:
        raise Invalid("Not saved.", dict(came.problems))
    grouped: dict[str, Any] = {"vitals": {}, "answers": {}, "confirmed": {}}
    scales = scale.asked()
    for name, value in came.inputs.items():
        if value.strip() == "" or name in ("vitals", "answers", "confirmed"):
            continue
        group, _, item = name.partition(".")
        if name in KINDS:
            grouped["vitals"][name] = value.strip()
        elif group == "confirm" and item in KINDS:
            grouped["confirmed"][item] = value.strip()
        elif group in scales and item:
            grouped["answers"].setdefault(group, {})[item] = value.strip()
        else:
            grouped[name] = value
    try:
        return SheetForm.model_validate(grouped)
    except ValidationError as error:
        raise Invalid("Not saved.", dict(_sentence(one) for one in error.errors())) from None


class TakeBackForm(PatientForm):
    """A set that should never have been entered, and why."""

    reason: Annotated[Line, Field(min_length=3, max_length=LONGEST_INPUT)]


def read_taking_back(came: Sent) -> TakeBackForm:
    """The form, or Invalid."""
    if came.problems:
        raise Invalid("Not taken back.", dict(came.problems))
    try:
        return TakeBackForm.model_validate(dict(came.inputs))
    except ValidationError as error:
        raise Invalid("Not taken back.", dict(_sentence(one) for one in error.errors())) from None


WORDS = {
    "reason": "Say why, in a few words.",
    "key": "This form is broken. Open it again.",
    "opened_by": "This form is broken. Open it again.",
    "opened_in": "This form is broken. Open it again.",
    "opened_for": "This form is broken. Open it again.",
    "outcome": "Choose what came of the round.",
}


def _sentence(problem: Any) -> tuple[str, str]:
    where = str(problem["loc"][0])
    if problem["type"] == "extra_forbidden":
        return "form", "Something was sent that this sheet does not ask."
    words = WORDS.get(where) or str(problem["msg"]).removeprefix("Value error, ").rstrip(".") + "."
    return where, words
