"""The patients of this night, hour by hour: what a visitor of the demo is to find.

Shapes only: rise, plateau and decline as a unit sees them. Nothing here is a clinical reference.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from backend.clinical.sheet import Answer
from backend.clinical.vitals import Vitals
from backend.demo.courses import answers_adding_up_to, vital_signs
from backend.demo.people import EVENING_H, MORNING_H, SEED


@dataclass(frozen=True, kw_only=True)
class Moment:
    """One set: how long before now it was observed, and how long after that it was written down."""

    ago: timedelta
    delay: timedelta
    by: str
    outcome: str = "assessed"
    vitals: Vitals = field(default_factory=Vitals)
    answers: Mapping[str, Mapping[str, Answer]] = field(default_factory=dict)
    unscored: Mapping[str, Mapping[str, Answer]] = field(default_factory=dict)
    note: str | None = None
    # Written down wrongly at first: this instrument's total, put right some minutes later.
    first_written_total: tuple[str, int] | None = None


@dataclass(frozen=True, kw_only=True)
class Patient:
    """An invented patient, with what the banner says."""

    bed: str | None
    family_name: str
    given_name: str
    born_on: date
    code: str
    allergies: str | None
    risks: tuple[str, ...]
    substances: tuple[str, ...]
    use_history: str
    admitted_ago: timedelta
    last_use_ago: timedelta
    orders: Mapping[str, int]
    moments: Sequence[Moment]


def _delay(rng: random.Random) -> timedelta:
    """Most sets are written down at the bed; some only at the desk."""
    return timedelta(minutes=rng.choice([1, 1, 2, 2, 3, 4, 6, 9, 14]))


def _course(
    instrument: str,
    points: str,
    rng: random.Random,
    *,
    day: str,
    night: str,
    now_h: int,
    worst: int,
) -> Iterator[Moment]:
    """`hours ago:total` or `hours ago:outcome` -> sets, by the nurse who has the shift."""
    for point in points.split():
        hours, found = float(point.split(":")[0]), point.split(":")[1]
        hour = (now_h - round(hours)) % 24
        by = day if MORNING_H <= hour < EVENING_H else night
        ago, delay = timedelta(hours=hours), _delay(rng)
        if found == "asleep":
            breathing = rng.randint(12, 15)
            yield Moment(
                ago=ago,
                delay=delay,
                by=by,
                outcome="asleep",
                vitals=Vitals(respiratory_rate_per_min=breathing, spo2_percent=rng.randint(95, 97)),
                note="Breaths counted, on the right side, colour good.",
            )
        elif not found.isdecimal():
            yield Moment(ago=ago, delay=delay, by=by, outcome=found)
        else:
            yield Moment(
                ago=ago,
                delay=delay,
                by=by,
                vitals=vital_signs(rng, int(found) / worst),
                answers={instrument: answers_adding_up_to(instrument, int(found), rng)},
            )


def patients(now_h: int) -> list[Patient]:
    """The unit's patients. `now_h`: the hour on the unit's clock, for who has the shift."""
    rng = random.Random(SEED)  # noqa: S311 (invents patients, guards nothing)
    pair = {"day": "nora", "night": "noah", "now_h": now_h}

    rising = list(
        _course(
            "ciwa-b",
            "62:22 58:24 54:21 50:20 43:17 39:18 35:19 31:16 27:17 23:15 17:asleep 13:16 9:18"
            " 4.6:26 0.4:33",
            rng,
            worst=55,
            **pair,  # type: ignore[arg-type]  # two names and an hour
        )
    )
    wrong = rising[7]
    rising[7] = Moment(
        ago=wrong.ago,
        delay=wrong.delay,
        by=wrong.by,
        vitals=wrong.vitals,
        answers=wrong.answers,
        first_written_total=("ciwa-b", 61),
    )
    alcohol = list(
        _course(
            "ciwa-ar",
            "44:14 42:16 40:15 38:13 34:12 30:13 26:11 22:10 15:asleep 11:10 7:8 3:9",
            rng,
            worst=40,
            **pair,  # type: ignore[arg-type]
        )
    )
    merged = [
        Moment(
            ago=moment.ago,
            delay=moment.delay,
            by=moment.by,
            outcome=moment.outcome,
            vitals=moment.vitals,
            answers={
                **moment.answers,
                **(
                    {
                        "cows": answers_adding_up_to(
                            "cows", 9 + min(5, i // 2), rng, vitals=moment.vitals
                        )
                    }
                    if moment.answers
                    else {}
                ),
            },
            note=moment.note,
        )
        for i, moment in enumerate(alcohol)
    ]
    sleeping = list(
        _course(
            "ciwa-b",
            "86:31 80:33 74:29 66:27 60:24 54:22 48:20 42:19 36:18 30:16 24:15 18:14 12:13 6:13"
            " 1.2:asleep",
            rng,
            worst=55,
            **pair,  # type: ignore[arg-type]
        )
    )
    refusing = list(
        _course(
            "ciwa-ar",
            "30:11 28:12 26:11 22:10 18:9 14:9 10:9 6:8 2.2:refused 0.7:refused",
            rng,
            worst=40,
            **pair,  # type: ignore[arg-type]
        )
    )
    sedated = [
        *_course(
            "ciwa-b",
            "52:38 46:36 40:34 34:31 28:29 22:26 16:23 10:21 5:16",
            rng,
            worst=55,
            **pair,  # type: ignore[arg-type]
        ),
        Moment(
            ago=timedelta(minutes=14),
            delay=timedelta(minutes=2),
            by="nora",
            vitals=vital_signs(
                rng,
                0.0,
                respiratory_rate_per_min=10,
                spo2_percent=92,
                systolic_mmhg=104,
                diastolic_mmhg=62,
                pulse_per_min=58,
                consciousness="V",
            ),
            answers={"ciwa-b": answers_adding_up_to("ciwa-b", 12, rng)},
            note="Rouses to voice, drifts off again. Last dose 02:00.",
        ),
    ]
    six_hourly = {"ciwa-b": 360, "news2": 360}
    return [
        Patient(
            bed="7",
            family_name="Pennywhistle",
            given_name="Rosa",
            born_on=date(1985, 3, 4),
            code="P-RS17",
            allergies="penicillin (rash)",
            risks=("seizure history",),
            substances=("benzodiazepines",),
            use_history="alprazolam 6 mg/day, years",
            admitted_ago=timedelta(hours=63),
            last_use_ago=timedelta(hours=70),
            orders={"ciwa-b": 240, "news2": 240},
            moments=rising,
        ),
        Patient(
            bed="12",
            family_name="Hollowell",
            given_name="Bram",
            born_on=date(1981, 7, 19),
            code="H-BM42",
            allergies="none known",
            risks=("hepatic disease",),
            substances=("alcohol", "opioids"),
            use_history="spirits daily, heroin smoked",
            admitted_ago=timedelta(hours=45),
            last_use_ago=timedelta(hours=52),
            orders={"ciwa-ar": 240, "cows": 240, "news2": 240},
            moments=merged,
        ),
        Patient(
            bed="3",
            family_name="Ashdown",
            given_name="Petra",
            born_on=date(1963, 1, 30),
            code="S-DW63",
            allergies="latex",
            risks=(),
            substances=("benzodiazepines",),
            use_history="lorazepam 6 mg/day, 11 years",
            admitted_ago=timedelta(hours=87),
            last_use_ago=timedelta(hours=96),
            orders=six_hourly,
            moments=sleeping,
        ),
        Patient(
            bed="20",
            family_name="Cloudesley",
            given_name="Wren",
            born_on=date(1993, 11, 2),
            code="C-LD29",
            allergies=None,
            risks=("suicide attempt 2024",),
            substances=("alcohol",),
            use_history="wine and vodka daily, 4 years",
            admitted_ago=timedelta(hours=31),
            last_use_ago=timedelta(hours=36),
            orders={"ciwa-ar": 240, "news2": 240},
            moments=refusing,
        ),
        Patient(
            bed="9",
            family_name="Snowberry",
            given_name="Hugo",
            born_on=date(1969, 5, 12),
            code="S-NW57",
            allergies="none known",
            risks=("sleep apnoea",),
            substances=("benzodiazepines",),
            use_history="clonazepam 4 mg/day, diazepam on top",
            admitted_ago=timedelta(hours=53),
            last_use_ago=timedelta(hours=60),
            orders=six_hourly,
            moments=sedated,
        ),
        Patient(
            bed=None,
            family_name="Harrowgate",
            given_name="Linus",
            born_on=date(2000, 4, 23),
            code="H-RR31",
            allergies=None,
            risks=(),
            substances=("opioids",),
            use_history="fentanyl, smoked, daily",
            admitted_ago=timedelta(minutes=42),
            last_use_ago=timedelta(hours=9),
            orders={"cows": 240, "news2": 240},
            moments=[],
        ),
    ]
