"""What a machine may send as one set of observations."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from pydantic.config import JsonDict

from backend.clinical import scale
from backend.clinical.sheet import Answer, Sheet
from backend.clinical.vitals import Vitals
from backend.core.strict_json import Body, Flag, Moment, Name, Number, Text, Whole

EXAMPLE: JsonDict = {
    "observed_at": "2026-11-24T02:10:00+01:00",
    "vitals": {
        "respiratory_rate_per_min": 18,
        "spo2_percent": 96,
        "on_oxygen": False,
        "systolic_mmhg": 148,
        "diastolic_mmhg": 92,
        "pulse_per_min": 104,
        "temperature_c": 37.4,
        "consciousness": "A",
    },
    "answers": {"ciwa-ar": {"nausea": 1, "tremor": 4, "sweats": 3, "anxiety": 4}},
    "note": "Asked for the light to stay on.",
}


def _answer(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError("An answer is a whole number or a letter.")  # noqa: TRY004
    if isinstance(value, str) and not value.isprintable():
        raise ValueError("An answer is a whole number or a letter.")
    return value


GivenAnswer = Annotated[
    Answer,
    Field(union_mode="left_to_right"),
    BeforeValidator(_answer),
    WithJsonSchema({"anyOf": [{"type": "integer"}, {"type": "string", "maxLength": 40}]}),
]
GivenText = Annotated[Text, Field(max_length=2000)]
Answers = dict[Name, dict[Name, GivenAnswer]]
Numbers = dict[Name, dict[Name, Number]]
Count = Annotated[Whole, Field(ge=0, le=999)]
VitalName = Literal[
    "respiratory_rate_per_min",
    "spo2_percent",
    "on_oxygen",
    "oxygen_l_per_min",
    "systolic_mmhg",
    "diastolic_mmhg",
    "pulse_per_min",
    "temperature_c",
    "consciousness",
]


class VitalsBody(Body):
    """Vital signs in the units that the names say. What was not measured is left out."""

    respiratory_rate_per_min: Count | None = None
    spo2_percent: Count | None = None
    on_oxygen: Flag | None = None
    oxygen_l_per_min: Number | None = None
    systolic_mmhg: Count | None = None
    diastolic_mmhg: Count | None = None
    pulse_per_min: Count | None = None
    temperature_c: Number | None = None
    consciousness: Literal["A", "C", "V", "P", "U"] | None = None


class SetBody(Body):
    """What was found at the bed at one time. An item that was not answered is left out."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    observed_at: Moment
    outcome: Literal[
        "assessed", "asleep", "refused", "off_unit", "unable_to_assess", "staff_unavailable"
    ] = "assessed"
    vitals: VitalsBody = Field(default_factory=VitalsBody)
    answers: Answers = Field(default_factory=dict, max_length=20)
    unscored: Numbers = Field(default_factory=dict, max_length=20)
    note: GivenText | None = None
    # A person is asked whether an unusual value is right; a machine says so beforehand.
    confirmed: list[VitalName] = Field(
        default_factory=list,
        max_length=20,
        description="Vital signs that are right however unusual they look. A monitor that nobody"
        " watches names all it measures, or its most alarming values are refused.",
    )

    @model_validator(mode="after")
    def says_something(self) -> "SetBody":
        """An empty set, and answers of somebody who was not assessed, cannot be meant."""
        answered = any(self.answers.values()) or any(self.unscored.values())
        measured = self.vitals.model_dump(exclude_none=True)
        if self.outcome == "assessed" and not answered and not measured:
            raise ValueError("Nothing was observed. Send vital signs or answers, or the outcome.")
        if self.outcome != "assessed" and answered:
            raise ValueError("Only an assessed patient has answers to a scale.")
        for name in (*self.answers, *self.unscored):
            instrument = scale.latest().get(name)
            if instrument is not None and not instrument.is_asked:
                raise ValueError("NEWS2 and ACVPU are made from the vital signs: send those.")
        return self

    def sheet(self) -> Sheet:
        """The same as a clinical value."""
        return Sheet(
            observed_at=self.observed_at,
            outcome=self.outcome,
            vitals=Vitals(**{name: getattr(self.vitals, name) for name in VitalsBody.model_fields}),
            answers=self.answers,
            unscored=self.unscored,
            note=self.note,
            confirmed=frozenset(self.confirmed),
        )
