"""What the sheet is filled with, before it is put into the words of the page."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from backend.clinical import vitals
from backend.clinical.definition import as_text
from backend.clinical.vitals import VitalKind
from backend.core import local_time
from backend.observations.sheet.page import Choice
from backend.observations.sheet.queries import Before

# Where the unit of a vital sign is chosen, if it can be.
CHOOSERS = {
    "temperature_c": "temperature_unit",
    "systolic_mmhg": "pressure_unit",
    "diastolic_mmhg": "pressure_unit",
}


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
    # As the unit types them.
    temperature_unit: str = "°C"
    pressure_unit: str = "mmHg"
    # Whether what was found last is seen before the own value stands.
    shows_previous: bool = False
    not_asleep: str | None = None
    nights: tuple[str, ...] = ()

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

    def unit_of(self, kind: VitalKind) -> str:
        """The unit in which this vital sign is typed here."""
        usual = {"temperature_unit": self.temperature_unit, "pressure_unit": self.pressure_unit}
        chooser = CHOOSERS.get(kind.field)
        return self.typed.get(chooser, usual[chooser]) if chooser else kind.unit

    def was(self, kind: VitalKind) -> str | None:
        """`was 108, 21:40`, in the unit in which it is typed now."""
        found = self.before.vitals.get(kind.field)
        if found is None:
            return None
        unit = self.unit_of(kind)
        value = found.value if unit == kind.unit else vitals.in_unit(kind, found.value, unit)
        shown = f"{value} {unit}" if kind.field in CHOOSERS else value
        return f"was {shown}, {self.when(found.observed_at)}"


def with_asked_today(filling: Filling) -> Filling:
    """What is asked once a day stands as it was answered today, and can be changed."""
    carried = {name: as_text(found.value) for name, found in filling.before.asked_today.items()}
    return replace(filling, typed=carried | dict(filling.typed))
