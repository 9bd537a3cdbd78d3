"""The record sheet as a browser sends it: twenty CIWA-B items and the vital signs."""

from urllib.parse import urlencode
from uuid import uuid4

from tests import build
from tests.bench.ground import CIWA_B_TOTALS

VITALS = {
    "respiratory_rate_per_min": "16",
    "spo2_percent": "97",
    "on_oxygen": "false",
    "systolic_mmhg": "124",
    "diastolic_mmhg": "78",
    "pulse_per_min": "72",
    "temperature_c": "36.8",
    "consciousness": "A",
}


def form(stay_id: int, opened: tuple[int, int], number: int) -> bytes:
    """The sheet that comes in this place of the turn; `opened` by whom, in which sign-in."""
    answers = build.ciwa_b(CIWA_B_TOTALS[number % len(CIWA_B_TOTALS)])["ciwa-b"]
    inputs = {
        "key": str(uuid4()),
        "opened_by": str(opened[0]),
        "opened_in": str(opened[1]),
        "opened_for": str(stay_id),
        "outcome": "assessed",
        **VITALS,
        **{f"ciwa-b.{item}": str(answer) for item, answer in answers.items()},
    }
    return urlencode(inputs).encode()
