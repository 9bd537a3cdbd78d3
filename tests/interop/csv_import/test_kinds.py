"""Every kind of set that the bedside writes down comes in from a file, scored as at the bedside."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from backend.clinical import scale
from backend.clinical.definition import Answer, as_text
from backend.core.errors import Invalid
from backend.interop.csv_import import mapping as mappings
from backend.interop.csv_import.service import import_file
from backend.observations import queries as observations
from backend.observations.models import Observation
from backend.patients.models import Patient
from tests.interop.csv_import.conftest import Row, day, rejected, row, written

ASKED = scale.asked()
HEAD = """
source = "every-kind"
[columns]
patient = "who"
stay = "visit"
observed = "seen"
item = "code"
value = "value"
unit = "unit"
[items]
hr = { vital = "pulse_per_min", unit = "/min" }
gcs-sum = { total = "gcs" }
lo-hi = { instrument = "glucose", item = "meter", values = { LO = "L", HI = "H" } }
"""


def everything() -> str:
    """A mapping with a code for each item and each number of each instrument."""
    codes = [
        f'{key}.{name} = {{ instrument = "{key}", item = "{name}" }}'
        for key, instrument in ASKED.items()
        for name in (*instrument.by_id, *instrument.unscored_by_id)
    ]
    return HEAD + "\n".join(
        f'"{line.partition(" = ")[0]}" = {line.partition(" = ")[2]}' for line in codes
    )


def a_set(key: str) -> Mapping[str, Answer]:
    """The worst answer to every item, as far as the form goes on after it, and each number."""
    instrument = ASKED[key]
    answers: dict[str, Answer] = {
        item.id: [value for value in item.legal if value not in item.ends][-1]
        for item in instrument.items
        if item.id != "meter"
    }
    numbers = {one.id: one.high for one in instrument.unscored if not one.same_as}
    return answers | numbers


def test_every_instrument_comes_in_with_its_letters_signs_and_numbers(
    sessions: sessionmaker[Session], tmp_path: Path
) -> None:
    rows: list[Row] = []
    for hour, key in enumerate(ASKED):
        rows += [
            row(f"{hour:02}:00", f"{key}.{name}", as_text(answer))
            for name, answer in a_set(key).items()
        ]
    rows += [
        row("20:00", "glucose.glucose_mg_per_dl", 50),
        row("21:00", "lo-hi", "HI"),
        row("22:00", "gcs.verbal", "N"),
        row("22:00", "gcs.eyes", 4),
        row("22:00", "gcs.motor", 6),
        row("23:00", "fluid.oral_in_ml", 5001),
        row("23:00", "rass.level", "-6"),
        row("23:00", "gmaws.tremor", "1.5"),
        row("23:30", "seizure", 1),
        row("23:40", "cows.tremor", 1),
        row("23:40", "hr", 112),
    ]
    path = written(tmp_path / "kinds.csv", rows)
    summary = import_file(sessions, path, mappings.load(everything()), "kinds")
    assert sorted(reason for _, reason in rejected(summary)) == [
        "impossible value", "item not mapped", "value not on the scale", "value not on the scale",
    ]  # fmt: skip
    with sessions() as session:
        sets = session.scalars(
            select(Observation)
            .join(Patient, Patient.id == Observation.patient_id)
            .where(Patient.source == "every-kind")
            .order_by(Observation.observed_at)
        ).all()
        scores = observations.scores_of(session, [one.id for one in sets])
    found = {one.observed_at.strftime("%H:%M"): scores[one.id] for one in sets}
    assert {one.observed_at.date().isoformat() for one in sets} == {day("08:00")[:10]}
    for hour, (key, instrument) in enumerate(ASKED.items()):
        stored, ours = found[f"{hour:02}:00"][key], scale.score(instrument, a_set(key))
        assert ours.status == "ok", key
        assert (stored.status.value, stored.total) == (ours.status, ours.total), key
        assert stored.answers == dict(ours.answers), key
        assert stored.alarms == [alarm.id for alarm in ours.alarms], key
        assert {n: Decimal(str(v)) for n, v in stored.unscored.items()} == dict(ours.unscored), key
    assert found["20:00"]["glucose"].unscored == {"glucose_mmol_per_l": 2.8}
    assert found["21:00"]["glucose"].alarms == ["meter-high"]
    assert (found["22:00"]["gcs"].status.value, found["22:00"]["gcs"].total) == ("ok", None)
    assert found["23:40"]["cows"].answers == {"pulse": 2, "tremor": 1}


def test_what_no_mapping_can_say_is_refused_before_a_row_is_read() -> None:
    for wrong, why in (
        ('x = { instrument = "glucose", item = "sugar" }', "`sugar` is not an item of Glucose"),
        ('x = { instrument = "news2", item = "consciousness" }', "give vital signs as `vital`"),
        ('x = { instrument = "glucose", item = "meter", values = { LO = "X" } }', "does not exist"),
        ('x = { event = "seizure" }', "`event` is not known here"),
    ):
        with pytest.raises(Invalid) as refused:
            mappings.load(HEAD + wrong)
        assert why in refused.value.sentence
