"""What happens to a patient and is written down as it is: seizures, falls, restraint."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from types import MappingProxyType

from backend.clinical.deterioration import Evidence, Verdict
from backend.clinical.reading import LEVELS, Source, Table


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


def verdict(kind: Kind, *, started_at: datetime, at_words: str) -> Verdict:
    """What an event calls for. It happened, so it is met; only a person ends it."""
    rule = rule_of(kind.key)
    seen = Evidence(
        label=kind.label, value=at_words, unit="", observed_at=started_at, observation_id=None
    )
    return Verdict(
        rule=rule,
        rule_version=1,
        family=rule,
        rank=1,
        title=kind.label,
        level=kind.level,
        state="met",
        sentence=f"{kind.label} {at_words}. {kind.text}.",
        evidence=(seen,),
        observation_id=None,
        band_system=None,
        source=f"{kind.source.text} [{kind.source.mark}]",
    )
