"""What a machine may send about an event."""

from pydantic import ConfigDict, Field

from backend.core.strict_json import Body, Moment
from backend.observations.events.models import EventKind


class EventBody(Body):
    """It happened. Restraint and whatever else lasts may have an end; null: not over, not known."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"kind": "fall", "started_at": "2026-11-24T02:10:00+01:00"}]
        }
    )

    kind: EventKind
    started_at: Moment
    ended_at: Moment | None = None


class EndBody(Body):
    """It is over."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ended_at": "2026-11-24T02:40:00+01:00"}]}
    )

    ended_at: Moment = Field(description="Not before it began.")
