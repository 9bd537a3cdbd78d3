"""Nine minutes without contact: sheets open, sets wait sealed, and each arrives once, in order."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from backend.accounts.sign_in.models import SignIn
from backend.accounts.units.models import Unit
from backend.accounts.workstations import service as workstations
from backend.accounts.workstations.models import Kind, Workstation
from backend.core import clock
from backend.observations.models import Observation
from backend.rounds.assignments import service as assignments
from backend.stays.models import Stay
from tests import build, people
from tests.browser.conftest import until
from tests.conftest import sessions_on
from tests.people import Ward, the_ward
from tests.processes import Served, end, serving

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
CANARY = "canary in the note"
NAMES = {"7": "Pennywhistle", "8": "Hollowell", "9": "Quillfeather"}
# Everything that lies in the browser, as it lies there: ciphertext, keys that cannot be read out.
LIES_THERE = """
  async () => {
    const open = indexedDB.open("vigil");
    await new Promise((done) => { open.onsuccess = done; });
    const found = {};
    for (const name of open.result.objectStoreNames) {
      const all = open.result.transaction(name).objectStore(name).getAll();
      await new Promise((done) => { all.onsuccess = done; });
      const sealed = ({ data }) => data ? new TextDecoder().decode(new Uint8Array(data)) : "";
      found[name] = all.result.map((row) =>
        row instanceof CryptoKey ? String(row.extractable) : JSON.stringify(row) + sealed(row));
    }
    open.result.close();
    const texts = [];
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      for (const held of await cache.matchAll()) texts.push(await held.text());
    }
    return { ...found, caches: texts };
  }
"""


def how_many(what: str) -> str:
    """Asks a page for the number of what lies there."""
    return f"async () => (await ({LIES_THERE})())['{what}'].length"


@pytest.fixture
def sessions(fresh_database: str) -> Iterator[sessionmaker[Session]]:
    with sessions_on(fresh_database) as made:
        yield made


@pytest.fixture
def ward(sessions: sessionmaker[Session]) -> Ward:
    """Its machines lock late: these tests turn nine minutes of a device's clock."""
    with sessions.begin() as session:
        session.execute(update(Unit).values(ward_pc_lock_s=900, tablet_lock_s=900))
        return the_ward(session)


@dataclass
class Device:
    """One enrolled tablet in the hands of one nurse."""

    context: BrowserContext
    page: Page
    address: str
    number: int

    def keeps(self, sheets: int) -> None:
        """Until so many sheets lie there, beside the rounds and the list of unsent sets."""
        until(self.page, how_many("pages"), sheets + 2)
        self.page.wait_for_function("() => navigator.serviceWorker.controller")

    def saves(self, stay: Stay, pulse: int) -> None:
        """From the worker's copy, without contact."""
        self.page.goto(f"{self.address}/stays/{stay.id}/record")
        expect(self.page.locator(".bar[data-kind=kept]")).to_be_visible()
        self.page.fill("#pulse_per_min", str(pulse))
        self.page.click("#save")
        expect(self.page.locator("#not-sent-set h2")).to_be_focused()


Enrols = Callable[[str], Device]


@pytest.fixture
def enrols(
    chromium: Browser, served: Served, sessions: sessionmaker[Session], ward: Ward
) -> Iterator[Enrols]:
    contexts: list[BrowserContext] = []

    def enrolled(name: str) -> Device:
        context = chromium.new_context()
        contexts.append(context)
        with sessions.begin() as session:
            token, row = workstations.enrol(
                session,
                ward.staff["ada"].id,
                key=uuid4(),
                unit_id=ward.unit.id,
                label=f"Tablet {len(contexts)}",
                kind=Kind.TABLET,
                now=clock.now(),
            )
            number = row.id
        cookie = {"name": "vigil-workstation", "value": token, "url": served.address}
        context.add_cookies([cookie])  # type: ignore[list-item]
        device = Device(context, context.new_page(), served.address, number)
        signs_in(device, sessions, ward, name)
        device.page.goto(served.address)
        return device

    yield enrolled
    for context in contexts:
        context.close()


def signs_in(device: Device, sessions: sessionmaker[Session], ward: Ward, name: str) -> None:
    with sessions.begin() as session:
        token = people.sign_in(session, ward.staff[name])
        newest = session.scalars(select(func.max(SignIn.id))).one()
        on_it = update(SignIn).where(SignIn.id == newest)
        session.execute(on_it.values(workstation_id=device.number))
    cookie = {"name": "vigil", "value": token, "url": device.address}
    device.context.add_cookies([cookie])  # type: ignore[list-item]


def assigned(sessions: sessionmaker[Session], ward: Ward, beds: dict[str, str]) -> dict[str, Stay]:
    """Patients in these beds, in these hands."""
    with sessions.begin() as session:
        stays = {
            bed: build.stay(
                session,
                ward,
                bed=bed,
                patient_row=build.patient(session, ward, family_name=NAMES[bed]),
                orders={"news2": 240},
            )
            for bed in beds
        }
        for bed, name in beds.items():
            assignments.assign(
                session,
                ward.staff["chen"].id,
                key=uuid4(),
                unit_id=ward.unit.id,
                stay_ids=[stays[bed].id],
                staff_id=ward.staff[name].id,
                from_at=clock.now(),
                until_at=clock.now() + timedelta(hours=8),
            )
        return stays


def rows(sessions: sessionmaker[Session]) -> list[Observation]:
    with sessions() as session:
        return list(session.scalars(select(Observation).order_by(Observation.id)))


def test_nine_minutes_twenty_sets_three_devices_and_a_server_that_dies_while_they_are_sent(
    enrols: Enrols,
    served: Served,
    fresh_database: str,
    sessions: sessionmaker[Session],
    ward: Ward,
) -> None:
    stays = assigned(sessions, ward, {"7": "nora", "8": "chen", "9": "tess"})
    devices = {bed: enrols(name) for bed, name in {"7": "nora", "8": "chen", "9": "tess"}.items()}
    for device in devices.values():
        device.keeps(1)
    begun = clock.now() - timedelta(minutes=9)
    wanted: dict[str, list[int]] = {"7": [], "8": [], "9": []}
    for number in range(20):
        bed = "789"[number % 3]
        device, pulse = devices[bed], 70 + number
        device.context.set_offline(True)
        device.page.clock.set_system_time(begun + number * timedelta(seconds=27))
        device.saves(stays[bed], pulse)
        wanted[bed].append(pulse)
    assert rows(sessions) == []
    first = devices["7"]
    expect(first.page.locator("#not-sent")).to_have_text("NOT SENT · 7")

    # The second set is stored, and the server dies before it can say so.
    answered: list[str] = []

    def dies(route: Route) -> None:
        answered.append("")
        if len(answered) != 2:
            return route.fallback()
        route.fetch()
        end(served.process)
        return route.abort()

    first.page.route("**/queued", dies)
    first.context.set_offline(False)
    expect(first.page.locator("#not-sent")).to_have_text("NOT SENT · 6")
    first.page.wait_for_timeout(500)
    assert [row.pulse_per_min for row in rows(sessions)] == wanted["7"][:2]
    port = int(served.address.rpartition(":")[2])
    with serving(fresh_database, port):
        for device in devices.values():
            device.context.set_offline(False)
        for device in devices.values():
            expect(device.page.locator("#not-sent")).to_be_hidden(timeout=20_000)
        found = rows(sessions)
    assert len({row.key for row in found}) == len(found) == 20
    for bed, name in {"7": "nora", "8": "chen", "9": "tess"}.items():
        mine = [row for row in found if row.stay_id == stays[bed].id]
        assert [row.pulse_per_min for row in mine] == wanted[bed]
        assert {row.recorded_by for row in mine} == {ward.staff[name].id}
    _both_times_are_kept(found, begun)


def _both_times_are_kept(found: list[Observation], begun: datetime) -> None:
    by_time = sorted(found, key=lambda row: row.observed_at)
    assert [row.pulse_per_min for row in by_time] == list(range(70, 90))
    for number, row in enumerate(by_time):
        typed_at = begun + number * timedelta(seconds=27)
        assert abs(row.observed_at - typed_at) < timedelta(seconds=20)
        assert row.saved_on_device_at is not None
        assert abs(row.saved_on_device_at - row.observed_at) < timedelta(seconds=2)
        assert row.entered_at > begun + timedelta(minutes=9)


def in_the_clear(device: Device) -> str:
    """Whatever of a patient can be read where the browser keeps things, and the keys' own word."""
    lies = device.page.evaluate(LIES_THERE)
    assert set(lies["keys"]) <= {"false"}, "a script can read the key out"
    assert lies["caches"], "our own files are there"
    readable = str([lies[name] for name in ("drafts", "queue", "pages", "hands", "caches")])
    return " ".join(word for word in (*NAMES.values(), "penicillin", CANARY) if word in readable)


def refuses(device: Device, stay: Stay) -> None:
    """Without contact nothing of a patient opens."""
    device.context.set_offline(True)
    for path in (f"/stays/{stay.id}/record", "/rounds", "/unsent"):
        device.page.goto(f"{device.address}{path}")
        expect(device.page.locator("h1")).to_have_text("No contact: check patients")
        assert NAMES["7"] not in device.page.content()
    device.context.set_offline(False)


def test_what_is_kept_opens_for_nobody_else_and_only_its_owner_sends_it(
    enrols: Enrols, sessions: sessionmaker[Session], ward: Ward
) -> None:
    stay = assigned(sessions, ward, {"7": "nora"})["7"]
    device = enrols("nora")
    page = device.page
    device.keeps(1)
    device.context.set_offline(True)
    page.goto(f"{device.address}/rounds")
    expect(page.locator("#rounds")).to_contain_text(NAMES["7"])
    expect(page.locator(".bar[data-kind=kept]")).to_contain_text("A copy as of")
    expect(page.locator(".topbar .live")).to_contain_text("no contact")
    page.goto(f"{device.address}/stays/{stay.id}/record")
    page.fill("#note", CANARY)
    page.fill("#pulse_per_min", "88")
    page.click("#save")
    expect(page.locator("#not-sent")).to_have_text("NOT SENT · 1")
    page.goto(f"{device.address}/unsent")
    expect(page.locator("#unsent article")).to_contain_text(CANARY)
    assert in_the_clear(device) == ""

    # Locked: nothing opens, and nothing is lost.
    page.keyboard.press("Alt+l")
    expect(page.locator("h1")).to_have_text("Locked")
    assert CANARY not in page.content()
    refuses(device, stay)
    page.goto(f"{device.address}/lock")
    expect(page.locator("#unsent")).to_contain_text("1 unsent entry on this device")

    # Somebody else: neither to be read nor sent.
    signs_in(device, sessions, ward, "chen")
    page.goto(f"{device.address}/unsent")
    expect(page.locator("#not-sent")).to_have_text("1 of others")
    expect(page.locator("#others-unsent")).to_contain_text("1 unsent set of somebody else")
    assert CANARY not in page.content()
    device.keeps(0)
    device.context.set_offline(True)
    page.goto(f"{device.address}/stays/{stay.id}/record")
    expect(page.locator("h1")).to_have_text("No contact: check patients")
    device.context.set_offline(False)
    assert rows(sessions) == []

    # Their own next sign-in sends it; a sign-out hides what is kept.
    signs_in(device, sessions, ward, "nora")
    page.goto(device.address)
    expect(page.locator("#not-sent")).to_be_hidden()
    until(page, how_many("queue"), 0)
    assert [row.recorded_by for row in rows(sessions)] == [ward.staff["nora"].id]
    device.keeps(1)
    page.click(".me summary")
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("h1")).to_have_text("Nobody is signed in here")
    until(page, how_many("pages"), 0)
    refuses(device, stay)


def test_a_revoked_device_forgets_everything_at_its_next_contact(
    enrols: Enrols, sessions: sessionmaker[Session], ward: Ward
) -> None:
    stay = assigned(sessions, ward, {"7": "nora"})["7"]
    device = enrols("nora")
    device.keeps(1)
    device.context.set_offline(True)
    device.saves(stay, 88)
    with sessions.begin() as session:
        row = session.get_one(Workstation, device.number)
        workstations.revoke(session, ward.staff["ada"].id, row, now=clock.now())
    device.context.set_offline(False)
    expect(device.page.locator("#message")).to_contain_text("1 set that was never sent")
    assert NAMES["7"] not in device.page.inner_text("main")
    lies = device.page.evaluate(LIES_THERE)
    assert [lies[name] for name in ("keys", "drafts", "queue", "pages", "hands")] == [[]] * 5
    assert rows(sessions) == []
