"""Invented courses: how ill somebody is at an hour of their stay, and what is found then.

The daily worst COWS follows the counts that a trial published; delays follow a real record. All
else is a shape that a ward would recognise, and no clinical reference.
"""

import random
from bisect import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from math import exp
from statistics import NormalDist

from backend.clinical import scale, shared
from backend.clinical.sheet import Answer
from backend.clinical.vitals import Vitals
from backend.demo.people import SEED, Kind, Person

# Day of stay -> patients with a score, and of these with a daily worst of 8 or more, 5 or more,
# and more than 3. Counts of NIDA CTN-0097 as its secondary analysis gives them (CI-NYC/ctn0097).
CTN_0097 = (
    (350, 164, 251, 285),
    (368, 155, 248, 284),
    (352, 98, 221, 265),
    (304, 65, 156, 194),
    (239, 37, 106, 137),
    (179, 20, 73, 92),
    (125, 16, 48, 62),
    (93, 11, 33, 43),
    (74, 9, 20, 27),
    (61, 9, 21, 30),
    (52, 5, 18, 20),
    (51, 4, 15, 18),
    (43, 2, 6, 10),
    (36, 2, 6, 11),
)
# Share of sets -> minutes from seeing to writing down, measured on 105,599 values of the MIMIC-III
# demo. An eighth of those were written down before their time; here these are written at once.
DELAYS = ((0.0, 0.0), (0.124, 0.5), (0.5, 15.0), (0.9, 85.0), (0.95, 124.0), (0.99, 249.0))
LONGEST_DELAY = 480.0
# What a total is compared with to say how strained a body is.
WORST: Mapping[str, int] = {"ciwa-b": 55, "ciwa-ar": 40, "cows": 36}
INSTRUMENTS: Mapping[Kind, tuple[str, ...]] = {
    Kind.ALCOHOL: ("ciwa-ar",),
    Kind.BENZODIAZEPINES: ("ciwa-b",),
    Kind.OPIOIDS: ("cows",),
    Kind.ALCOHOL_AND_OPIOIDS: ("ciwa-ar", "cows"),
}
# How alike the days of one person are.
KINSHIP = 0.8
NORMAL = NormalDist()


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is there to be found at the bed at one moment."""

    totals: Mapping[str, int]
    strain: float
    # Somebody who gets worse: how far, 0 to 1.
    sinking: float


def at_hour(person: Person, hour: float) -> Found:
    """How they are this many hours after they came. The same every time it is asked."""
    rng = random.Random(f"{SEED} {person.number} hour {hour:.1f}")  # noqa: S311 (invents, guards nothing)
    sinking = max((_sinking(hour, *episode) for episode in person.episodes), default=0.0)
    totals = {
        name: min(WORST[name], max(0, round(_TOTALS[name](person, hour, rng) + 14 * sinking)))
        for name in INSTRUMENTS[person.kind]
    }
    strain = max(total / WORST[name] for name, total in totals.items())
    return Found(totals=totals, strain=strain, sinking=sinking)


def _sinking(hour: float, begins: float, lasts: float) -> float:
    """Up over the first half of an episode, down over the second."""
    return max(0.0, 1 - abs(hour - begins - lasts / 2) / (lasts / 2))


def _ciwa_ar(person: Person, hour: float, rng: random.Random) -> float:
    """Worst on the second day, gone in a week."""
    shape = 0.6 + hour / 75 if hour < 30 else exp((30 - hour) / 40)
    return (4 + 18 * person.rank) * shape + rng.uniform(-1.5, 1.5)


def _ciwa_b(person: Person, hour: float, rng: random.Random) -> float:
    """Slower to come and slower to go: no course was ever published, so this is only a shape."""
    shape = 0.6 + hour / 150 if hour < 60 else max(0.2, exp((60 - hour) / 110))
    return (12 + 28 * person.rank) * shape + rng.uniform(-2, 2)


def _cows(person: Person, hour: float, rng: random.Random) -> float:
    return worst_cows(person, int(hour // 24)) - rng.choice((0, 0, 0, 1, 1, 2))


_TOTALS = {"ciwa-ar": _ciwa_ar, "ciwa-b": _ciwa_b, "cows": _cows}


def worst_cows(person: Person, day: int) -> int:
    """The daily worst: over all people, its shares are those of the trial on that day."""
    rng = random.Random(f"{SEED} {person.number} day {day}")  # noqa: S311 (as above)
    own = NORMAL.inv_cdf(min(max(person.rank, 0.001), 0.999))
    spread = (1 - KINSHIP**2) ** 0.5
    place = 1 - NORMAL.cdf(KINSHIP * own + spread * rng.gauss())
    scored, eight, five, above_three = CTN_0097[min(day, len(CTN_0097) - 1)]
    if place < eight / scored:
        return min(24, 8 + int(rng.expovariate(1 / 4)))
    if place < five / scored:
        return rng.randint(5, 7)
    return 4 if place < above_three / scored else rng.randint(0, 3)


def answers_adding_up_to(
    instrument: str, total: int, rng: random.Random, *, vitals: Vitals | None = None
) -> dict[str, Answer]:
    """Answers whose points add up to exactly this total, and none that is an alarm of its own.

    They agree with the vital signs; where those alone come to more, to that.
    """
    found = scale.latest()[instrument]
    read = shared.read_off(found, vitals or Vitals())
    alarming = {(item, value) for one in found.alarms for item in one.items for value in one.values}
    legal = {
        item.id: sorted(int(value) for value in item.legal if (item.id, value) not in alarming)
        for item in found.items
        if item.id not in read
    }
    total = max(0, total - sum(int(answer) for answer in read.values()))
    while True:
        chosen = {name: values[0] for name, values in legal.items()}
        left = total
        for name in rng.sample(list(legal), k=len(legal)) * 4:
            higher = [v for v in legal[name] if chosen[name] < v <= chosen[name] + left]
            if higher and left:
                step = rng.choice(higher[:2])
                left -= step - chosen[name]
                chosen[name] = step
        if left == 0:
            return read | dict(chosen)


def vital_signs(rng: random.Random, strain: float, **changed: object) -> Vitals:
    """A full set for somebody under this much strain (0 calm, 1 severe withdrawal)."""
    values: dict[str, object] = {
        "respiratory_rate_per_min": round(14 + 6 * strain + rng.uniform(-1, 1)),
        "spo2_percent": round(97 - strain + rng.uniform(-0.6, 0.9)),
        "on_oxygen": False,
        "systolic_mmhg": round(122 + 34 * strain + rng.uniform(-4, 4)),
        "diastolic_mmhg": round(76 + 18 * strain + rng.uniform(-3, 3)),
        "pulse_per_min": round(70 + 42 * strain + rng.uniform(-3, 3)),
        "temperature_c": Decimal(str(round(36.6 + 0.9 * strain + rng.uniform(-0.1, 0.1), 1))),
        "consciousness": "A",
    }
    return Vitals(**(values | changed))  # type: ignore[arg-type]  # built above, by name


def sinking_signs(rng: random.Random, found: Found) -> Vitals:
    """A full set; of somebody who gets worse, with what the ward must not miss."""
    if found.sinking < 0.4:
        return vital_signs(rng, found.strain)
    return vital_signs(
        rng,
        found.strain,
        respiratory_rate_per_min=round(19 + 7 * found.sinking),
        spo2_percent=round(96 - 3 * found.sinking),
        pulse_per_min=round(96 + 26 * found.sinking),
        temperature_c=Decimal(str(round(37.2 + 0.9 * found.sinking, 1))),
    )


def sleeping_signs(rng: random.Random) -> Vitals:
    """What a sleep check counts."""
    return Vitals(respiratory_rate_per_min=rng.randint(12, 16), spo2_percent=rng.randint(95, 98))


def delay_minutes(share: float) -> float:
    """How long after it was seen the set that lies at this share of all is written down."""
    at = bisect([known for known, _ in DELAYS], share) - 1
    (low, first), (high, last) = (*DELAYS, (1.0, LONGEST_DELAY))[at : at + 2]
    return first + (last - first) * (share - low) / (high - low)
