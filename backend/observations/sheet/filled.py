"""What the sheet is filled with, before it is put into the words of the page."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from backend.clinical.definition import as_text
from backend.core import local_time
from backend.observations.sheet.page import Choice
from backend.observations.sheet.queries import Before, Found


@dataclass(frozen=True, kw_only=True)
class Filling:
    """What the sheet is filled with: what was typed, what is wrong with it, what was before."""

    typed: Mapping[str, str]
    errors: Mapping[str, str]
    asks: Mapping[str, str]
    before: Before
    opened: Collection[str]
    # What this unit may use, besides what a stored set already has.
    offered: Collection[str]
    zone: ZoneInfo
    now: datetime
    not_asleep: str | None = None

    def choices(
        self, name: str, options: Mapping[str, str], *, default: str = ""
    ) -> tuple[Choice, ...]:
        """The options of one input, value to label, with the one that was chosen."""
        chosen = self.typed.get(name) or default
        return tuple(
            Choice(value=value, label=label, checked=value == chosen)
            for value, label in options.items()
        )

    def when(self, moment: datetime) -> str:
        return local_time.day_and_time(moment, self.zone, self.now)

    def was(self, found: Found | None) -> str | None:
        """`was 108, 21:40`."""
        if found is None:
            return None
        return f"was {found.value}, {self.when(found.observed_at)}"


def with_asked_today(filling: Filling) -> Filling:
    """What is asked once a day stands as it was answered today, and can be changed."""
    carried = {name: as_text(found.value) for name, found in filling.before.asked_today.items()}
    return replace(filling, typed=carried | dict(filling.typed))
