"""The privacy officer's pages in a real browser: nothing for axe, and no wider than the screen."""

from uuid import uuid4

import pytest
from playwright.sync_api import Page
from sqlalchemy import select
from sqlalchemy.orm import Session

from backend.audit import service as audit
from backend.care.purge import service as purge
from backend.care.purge.models import Verdict
from backend.care.retention import service as retention
from backend.core import clock
from backend.core.db import unit_on_duty
from tests import build
from tests.browser.conftest import Opens
from tests.browser.test_pages import SHOTS, _axe, _keep, _wear
from tests.care import build as care
from tests.care import old as old_records
from tests.conftest import sessions_on
from tests.people import Ward, the_ward
from tests.processes import Served

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
WIDTHS = (390, 820, 1280, 1920) if SHOTS else (390, 1280)


@pytest.fixture
def pavel(fresh_database: str, served: Served, opens: Opens) -> tuple[Page, int]:
    """The privacy officer's browser, and a patient whom somebody saw."""
    with sessions_on(fresh_database) as sessions, sessions.begin() as session:
        ward = the_ward(session)
        stay = build.stay(session, ward, bed="7", orders={"ciwa-b": 240})
        build.recorded(session, ward, stay, answers=build.ciwa_b(45))
        audit.note(
            session,
            ward.staff["ada"].id,
            "access.refused",
            unit_id=ward.unit.id,
            of=("stay", stay.id),
            status=403,
            path=f"/stays/{stay.id}",
        )
        patient = stay.patient_id
        _long_ago(session, ward)
    opens(served.address, "nora").goto(served.address)
    return opens(served.address, "pavel"), patient


def _long_ago(session: Session, ward: Ward) -> None:
    """One record deleted, one that waits for a second person, and a hold."""
    old_records.gone(session, ward)
    old_records.rules(session, ward)
    old_records.aged(session)
    session.execute(select(unit_on_duty(ward.unit.id)))
    pavel, ada = ward.staff["pavel"].id, ward.staff["ada"].id
    old = purge.ask(session, pavel, key=uuid4(), unit_id=ward.unit.id, now=clock.now())
    purge.answer(session, ada, old, key=uuid4(), verdict=Verdict.APPROVED, now=clock.now())
    held = old_records.gone(session, ward)
    care.purge(session, ward, held)
    retention.hold(
        session, pavel, key=uuid4(), unit_id=ward.unit.id, reason="a complaint", stay=held
    )


def test_the_pages_are_sound(pavel: tuple[Page, int], served: Served) -> None:
    page, patient = pavel
    found = []
    for path in (
        "/privacy",
        "/privacy/log",
        f"/privacy/log?patient={patient}",
        "/privacy/retention",
    ):
        for theme in ("light", "night"):
            _wear(page, theme)
            for width in WIDTHS:
                page.set_viewport_size({"width": width, "height": 1000})
                page.goto(served.address + path)
                page.wait_for_timeout(300)
                name = path.strip("/").replace("/", "-").partition("?")
                _keep(page, f"{name[0]}{'-patient' if name[1] else ''}-{width}-{theme}")
                found += _axe(page, f"{path} {width} {theme}")
                overflow = page.evaluate(
                    "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                )
                if overflow > 0:
                    found.append(f"{path} {width} {theme}: {overflow} px too wide")
    assert found == []
