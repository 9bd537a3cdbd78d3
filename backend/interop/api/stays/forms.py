"""What a machine may send when a patient comes, moves or goes."""

from datetime import date
from typing import Annotated

from pydantic import ConfigDict, Field

from backend.core.strict_json import Body, DateText, Moment, Name, Text, Whole
from backend.core.web import LARGEST_ID
from backend.stays.models import DischargeReason

Short = Annotated[Text, Field(max_length=200)]
BedId = Annotated[Whole, Field(ge=1, le=LARGEST_ID)]


class PatientBody(Body):
    """Who comes. The identifier decides who it is; name and date of birth are checked by it."""

    system: Annotated[
        Text,
        Field(max_length=100, description="Who gave the identifier, e.g. `hospital-mrn`."),
    ]
    identifier: Annotated[Text, Field(max_length=100)]
    family_name: Short
    given_name: Short
    born_on: Annotated[date, DateText] | None = None
    allergies: Annotated[
        Short | None,
        Field(description='Left out: nobody has asked. "none known" is an answer.'),
    ] = None
    risks: list[Short] = Field(default_factory=list, max_length=20)


class AdmissionBody(Body):
    """The beginning of a stay."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "patient": {
                        "system": "hospital-mrn",
                        "identifier": "0047114",
                        "family_name": "Pennywhistle",
                        "given_name": "Rosa",
                        "born_on": "1985-03-04",
                        "allergies": "none known",
                        "risks": ["withdrawal seizure"],
                    },
                    "admitted_at": "2026-11-24T01:30:00+01:00",
                    "bed_id": 7,
                    "substances": ["alcohol", "diazepam"],
                    "observe": ["news2", "ciwa-ar"],
                }
            ]
        }
    )

    patient: PatientBody
    admitted_at: Moment
    bed_id: BedId | None = Field(
        default=None, description="Without one the patient is on the board, without a bed."
    )
    substances: list[Short] = Field(default_factory=list, max_length=20)
    use_history: Text | None = None
    last_use_at: Moment | None = None
    observe: list[Name] = Field(
        default=["news2"],
        min_length=1,
        max_length=10,
        description="What is observed at the unit's usual intervals until somebody orders"
        " otherwise; `news2` is a full set of vital signs.",
    )


class PlacementBody(Body):
    """Another bed."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"bed_id": 9, "at": "2026-11-24T09:15:00+01:00"}]}
    )

    bed_id: BedId
    at: Moment


class DischargeBody(Body):
    """The end of a stay."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"at": "2026-11-27T10:00:00+01:00", "reason": "completed"}]}
    )

    at: Moment
    reason: DischargeReason
