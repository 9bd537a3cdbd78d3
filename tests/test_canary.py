"""A patient with a name that occurs nowhere else goes through the whole main path: who saw it?

Real processes on a real database, as deployed: web, watch, PostgreSQL, with their logs kept at the
most talkative level. The name may stand on the pages that must show it, and nowhere else.
"""

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import select, update

from backend.accounts.devices import service as devices
from backend.accounts.permissions import Role
from backend.accounts.sign_in.models import SignIn
from backend.alerts.models import Alert
from backend.core import clock
from backend.patients.models import Patient
from backend.reports.shift import windows
from backend.stays.models import Stay
from tests import people
from tests.conftest import DATA, GIVEN, sessions_on
from tests.processes import serving, signed_in, watching

pytestmark = pytest.mark.timeout(240)

FAMILY, GIVEN_NAME = "Zzqvarnholt", "Yxelinde"
# As any part of the program might write it.
BIRTH = ("1961-09-27", "27 Sep 1961", "27.09.1961", "1961-9-27", "(1961, 9, 27)")
NAMES = (FAMILY, GIVEN_NAME)
ILL = {
    "pulse_per_min": "128",
    "respiratory_rate_per_min": "28",
    "systolic_mmhg": "95",
    "diastolic_mmhg": "60",
    "spo2_percent": "89",
    "temperature_c": "38.9",
    "on_oxygen": "false",
    "consciousness": "V",
}


def told(text: str) -> list[str]:
    """Which of the canaries stand in it, whatever the case."""
    low = text.casefold()
    return [word for word in (*NAMES, *BIRTH) if word.casefold() in low]


@dataclass
class Night:
    """The main path as it was gone, and everything that came back."""

    url: str
    address: str
    logs: list[Path]
    stay_id: int = 0
    alert_id: int = 0
    code: str = ""
    answers: list[tuple[str, httpx.Response]] = field(default_factory=list)

    def keep(self, what: str, answer: httpx.Response) -> httpx.Response:
        """For the checks that hold for everything."""
        self.answers.append((what, answer))
        return answer


@contextmanager
def talking(url: str, folder: Path) -> Iterator[Night]:
    logs = [folder / "web.log", folder / "watch.log"]
    with (
        watching(url, log=logs[1], VIGIL_LOG_LEVEL="debug"),
        serving(url, log=logs[0], VIGIL_LOG_LEVEL="debug") as served,
    ):
        yield Night(url=url, address=served.address, logs=logs)


def keys(night: Night, name: str) -> dict[str, str]:
    with sessions_on(night.url) as sessions, sessions() as session:
        person = people.the_ward(session).staff[name]
        return {"key": str(uuid4()), **people.opens(person)}


def admission(night: Night, **fields: Any) -> dict[str, Any]:
    values = {
        "family_name": FAMILY,
        "given_name": GIVEN_NAME,
        "born_on": BIRTH[0],
        "allergies": "none known",
        "instruments": ["news2", "ciwa-b"],
        "substances": ["alcohol"],
    }
    return keys(night, "nora") | values | fields


@pytest.fixture
def night(fresh_database: str, tmp_path: Path) -> Iterator[Night]:
    """Admit, record, alert, refuse, break, report, export, by screen and by machine."""
    with talking(fresh_database, tmp_path) as lived:
        _at_the_bedside(lived)
        _refused(lived)
        _by_machine(lived)
        _taken_out(lived)
        time.sleep(2)  # the watch turns once more
        yield lived


def _at_the_bedside(night: Night) -> None:
    with sessions_on(night.url) as sessions, sessions() as session:
        bed = people.the_ward(session).beds["7"].id
    with signed_in(night.address, "nora") as nora:
        first = admission(night, bed_id=str(bed))
        done = night.keep("admitted", nora.post("/admit", data=first))
        assert done.status_code == 303, done.text
        night.keep("admitted twice", nora.post("/admit", data=first))
        night.stay_id = int(done.headers["Location"].rpartition("/")[2])
        _learn(night)
        sheet = keys(night, "nora") | {"opened_for": str(night.stay_id), "outcome": "assessed"}
        saved = nora.post(f"/stays/{night.stay_id}/observations", data=sheet | ILL)
        assert night.keep("recorded", saved).status_code in {200, 303}, saved.text
        for path in ("", "/record", "/manage", "/consents", "/sharing"):
            night.keep(f"chart{path}", nora.get(f"/stays/{night.stay_id}{path}"))
        night.keep("alerts", nora.get("/alerts"))
        _learn(night)
        night.keep("alert", nora.get(f"/alerts/{night.alert_id}"))
        night.keep("board", nora.get("/"))
        with nora.stream("GET", "/live") as stream:
            assert stream.status_code == 200


def _learn(night: Night) -> None:
    with sessions_on(night.url) as sessions, sessions() as session:
        stay = session.get_one(Stay, night.stay_id)
        night.code = session.get_one(Patient, stay.patient_id).code
        alert = session.scalars(select(Alert.id).where(Alert.stay_id == stay.id)).first()
        night.alert_id = alert or 0


def _refused(night: Night) -> None:
    """What goes wrong says so without saying whom it was about, in the answer and in the logs."""
    with sessions_on(night.url) as sessions, sessions() as session:
        taken = str(people.the_ward(session).beds["7"].id)
    with signed_in(night.address, "nora") as nora:
        wrong: tuple[dict[str, Any], ...] = (
            {"bed_id": taken},  # the database itself refuses two in one bed
            {"born_on": "1961-09-27T99"},
            {"family_name": FAMILY * 50},
            {"allergies": f"{FAMILY}\x00"},
            {"key": FAMILY},
            {FAMILY: "x"},
            {"born_on": "1700-09-27"},  # the database again
        )
        for fields in wrong:
            answer = nora.post("/admit", data=admission(night, **fields))
            night.keep(f"refused form {sorted(fields)}", answer)
        for path in (f"/{FAMILY}", f"/stays/{FAMILY}", f"/reports?day={FAMILY}"):
            night.keep("refused address", nora.get(path))
    with httpx.Client(base_url=night.address) as nobody:
        typed = {"login_name": FAMILY, "password": GIVEN_NAME}
        night.keep("refused sign-in", nobody.post("/sign-in", data=typed))
        night.keep("refused token", nobody.get("/api/v1/board"))


def _by_machine(night: Night) -> None:
    with sessions_on(night.url) as sessions, sessions.begin() as session:
        ward = people.the_ward(session)
        token, _ = devices.enrol(
            session,
            ward.staff["ada"].id,
            unit_id=ward.unit.id,
            name="engine",
            role=Role.INTERFACE,
            now=clock.now(),
        )
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=night.address, headers=headers, timeout=30) as engine:
        for path in ("board", "stays", "alerts", "units"):
            night.keep(f"api {path}", engine.get(f"/api/v1/{path}"))
        night.keep("named api stay", engine.get(f"/api/v1/stays/{night.stay_id}"))
        body = {"patient": {"family_name": FAMILY, "born_on": "never"}, "admitted_at": FAMILY}
        key = {"Idempotency-Key": str(uuid4())}
        night.keep("refused api", engine.post("/api/v1/stays", json=body, headers=key))


def _taken_out(night: Night) -> None:
    with sessions_on(night.url) as sessions, sessions.begin() as session:
        unit = people.the_ward(session).unit
        running = windows.recent_shifts(unit, clock.now(), 1)[0].starts_at
        session.execute(update(SignIn).values(stepped_up_until=clock.now() + timedelta(minutes=5)))
    start = running.isoformat().replace("+00:00", "Z")
    with signed_in(night.address, "chen") as chen:
        night.keep("report", chen.get("/reports/shift", params={"start": start}))
        night.keep("wall", chen.get("/wall"))
        night.keep("wall", chen.get("/wall/grid"))
        for ending in ("pdf", "xlsx", "csv"):
            form = keys(night, "chen") | {"start": start, "format": ending}
            answer = chen.post("/reports/shift/file", data=form)
            assert night.keep(f"file {ending}", answer).status_code == 200
    with signed_in(night.address, "pavel") as pavel:
        night.keep("ledger", pavel.get("/privacy/disclosures"))


# Pages that exist to show who it is.
MAY_NAME = re.compile(r"^(chart|recorded|admitted|alert|alerts|board|named api)\b")


def _text(what: str, answer: httpx.Response) -> str:
    """Files are unpacked first: a name in a compressed stream is a name.

    A refused form comes back to whoever typed it, in its own inputs and nowhere else.
    """
    if what.startswith("refused form"):
        return re.sub(r'value="[^"]*"', "", answer.text)
    kind = answer.headers.get("Content-Type", "")
    if "pdf" in kind:
        import io  # noqa: PLC0415

        import pypdf  # noqa: PLC0415

        pages = pypdf.PdfReader(io.BytesIO(answer.content)).pages
        return " ".join(page.extract_text() for page in pages)
    if "spreadsheet" in kind:
        import io  # noqa: PLC0415
        import zipfile  # noqa: PLC0415

        book = zipfile.ZipFile(io.BytesIO(answer.content))
        return " ".join(book.read(name).decode(errors="replace") for name in book.namelist())
    return answer.text


def test_a_name_stands_where_it_must_and_nowhere_else(night: Night) -> None:
    _shown_where_it_must_be(night)
    leaked = [
        (what, answer.status_code, found)
        for what, answer in night.answers
        if not MAY_NAME.search(what) and (found := told(_text(what, answer)))
    ]
    assert leaked == []
    for what, answer in night.answers:
        headers = " ".join(f"{name}: {value}" for name, value in answer.headers.items())
        assert told(headers) == [], what
        assert night.code not in headers, what
        title = re.search(r"<title>(.*?)</title>", answer.text)
        assert title is None or (told(title[1]) == [] and night.code not in title[1]), what
        disposition = answer.headers.get("Content-Disposition", "")
        assert re.fullmatch(r'(attachment; filename="[a-z0-9][a-z0-9.-]*")?', disposition), what
    _nowhere_in_the_logs(night)


def _shown_where_it_must_be(night: Night) -> None:
    """Or the rest of this test would pass on nothing."""
    by_name = dict(night.answers)
    for what in ("chart", "chart/record", "named api stay"):
        assert FAMILY in by_name[what].text, what
    assert BIRTH[1] in by_name["chart"].text
    assert night.alert_id, "no alert was raised"
    for what in ("api board", "report", "file csv"):
        assert night.code in by_name[what].text, what
    statuses = {answer.status_code for what, answer in night.answers if "refused" in what}
    assert statuses <= {303, 401, 403, 404, 409, 422}, statuses
    assert all(answer.status_code < 500 for _, answer in night.answers)


def _nowhere_in_the_logs(night: Night) -> None:
    logs = list(night.logs)
    if not GIVEN:  # a server of the machine keeps its log where it likes
        logs += list((DATA / "postgres").rglob("log/*"))
        assert len(logs) > 2, "no log of PostgreSQL"
    for log in logs:
        text = log.read_text(errors="replace")
        assert told(text) == [], log
        assert night.code not in text, log
    assert all(log.stat().st_size for log in night.logs), "a log is empty: nothing was checked"


def test_the_check_sees_a_leak() -> None:
    """Of every kind that is looked for."""
    for word in (*NAMES, *BIRTH):
        assert told(f"... {word.upper()} {secrets.token_hex(4)}") == [word]
