"""What a machine may send to answer an alert."""

from typing import Annotated

from pydantic import ConfigDict, Field

from backend.core.strict_json import Body, Text, Whole


class AcknowledgementBody(Body):
    """Somebody takes it: with a plan, and a time to look again."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"plan": "Seen at the bed, diazepam given.", "recheck_minutes": 30}]
        }
    )

    plan: Annotated[Text, Field(max_length=500)]
    recheck_minutes: Annotated[
        Whole,
        Field(ge=1, le=1440, description="One of the alert's `recheck_minutes`."),
    ]
