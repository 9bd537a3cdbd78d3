"""What it asks for that somebody refuses again and again."""

from datetime import datetime

from backend.clinical.deterioration import Evidence, Verdict
from backend.clinical.protocol import Protocol
from backend.clinical.scale import latest


def rule_of(instrument: str) -> str:
    """The name under which it is flagged that somebody refuses again and again."""
    return f"refused/{instrument}"


def refused(
    protocol: Protocol,
    *,
    instrument: str,
    times: int,
    refused_at: datetime,
    observation_id: int,
) -> Verdict | None:
    """What a refusal in a row asks for; None if the unit flags no refusals."""
    rules = protocol.rounds
    if rules.refusals_go_up_after is None or rules.refusal_source is None:
        return None
    name = latest()[instrument].name if instrument in latest() else instrument
    return Verdict(
        rule=rule_of(instrument),
        rule_version=1,
        family=rule_of(instrument),
        rank=1,
        title=f"{name} refused",
        level=rules.refusals_level,
        state="met",
        sentence=f"{name} has been refused {times} times running. The charge nurse decides.",
        evidence=(
            Evidence(
                label=name,
                value="refused",
                unit="",
                observed_at=refused_at,
                observation_id=observation_id,
            ),
        ),
        observation_id=observation_id,
        band_system=None,
        source=f"{rules.refusal_source.text} [{rules.refusal_source.mark}]",
        asked={
            "kind": "refused",
            "instrument": instrument,
            "times": times,
            "refused_at": refused_at.isoformat(),
            "observation_id": observation_id,
        },
    )
