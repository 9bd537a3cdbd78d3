"""What happens to a patient and is written down as it is: seizures, falls, restraint."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from types import MappingProxyType

from backend.clinical.protocol_parts import Rule
from backend.clinical.reading import LEVELS, Source, Table
from backend.clinical.verdict import Evidence, Verdict


class KindError(ValueError):
    """A list of kinds that cannot be used."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of event. What `lasts` has an end as well as a start."""

    key: str
    label: str
    lasts: bool
    level: str
    text: str
    source: Source


def load(text: str) -> Mapping[str, Kind]:
    """Read the kinds; each has words, a level and a source."""
    reasons: list[str] = []
    document = Table(tomllib.loads(text), "events", reasons)
    found = {}
    for key in document.names():
        table = document.table(key)
        found[key] = Kind(
            key=key,
            label=table.text("label"),
            lasts=table.flag("lasts"),
            level=table.choice("level", LEVELS),
            text=table.text("text"),
            source=table.source(),
        )
        table.finish()
    if reasons:
        raise KindError(" ".join(reasons))
    return MappingProxyType(found)


KINDS = load((resources.files("backend.clinical") / "events.toml").read_text("utf-8"))


def rule_of(kind: str) -> str:
    """The name under which an event of a kind is flagged."""
    return f"event/{kind}"


def verdict(
    kind: Kind, *, started_at: datetime, at_words: str, decided: Rule | None = None
) -> Verdict:
    """What an event calls for. It happened, so it is met; only a person ends it.

    `decided`: what the unit's protocol says of this kind, where it says anything.
    """
    rule = rule_of(kind.key)
    seen = Evidence(
        label=kind.label, value=at_words, unit="", observed_at=started_at, observation_id=None
    )
    source = decided.source if decided else kind.source
    return Verdict(
        rule=rule,
        rule_version=decided.version if decided else 1,
        family=decided.family if decided else rule,
        rank=decided.rank if decided else 1,
        title=decided.title if decided else kind.label,
        level=decided.level if decided else kind.level,
        state="met",
        sentence=f"{kind.label} {at_words}. {kind.text}.",
        evidence=(seen,),
        observation_id=None,
        band_system=None,
        source=f"{source.text} [{source.mark}]",
        asked={
            "kind": "event",
            "event": kind.key,
            "started_at": started_at.isoformat(),
            "at_words": at_words,
        },
    )
