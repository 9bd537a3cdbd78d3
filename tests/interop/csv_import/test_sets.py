"""The rows of one time: of two truths one is refused in words, and no two are mixed or averaged."""

from decimal import Decimal

from backend.interop.csv_import.reading import Reader, Reading, columns
from backend.interop.csv_import.rows import Row
from backend.interop.csv_import.sets import Moment, moment
from tests.interop.csv_import.conftest import HEADER, mapping, row

MAPPING = mapping("sets")
READER = Reader(MAPPING, columns(list(HEADER), MAPPING))


def read(*values: tuple[str, object]) -> list[Reading]:
    """Rows of 08:00, from line 2 on."""
    units = {"hr": "bpm", "temp": "°C"}
    return [
        READER.reading(
            Row(line, "", [str(cell) for cell in row("08:00", code, value, units.get(code, ""))])
        )
        for line, (code, value) in enumerate(values, 2)
    ]


def of(*values: tuple[str, object]) -> Moment:
    return moment(read(*values), MAPPING.channels)


def refusals(found: Moment) -> list[tuple[int, str]]:
    return [(reading.line, reason) for reading, reason, _ in found.refused]


def test_the_rows_of_one_time_are_one_set() -> None:
    found = of(("hr", 88), ("temp", "37.2"), ("o2", "None"), ("tremor", 3), ("nausea", 0))
    (one,) = found.sets
    assert (one.vitals.pulse_per_min, one.vitals.temperature_c) == (88, Decimal("37.2"))
    assert one.vitals.on_oxygen is False
    assert one.vitals.systolic_mmhg is None
    assert one.answers == {"ciwa-ar": {"tremor": 3, "nausea": 0}}
    assert one.channels == ""
    assert (found.duplicates, found.refused) == ((), ())


def test_the_same_value_twice_is_a_duplicate() -> None:
    found = of(("hr", 88), ("hr", "88.0"))
    assert [reading.line for reading in found.duplicates] == [3]
    assert len(found.sets[0].readings) == 1


def test_of_two_values_the_first_stands_and_the_second_is_refused() -> None:
    found = of(("hr", 88), ("hr", 91), ("tremor", 2), ("tremor", 5))
    assert refusals(found) == [
        (3, "another value at the same time"),
        (5, "another value at the same time"),
    ]
    assert found.sets[0].vitals.pulse_per_min == 88
    assert found.sets[0].answers == {"ciwa-ar": {"tremor": 2}}


def test_a_second_channel_is_a_set_of_its_own_and_says_so() -> None:
    found = of(("sbp", 120), ("dbp", 70), ("hr", 80), ("art-sbp", 131), ("art-dbp", 66))
    main, arterial = found.sets
    assert (main.vitals.systolic_mmhg, main.vitals.diastolic_mmhg) == (120, 70)
    assert (arterial.vitals.systolic_mmhg, arterial.vitals.diastolic_mmhg) == (131, 66)
    assert arterial.vitals.pulse_per_min is None
    assert main.channels == ""
    assert arterial.channels == "arterial line: Systolic pressure, Diastolic pressure"


def test_a_channel_alone_belongs_to_the_set_and_says_so() -> None:
    (one,) = of(("hr", 80), ("art-sbp", 131), ("art-dbp", 66)).sets
    assert (one.vitals.pulse_per_min, one.vitals.systolic_mmhg) == (80, 131)
    assert one.channels == "arterial line: Systolic pressure, Diastolic pressure"


def test_the_cuff_is_never_mixed_with_the_arterial_line() -> None:
    main, arterial = of(("dbp", 70), ("art-sbp", 131), ("art-dbp", 66)).sets
    assert (main.vitals.systolic_mmhg, main.vitals.diastolic_mmhg) == (None, 70)
    assert (arterial.vitals.systolic_mmhg, arterial.vitals.diastolic_mmhg) == (131, 66)
    main, arterial = of(("dbp", 70), ("art-sbp", 131)).sets
    assert (main.vitals.systolic_mmhg, arterial.vitals.diastolic_mmhg) == (None, None)


def test_swapped_pressures_are_both_refused_and_the_rest_is_kept() -> None:
    found = of(("sbp", 70), ("dbp", 120), ("hr", 80))
    assert refusals(found) == [
        (2, "diastolic not below systolic"),
        (3, "diastolic not below systolic"),
    ]
    (one,) = found.sets
    assert one.vitals.pulse_per_min == 80
    assert one.vitals.systolic_mmhg is None
    assert one.vitals.diastolic_mmhg is None


def test_equal_pressures_cannot_be() -> None:
    assert of(("sbp", 90), ("dbp", 90)).sets == ()


def test_room_air_with_a_flow_is_refused_both() -> None:
    assert [line for line, _ in refusals(of(("o2", "None"), ("flow", 2)))] == [2, 3]
    assert [line for line, _ in refusals(of(("o2", "Mask"), ("flow", 0)))] == [2, 3]
    assert refusals(of(("o2", "Mask"), ("flow", 2))) == []
    assert refusals(of(("o2", "None"), ("flow", 0))) == []


def test_a_flow_alone_does_not_answer_for_the_device() -> None:
    assert of(("flow", 2)).sets[0].vitals.on_oxygen is None


def test_a_total_is_no_answer() -> None:
    found = of(("total", 7), ("tremor", 3))
    assert [reading.line for reading in found.totals] == [2]
    assert found.sets[0].answers == {"ciwa-ar": {"tremor": 3}}


def test_a_key_is_the_same_for_the_same_values_in_any_order_and_for_no_others() -> None:
    def key(*values: tuple[str, object], source: str = "a") -> object:
        return of(*values).sets[0].key(source)

    first = key(("hr", 88), ("rr", 18))
    assert key(("rr", 18), ("hr", "88.0")) == first
    others = [
        key(("hr", 88)),
        key(("hr", 18), ("rr", 88)),
        key(("hr", 88), ("rr", 18), source="b"),
        key(("art-sbp", 120)),
        key(("sbp", 120)),
        key(("tremor", 1)),
    ]
    assert len({first, *others}) == len(others) + 1
