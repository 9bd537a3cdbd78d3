"""Everybody in the demo, all invented: who works there, and the patients, each by a number."""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from backend.accounts.permissions import Role

SEED = 1989
# Keep in step with the guided words on the sign-in page of the demo (accounts/sign_in).
STAFF = {
    "nora": ("Nora Okafor, RN", Role.NURSE),
    "noah": ("Noah Lindqvist, RN", Role.NURSE),
    "mila": ("Mila Castellan, RN", Role.NURSE),
    "omar": ("Omar Wexford, LPN", Role.NURSE),
    "tess": ("Tess Amsel", Role.TECHNICIAN),
    "chen": ("Chen Ferro, RN", Role.CHARGE_NURSE),
    "priya": ("Dr Priya Vance", Role.PHYSICIAN),
    "theo": ("Theo Marsh", Role.THERAPIST),
    "ada": ("Ada Brandt", Role.ADMINISTRATOR),
    "vera": ("Dr Vera Holt", Role.APPROVER),
    "pavel": ("Pavel Simon", Role.PRIVACY_OFFICER),
}
DAY, NIGHT = ("nora", "mila"), ("noah", "omar")
MORNING_H, EVENING_H = 7, 19


class Kind(StrEnum):
    """What somebody withdraws from; the value is the unit's usual order template."""

    ALCOHOL = "alcohol"
    BENZODIAZEPINES = "benzodiazepines"
    OPIOIDS = "opioids"
    ALCOHOL_AND_OPIOIDS = "alcohol opioids"


@dataclass(frozen=True, kw_only=True)
class Person:
    """An invented patient; the number makes all of it, and makes the same every time."""

    number: int
    kind: Kind
    family_name: str
    given_name: str
    born_on: date
    code: str
    allergies: str | None
    risks: tuple[str, ...]
    use_history: str
    last_use_before: timedelta
    stays: timedelta
    # How ill among all of their kind, 0 the least and 1 the most.
    rank: float
    # When they get worse for a while: (hour of the stay, hours).
    episodes: tuple[tuple[float, float], ...]


# Kind -> weight, shortest and longest stay in days, what the banner says of the use.
KINDS: dict[Kind, tuple[int, float, float, tuple[str, ...]]] = {
    Kind.ALCOHOL: (
        34,
        4,
        7,
        ("wine and vodka daily, 4 years", "spirits daily, 2 l beer on top", "8 to 10 beers daily"),
    ),
    Kind.BENZODIAZEPINES: (
        24,
        8,
        14,
        ("alprazolam 4 mg/day, 6 years", "lorazepam 5 mg/day", "diazepam 40 mg/day, 9 years"),
    ),
    Kind.OPIOIDS: (
        30,
        5,
        13,
        ("fentanyl, smoked, daily", "heroin 1 g/day, injected", "oxycodone 160 mg/day"),
    ),
    Kind.ALCOHOL_AND_OPIOIDS: (
        12,
        6,
        10,
        ("vodka daily, heroin smoked", "beer daily, oxycodone 80 mg/day"),
    ),
}
GIVEN = (
    "Alba",
    "Anton",
    "Bea",
    "Benno",
    "Carla",
    "Cosmo",
    "Dana",
    "Dario",
    "Edda",
    "Emil",
    "Fenja",
    "Fritz",
    "Greta",
    "Gustav",
    "Hedda",
    "Henrik",
    "Ida",
    "Ivo",
    "Jana",
    "Jonas",
    "Karla",
    "Kolja",
    "Lena",
    "Levin",
    "Maja",
    "Milo",
    "Nele",
    "Nuno",
    "Olga",
    "Oskar",
    "Paula",
    "Pavo",
    "Rieke",
    "Ruben",
    "Selma",
    "Silas",
    "Tessa",
    "Tomas",
    "Una",
    "Urs",
    "Vera",
    "Viktor",
    "Wanda",
    "Wim",
    "Yara",
    "Yann",
    "Zoe",
    "Zeno",
)
FAMILY = (
    "Alderfold",
    "Birchall",
    "Copperfen",
    "Dunmore",
    "Eastwick",
    "Fernhollow",
    "Greywater",
    "Hazelbeck",
    "Ironmere",
    "Juniper",
    "Kestrelow",
    "Larkfield",
    "Mossbank",
    "Nettleby",
    "Oakhanger",
    "Pinewick",
    "Quillon",
    "Ravenholt",
    "Saltmarsh",
    "Thornby",
    "Underhay",
    "Vinterby",
    "Wetherall",
    "Yarrowdale",
    "Zephyrine",
    "Ambleford",
    "Brambleside",
    "Cragmoor",
    "Driftwell",
    "Elmstead",
)
ALLERGIES = (None, "none known", "none known", "penicillin (rash)", "latex", "sulfonamides")
RISKS = ((), (), (), ("seizure history",), ("falls",), ("hepatic disease",), ("sleep apnoea",))
# Somebody gets worse on about one patient-day in this many.
DAYS_TO_AN_EPISODE = 60


def person(number: int) -> Person:
    """The patient of this number."""
    rng = random.Random(f"{SEED} person {number}")  # noqa: S311 (invents patients, guards nothing)
    kind = rng.choices(list(KINDS), [weight for weight, *_ in KINDS.values()])[0]
    _, shortest, longest, uses = KINDS[kind]
    given, family = rng.choice(GIVEN), rng.choice(FAMILY)
    days = rng.uniform(shortest, longest)
    episodes, hour = [], rng.expovariate(1 / DAYS_TO_AN_EPISODE) * 24
    while hour < days * 24 - 8:
        lasts = rng.uniform(8, 16)
        episodes.append((hour, lasts))
        hour += lasts + rng.expovariate(1 / DAYS_TO_AN_EPISODE) * 24
    return Person(
        number=number,
        kind=kind,
        family_name=family,
        given_name=given,
        born_on=date(rng.randint(1955, 2004), rng.randint(1, 12), rng.randint(1, 28)),
        code=f"{family[0]}-{given[0]}{family[1].upper()}{number:02}",
        allergies=rng.choice(ALLERGIES),
        risks=rng.choice(RISKS),
        use_history=rng.choice(uses),
        last_use_before=timedelta(hours=rng.uniform(4, 30)),
        stays=timedelta(days=days),
        rank=rng.random(),
        episodes=tuple(episodes),
    )


def on_shift(hour: float) -> tuple[str, ...]:
    """The nurses who have the unit at this hour of its clock."""
    return DAY if MORNING_H <= hour < EVENING_H else NIGHT
